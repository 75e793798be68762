"""A family of potentials of your own: Morse pairs, in one file that entromax never heard of.

Copy this file to your campaign and name it in the configuration (docs/plugin.md):

    potentials:
      morse: {family: plugin, file: morse.py, options: {cutoff: 2.2}}

Or put it into src/entromax/potentials/ of your copy of entromax, and write `morse: {family: morse, cutoff: 2.2}`.
"""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.calculators.morse import MorsePotential
from pydantic import Field
from scipy.optimize import least_squares

from entromax.config.models import PotentialSettings
from entromax.potentials.base import Family, FitData, FitError, split_free_atom

MODEL = "morse.json"


class MorseSettings(PotentialSettings):
    """Morse pairs: a teaching potential."""

    family: Literal["morse"] = "morse"
    cutoff: float = Field(2.2, gt=1.2, le=4, description="pairs beyond it do not interact [d_nn]")
    force_weight: float = Field(1.0, ge=0, description="weight of a force error over that of an energy error [Å]")
    energy_scale: float = Field(5.0, gt=0, description="weights fall as exp(-E/energy_scale), E above lowest [eV/atom]")


class OverFreeAtoms(MorsePotential):
    """ASE's Morse potential, shifted to the energy of free atoms."""

    def __init__(self, e0: float, **parameters: float) -> None:
        super().__init__(**parameters)
        self.e0 = e0

    def calculate(self, *arguments: Any, **options: Any) -> None:
        """Fill ``results``."""
        super().calculate(*arguments, **options)
        for name in ("energy", "free_energy"):
            if name in self.results:
                self.results[name] += self.e0 * len(self.atoms)


class MorseFamily(Family[MorseSettings]):
    """E = sum over pairs of epsilon (exp(-2 rho (r/r0 - 1)) - 2 exp(-rho (r/r0 - 1))), in ASE's parameters."""

    name = "morse"
    settings = MorseSettings
    citation = "P. M. Morse, Phys. Rev. 34, 57 (1929). A teaching potential."

    def fit(self, data: FitData, settings: MorseSettings, folder: Path) -> dict[str, Any]:
        """Fit epsilon [eV], rho and r0 [Å] to energies and forces by weighted least squares."""
        atom, bulk = split_free_atom(data.train)
        e0, reach = float(atom.info["REF_energy"]), settings.cutoff * data.d_nn
        energies = np.array([atoms.info["REF_energy"] / len(atoms) for atoms in bulk])
        roots = np.exp((energies.min() - energies) / (2 * settings.energy_scale))

        def parameters(x: np.ndarray) -> dict[str, float]:
            epsilon, rho0, r0 = (float(value) for value in x)
            cutoffs = {"rcut1": 0.8 * reach / r0, "rcut2": reach / r0}  # ASE wants them in units of r0
            return {"e0": e0, "epsilon": epsilon, "rho0": rho0, "r0": r0, **cutoffs}

        def residuals(x: np.ndarray) -> np.ndarray:
            calculator = OverFreeAtoms(**parameters(x))
            return np.concatenate(
                [root * errors(atoms, calculator, settings) for root, atoms in zip(roots, bulk, strict=True)]
            )

        start = np.array([0.3, 4.0, data.d_nn])
        solution = least_squares(residuals, start, bounds=([1e-4, 1, 0.5 * data.d_nn], [10, 12, 2 * data.d_nn]))
        if not solution.success:
            raise FitError(f"scipy found no Morse potential: {solution.message}")
        (folder / MODEL).write_text(json.dumps(parameters(solution.x)))
        return {"evaluations": solution.nfev, "cost": float(solution.cost)}

    def load(self, folder: Path) -> BaseCalculator:
        """Return the calculator of a fitted potential."""
        return OverFreeAtoms(**json.loads((folder / MODEL).read_text()))

    def export(self, folder: Path, element: str) -> str | None:
        """Return None: ``pair_style morse`` of LAMMPS has another cutoff."""
        return None


def errors(atoms: Atoms, calculator: BaseCalculator, settings: MorseSettings) -> np.ndarray:
    """Return the errors of the energy per atom and, weighted, of all forces of one structure."""
    bare = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc, calculator=calculator)
    energy = (bare.get_potential_energy() - atoms.info["REF_energy"]) / len(atoms)
    forces = bare.get_forces() - atoms.arrays["REF_forces"]
    return np.concatenate([[energy], settings.force_weight * forces.ravel() / (3 * len(atoms)) ** 0.5])


FAMILY = MorseFamily()
