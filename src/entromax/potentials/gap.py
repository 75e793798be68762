"""Gaussian approximation potential: two-body and SOAP kernels, fitted by ``gap_fit`` of quippy."""

import importlib.util
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.data import atomic_numbers
from pydantic import Field, model_validator

from entromax.config.models.base import Positive
from entromax.config.models.potentials import HeightSettings
from entromax.potentials.anchors import Anchor, short_range_anchors
from entromax.potentials.base import Family, FitData, FitError, split_free_atom
from entromax.potentials.core import Core
from entromax.potentials.weights import expected_errors, heights
from entromax.structures import write_structures
from entromax.structures.geometry import bare
from entromax.structures.kinds import ISOLATED, kind_of

MODEL, LOG, TRAINING, CORE = "gap.xml", "gap_fit.log", "train.extxyz", "core.json"
SPARSE_JITTER = 1e-8
SIGMA_ATOM = 1e-4
"""Expected error of the free atom [eV]: it fixes the zero of energy."""


class GapSettings(HeightSettings):
    """Gaussian approximation potential: two-body + SOAP over a ZBL repulsion, fitted by quippy's gap_fit."""

    family: Literal["gap"] = "gap"
    cutoff: float = Field(2.2, gt=1, le=4, description="cutoff radius [d_nn]")
    transition: float = Field(0.4, gt=0, le=2, description="width in which the cutoff sets in [d_nn]")
    n_max: int = Field(8, ge=2, le=14, description="SOAP radial functions")
    l_max: int = Field(6, ge=1, le=12, description="SOAP largest angular momentum")
    atom_sigma: float = Field(0.25, gt=0.05, le=0.6, description="width of the SOAP density of an atom [d_nn]")
    zeta: int = Field(4, ge=1, le=8, description="power of the SOAP kernel")
    delta: float = Field(0.5, gt=0, description="prior width of the SOAP energy of an atom [eV]")
    delta_two_body: float = Field(10.0, gt=0, description="prior width of the two-body energy of a pair [eV]")
    theta_two_body: float = Field(0.4, gt=0, le=2, description="length scale of the two-body kernel [d_nn]")
    n_sparse: int = Field(500, ge=10, description="SOAP sparse points (at most the number of environments)")
    n_sparse_two_body: int = Field(20, ge=5, description="two-body sparse points")
    sigma_energy: float = Field(0.005, gt=0, description="expected error of energies of the lowest [eV/atom]")
    sigma_force: float = Field(0.1, gt=0, description="expected error of its forces [eV/Å]")
    sigma_stress: float = Field(0.003, gt=0, description="expected error of its stresses [eV/Å^3]")
    zbl: list[Positive] | None = Field(
        [0.5, 0.8],
        min_length=2,
        max_length=2,
        description="radii between which the ZBL repulsion goes to zero [d_nn]; null: no ZBL",
    )

    @model_validator(mode="after")
    def _repulsion_inside(self) -> "GapSettings":
        if self.zbl is not None and not self.zbl[0] < self.zbl[1] <= self.cutoff:
            raise ValueError(f"zbl: {self.zbl} must ascend and end below the cutoff {self.cutoff} [d_nn]")
        return self


class GapFamily(Family[GapSettings]):
    """GAP; its code is under its own academic licence."""

    name = "gap"
    settings = GapSettings
    citation = (
        "A. P. Bartók et al., Phys. Rev. Lett. 104, 136403 (2010); A. P. Bartók et al., Phys. Rev. B 87, 184115 "
        "(2013). The GAP code has its own academic licence."
    )
    licence = "academic (GAP); GPL-2.0 (QUIP)"
    requires = "quippy"
    remedy = "install quippy-ase (see envs/)"

    def fit(self, data: FitData, settings: GapSettings, folder: Path) -> dict[str, Any]:
        """Fit with ``gap_fit``; see ``Family.fit``."""
        free, bulk = split_free_atom(data.train)
        core = Core.of(data.element, settings.zbl, data.d_nn)
        core.save(folder / CORE)
        lowest = settings.sigma_energy, settings.sigma_force, settings.sigma_stress
        errors = expected_errors(heights(bulk), lowest, settings.height, data.noise)
        anchors = short_range_anchors(bulk, data.element, data.d_nn, data.seed)
        energy = float(free.info["REF_energy"])
        training = [
            boxed(free, 4 * settings.cutoff * data.d_nn),
            *(prepared(atoms, error, core) for atoms, error in zip(bulk, errors, strict=True)),
            *(anchored(anchor, energy, core) for anchor in anchors),
        ]
        write_structures(folder / TRAINING, training)
        environments = sum(map(len, bulk))
        command = gap_fit_command(settings, d_nn=data.d_nn, environments=environments, seed=data.seed)
        with (folder / LOG).open("w") as log:
            log.write(" ".join(command) + "\n")
            log.flush()
            environment = {**os.environ, "OMP_NUM_THREADS": str(data.threads)}
            finished = subprocess.run(
                command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, env=environment, check=False
            )
        (folder / f"{TRAINING}.idx").unlink(missing_ok=True)
        if finished.returncode != 0 or not (folder / MODEL).is_file():
            raise FitError(_explain(folder, finished.returncode))
        require_targets(folder / LOG, training)
        return {"environments": environments, "n_sparse": min(settings.n_sparse, environments), "log": LOG}

    def load(self, folder: Path) -> BaseCalculator:
        """Return quippy's calculator, over the repulsion; see ``Family.load``."""
        from quippy.potential import Potential  # slow to import, and not needed to fit

        return Core.load(folder / CORE).below(Potential(param_filename=str(folder / MODEL)))

    def export(self, folder: Path, element: str) -> str | None:
        """Return commands for LAMMPS with the package ML-QUIP; see ``Family.export``."""
        return Core.load(folder / CORE).commands("quip", f'{MODEL} "" {atomic_numbers[element]}')


def boxed(free: Atoms, box: float) -> Atoms:
    """Return the free atom in a cubic box of this edge [Å]: its images must be out of reach."""
    atom = Atoms(free.numbers, positions=[[box / 2] * 3], cell=[box] * 3, pbc=True)
    atom.arrays["REF_forces"] = np.zeros((1, 3))
    atom.info = {"REF_energy": free.info["REF_energy"], "config_type": ISOLATED, "energy_sigma": SIGMA_ATOM}
    return atom


def prepared(atoms: Atoms, errors: np.ndarray, core: Core) -> Atoms:
    """Return a copy of a labelled structure as ``gap_fit`` reads it: above the core, with virial and expected errors.

    The error of a total energy is that of N independent atoms, sqrt(N) times that of an energy per atom; the error of a
    virial is that of the stress times the volume.

    Args:
        atoms: with ``REF_`` keys.
        errors: [3] expected, of energy [eV/atom], forces [eV/Å] and stress [eV/Å^3].
        core: repulsion that the potential stands on.
    """
    copy = bare(atoms)
    energy, forces, stress = core.repulsion(copy)
    volume = float(atoms.get_volume())
    xx, yy, zz, yz, xz, xy = -volume * (np.asarray(atoms.info["REF_stress"], dtype=float) - stress)
    copy.arrays["REF_forces"] = atoms.arrays["REF_forces"] - forces
    copy.info = {
        "REF_energy": float(atoms.info["REF_energy"]) - energy,
        # Nine numbers in a row: ASE writes a 3 x 3 array as JSON, which gap_fit skips without a word.
        "REF_virial": np.array([xx, xy, xz, xy, yy, yz, xz, yz, zz]),
        "config_type": kind_of(atoms),
        "energy_sigma": float(errors[0]) * len(atoms) ** 0.5,
        "force_sigma": float(errors[1]),
        "virial_sigma": float(errors[2]) * volume,
    }
    return copy


def anchored(anchor: Anchor, free: float, core: Core) -> Atoms:
    """Return an anchor as ``gap_fit`` reads it: an energy alone, above the core; ``free``: of the free atom [eV]."""
    copy, n = bare(anchor.atoms), len(anchor.atoms)
    energy = n * (free + anchor.energy) - core.repulsion(copy)[0]
    copy.info = {"REF_energy": energy, "config_type": "anchor", "energy_sigma": n * anchor.error}
    return copy


def gap_fit_command(settings: GapSettings, *, d_nn: float, environments: int, seed: int) -> list[str]:
    """Return the command line; lengths in Å. ``seed`` makes the choice of sparse points reproducible."""
    cutoff, width = settings.cutoff * d_nn, settings.transition * d_nn
    two_body = (
        f"distance_2b cutoff={cutoff:.6f} cutoff_transition_width={width:.6f} covariance_type=ard_se "
        f"delta={settings.delta_two_body} theta_uniform={settings.theta_two_body * d_nn:.6f} "
        f"sparse_method=uniform n_sparse={settings.n_sparse_two_body}"
    )
    soap = (
        f"soap cutoff={cutoff:.6f} cutoff_transition_width={width:.6f} atom_sigma={settings.atom_sigma * d_nn:.6f} "
        f"n_max={settings.n_max} l_max={settings.l_max} zeta={settings.zeta} delta={settings.delta} "
        f"covariance_type=dot_product sparse_method=cur_points n_sparse={min(settings.n_sparse, environments)}"
    )
    return [
        str(gap_fit_executable()),
        f"at_file={TRAINING}",
        f"gap={{{two_body} : {soap}}}",
        f"default_sigma={{{settings.sigma_energy} {settings.sigma_force} {settings.sigma_stress} 0.0}}",
        "energy_parameter_name=REF_energy",
        "force_parameter_name=REF_forces",
        "virial_parameter_name=REF_virial",
        "e0_method=isolated",
        f"sparse_jitter={SPARSE_JITTER}",
        "sparse_separate_file=T",
        "do_copy_at_file=F",
        f"gp_file={MODEL}",
        f"rnd_seed={seed % 2_000_000_000 + 1}",
    ]


def require_targets(log: Path, training: Sequence[Atoms]) -> None:
    """Check that ``gap_fit`` has read every energy, force and virial: it skips what it cannot parse.

    Raises:
        FitError: its log reports other numbers.
    """
    wanted = {
        "energies": len(training),
        "forces": 3 * sum(len(atoms) for atoms in training if atoms.has("REF_forces")),
        "virials": 6 * sum("REF_virial" in atoms.info for atoms in training),  # it counts independent components
    }
    text = log.read_text(errors="replace")
    for name, number in wanted.items():
        match = re.search(rf"Number of target {name} \(property name: \w+\) found:\s*(\d+)", text)
        found = int(match.group(1)) if match else 0
        if found != number:
            raise FitError(f"gap_fit read {found} of {number} {name}; see {log}")


def gap_fit_executable() -> Path:
    """Return the program that quippy brings along; found without importing quippy.

    Raises:
        FitError: quippy is not installed.
    """
    spec = importlib.util.find_spec("quippy")
    if spec is None or spec.origin is None:
        raise FitError("gap_fit is missing: install quippy-ase (see envs/)")
    return Path(spec.origin).parent / "gap_fit"


def _explain(folder: Path, code: int) -> str:
    """Return one message with what gap_fit has said last."""
    lines = [line for line in (folder / LOG).read_text(errors="replace").splitlines() if line.strip()]
    aborts = [line for line in lines if "SYSTEM ABORT" in line or "ERROR" in line]
    said = (aborts or lines or ["nothing"])[-1].strip()
    hint = " (out of memory? lower n_sparse or n_max, or give the job more memory)" if code == -9 else ""
    return f"gap_fit ended with exit code {code}{hint}: {said}"


FAMILY = GapFamily()
