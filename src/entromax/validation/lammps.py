"""The potential where potentials live: LAMMPS against ASE, dynamics at constant energy, speed."""

import json
import logging
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from entromax.config.models import LammpsRunSettings
from entromax.potentials import lammps_program, lammps_python, load_potential
from entromax.potentials.base import CARD
from entromax.potentials.lammps_program import LOG, SETUP, LammpsError, Results, dynamics_commands, read_dynamics
from entromax.runtime import atomic_path, package_version, write_json
from entromax.structures.geometry import bare, supercell
from entromax.structures.io import read_structures
from entromax.structures.kinds import without_free_atoms
from entromax.validation.robustness import lowest_crystal

log = logging.getLogger(__name__)

TOLERANCE = 1e-6
"""Up to which LAMMPS and ASE agree [eV/atom, eV/Å, eV/Å^3]."""
TEMPERATURE, TIMESTEP = 300.0, 0.001
"""Of the run at constant energy [K, ps]."""
CRYSTAL = "crystal.data"


def validate_lammps(
    datasets: Sequence[str | Path],
    reference: str | Path,
    potential: str | Path,
    *,
    ground_state: str,
    settings: LammpsRunSettings,
    seed: int,
    metrics: str | Path,
    input_file: str | Path,
    data_file: str | Path,
) -> None:
    """Run a potential in LAMMPS: with its pair style where this LAMMPS has it, else through Python.

    Args:
        datasets: labelled structures; the first ones are compared.
        reference: extended XYZ of the labelled crystals.
        potential: folder of the potential.
        ground_state: crystal of the dynamics (``config_type`` in ``reference``).
        settings: numbers of structures, atoms and steps; the program.
        seed: of the velocities.
        metrics: JSON written: ``how`` (``pair style`` or ``python``), ``reason`` (why not the pair style),
            ``structures``, largest ``differences`` of LAMMPS and ASE in ``energy`` [eV/atom], ``forces`` [eV/Å] and
            ``stress`` [eV/Å^3], ``agrees``; ``dynamics``: see ``lammps_program.Dynamics``, None when not run to the
            end; ``stopped``: what LAMMPS said when it did not come to its end.
        input_file: input file of the dynamics written, for a folder with the files of the potential and the data file.
        data_file: its atoms.
    """
    card = json.loads((Path(potential) / CARD).read_text())
    calculator, element = load_potential(potential), card["element"]
    every = [atoms for path in datasets for atoms in without_free_atoms(read_structures(path))]
    structures = [bare(atoms) for atoms in every[: settings.compared]]
    crystal = supercell(lowest_crystal(reference, ground_state), settings.atoms, symmetric=False)
    motion = dynamics_commands(TEMPERATURE, TIMESTEP, settings.steps, seed)
    with tempfile.TemporaryDirectory(prefix="entromax-") as name:
        folder = Path(name)
        shutil.copytree(potential, folder, dirs_exist_ok=True)
        lammps_program.write_data(folder / CRYSTAL, crystal)
        found, reason = _own_style(card["lammps"], structures, settings.command, folder)
        native = found is not None
        if found is None:
            log.info("through Python: %s", reason)
            found = lammps_python.run_structures(structures, folder, calculator, element)
        pair = card["lammps"] or lammps_python.NO_PAIR_STYLE.strip()
        whole = SETUP.format(data=CRYSTAL) + f"{pair}\n{motion}"
        dynamics, stopped = None, ""
        try:
            if native:
                lammps_program.run_program(settings.command, whole, folder)
            elif settings.through_python:
                lammps_python.run_commands(folder, CRYSTAL, motion, calculator, element)
            if native or settings.through_python:
                dynamics = asdict(read_dynamics(folder / LOG, len(crystal), TIMESTEP))
        except LammpsError as error:  # a poor potential loses atoms: a result of its validation, no failure of the job
            stopped = str(error)
            log.warning("the dynamics stopped: %s", stopped)
        with atomic_path(input_file) as temporary:
            temporary.write_text(_heading(reason) + whole)
        with atomic_path(data_file) as temporary:
            shutil.copy(folder / CRYSTAL, temporary)
    differences = compare(structures, found, calculator)
    write_json(
        metrics,
        {
            "lammps": package_version("lammps"),
            "how": "pair style" if native else "python",
            "reason": reason,
            "structures": len(structures),
            "differences": differences,
            "agrees": max(differences.values(), default=0.0) <= TOLERANCE,
            "atoms": len(crystal),
            "steps": settings.steps,
            "dynamics": dynamics,
            "stopped": stopped,
        },
    )


def _own_style(
    pair: str | None, structures: Sequence[Atoms], command: str, folder: Path
) -> tuple[list[Results] | None, str]:
    """Return the results with the pair style of the potential, or None and why there are none."""
    if pair is None:
        return None, "LAMMPS has no pair style for this potential"
    try:
        return lammps_program.run_structures(command, pair, structures, folder), ""
    except LammpsError as error:
        return None, str(error)


def _heading(reason: str) -> str:
    """Return the comment above an input file."""
    not_run = f"# NOT RUN by the campaign: {reason}\n" if reason else ""
    return f"# run it in a folder that holds {CRYSTAL} and the files of the potential\n{not_run}"


def compare(structures: Sequence[Atoms], found: Sequence[Results], calculator: BaseCalculator) -> dict[str, Any]:
    """Return the largest differences of LAMMPS and ASE: energy [eV/atom], forces [eV/Å], stress [eV/Å^3]."""
    rows = []
    for atoms, theirs in zip(structures, found, strict=True):
        own = bare(atoms)
        own.calc = calculator
        pairs = (
            (own.get_potential_energy() / len(own), theirs.energy / len(own)),
            (own.get_forces(), theirs.forces),
            (own.get_stress(), theirs.stress),
        )
        rows.append([float(np.abs(np.subtract(*pair)).max()) for pair in pairs])
    return dict(zip(("energy", "forces", "stress"), np.max(rows, axis=0).tolist(), strict=True)) if rows else {}
