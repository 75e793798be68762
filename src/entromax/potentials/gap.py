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
from pydantic import Field

from entromax.config.models import FamilySettings
from entromax.potentials.base import Family, FitData, FitError, split_free_atom
from entromax.structures import write_structures
from entromax.structures.geometry import bare
from entromax.structures.kinds import ISOLATED, kind_of

MODEL, LOG, TRAINING = "gap.xml", "gap_fit.log", "train.extxyz"
SPARSE_JITTER = 1e-8
SIGMA_ATOM = 1e-4
"""Expected error of the free atom [eV]: it fixes the zero of energy."""


class GapSettings(FamilySettings):
    """Gaussian approximation potential: two-body + SOAP, fitted by quippy's gap_fit."""

    family: Literal["gap"] = "gap"
    cutoff: float = Field(1.8, gt=1, le=4, description="cutoff radius [d_nn]")
    transition: float = Field(
        0.8, gt=0, le=2, description="width of the cutoff; length scale of the two-body kernel [d_nn]"
    )
    n_max: int = Field(8, ge=2, le=14, description="SOAP radial functions")
    l_max: int = Field(6, ge=1, le=12, description="SOAP largest angular momentum")
    atom_sigma: float = Field(0.25, gt=0.05, le=0.6, description="width of the SOAP density of an atom [d_nn]")
    zeta: int = Field(4, ge=1, le=8, description="power of the SOAP kernel")
    delta: float = Field(0.5, gt=0, description="prior width of the SOAP energy of an atom [eV]")
    delta_two_body: float = Field(10.0, gt=0, description="prior width of the two-body energy of a pair [eV]")
    n_sparse: int = Field(500, ge=10, description="SOAP sparse points (at most the number of environments)")
    n_sparse_two_body: int = Field(20, ge=5, description="two-body sparse points")
    sigma_energy: float = Field(0.005, gt=0, description="expected error of energies [eV/atom]")
    sigma_force: float = Field(0.1, gt=0, description="expected error of forces [eV/Å]")
    sigma_stress: float = Field(0.003, gt=0, description="expected error of stresses [eV/Å^3]")
    energy_scale: float = Field(5.0, gt=0, description="errors grow as exp(E/2 energy_scale), E above lowest [eV/atom]")


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
    lammps_package = "ML-QUIP"

    def fit(self, data: FitData, settings: GapSettings, folder: Path) -> dict[str, Any]:
        """Fit with ``gap_fit``; see ``Family.fit``."""
        training = weighted(data.train, settings, box=4 * settings.cutoff * data.d_nn)
        write_structures(folder / TRAINING, training)
        environments = sum(len(atoms) for atoms in training if atoms.info["config_type"] != ISOLATED)
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
        """Return quippy's calculator; see ``Family.load``."""
        from quippy.potential import Potential  # slow to import, and not needed to fit

        return Potential(param_filename=str(folder / MODEL))

    def export(self, folder: Path, element: str) -> str | None:
        """Return commands for LAMMPS with the package ML-QUIP; see ``Family.export``."""
        return f'pair_style quip\npair_coeff * * {MODEL} "" {atomic_numbers[element]}'


def weighted(structures: Sequence[Atoms], settings: GapSettings, box: float) -> list[Atoms]:
    """Return copies as ``gap_fit`` reads them: virials, and the expected errors of every structure.

    The errors grow smoothly with the energy E above the lowest structure, as exp(E / 2 energy_scale), which weighs its
    squared residuals with exp(-E / energy_scale) (METHOD section 8). The error of a total energy is that of N
    independent atoms, sqrt(N) sigma_energy; the error of a virial is V sigma_stress.

    Args:
        structures: with ``REF_`` keys; exactly one free atom.
        settings: expected errors.
        box: edge of the box into which the free atom is put [Å]: its images must be out of reach.

    Raises:
        FitError: not exactly one free atom, or nothing else.
    """
    free, bulk = split_free_atom(structures)
    lowest = min(float(atoms.info["REF_energy"]) / len(atoms) for atoms in bulk)
    atom = Atoms(free.numbers, positions=[[box / 2] * 3], cell=[box] * 3, pbc=True)
    atom.arrays["REF_forces"] = np.zeros((1, 3))
    atom.info = {"REF_energy": free.info["REF_energy"], "config_type": ISOLATED, "energy_sigma": SIGMA_ATOM}
    prepared = [atom]
    for atoms in bulk:
        copy = bare(atoms)
        copy.arrays["REF_forces"] = atoms.arrays["REF_forces"]
        excess = float(atoms.info["REF_energy"]) / len(atoms) - lowest
        scale = float(np.exp(excess / (2 * settings.energy_scale)))
        volume = float(atoms.get_volume())
        xx, yy, zz, yz, xz, xy = -volume * np.asarray(atoms.info["REF_stress"], dtype=float)
        copy.info = {
            "REF_energy": float(atoms.info["REF_energy"]),
            # Nine numbers in a row: ASE writes a 3 x 3 array as JSON, which gap_fit skips without a word.
            "REF_virial": np.array([xx, xy, xz, xy, yy, yz, xz, yz, zz]),
            "config_type": kind_of(atoms),
            "energy_sigma": scale * settings.sigma_energy * len(atoms) ** 0.5,
            "force_sigma": scale * settings.sigma_force,
            "virial_sigma": scale * settings.sigma_stress * volume,
        }
        prepared.append(copy)
    return prepared


def gap_fit_command(settings: GapSettings, *, d_nn: float, environments: int, seed: int) -> list[str]:
    """Return the command line; lengths in Å. ``seed`` makes the choice of sparse points reproducible."""
    cutoff, width = settings.cutoff * d_nn, settings.transition * d_nn
    two_body = (
        f"distance_2b cutoff={cutoff:.6f} cutoff_transition_width={width:.6f} covariance_type=ard_se "
        f"delta={settings.delta_two_body} theta_uniform={width:.6f} "
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
    bulk = [atoms for atoms in training if "REF_virial" in atoms.info]
    wanted = {
        "energies": len(training),
        "forces": 3 * sum(len(atoms) for atoms in training),
        "virials": 6 * len(bulk),  # it counts the independent components
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
