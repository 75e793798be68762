"""A linear ACE: its design matrix, its files, and its ASE calculator; all through pyace."""

import importlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import voigt_6_to_full_3x3_strain

from entromax.potentials.core import Core, with_room
from entromax.potentials.design import growth, load_numbers, rows_and_targets, save_numbers, spread
from entromax.structures.geometry import right_handed

if TYPE_CHECKING:
    from entromax.potentials.ace import AceSettings
    from entromax.potentials.base import FitData

BASIS, ACTIVE_SET, MODEL, LAMMPS = "ace.yaml", "ace.asi", "ace.npz", "ace.yace"
STRAIN = 1e-4
"""Step of the central differences that give the stress rows [1]: their error is about its square."""


def import_pyace(name: str = "pyace") -> Any:
    """Import a module of pyace, whose import otherwise sets the root logger to INFO and gives it a handler."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    module = importlib.import_module(name)
    root.setLevel(level)
    root.handlers[:] = handlers
    return module


@dataclass(frozen=True)
class AceModel:
    """What belongs to a linear ACE beside its basis.

    Attributes:
        element: chemical symbol.
        e0: energy of the free atom [eV].
        zbl: radii of the ZBL repulsion [Å]; none without it.
        deviations: [M, p] committee, see ``LinearFit``.
        scales: factors that calibrate the standard deviations of energy and forces.
    """

    element: str
    e0: float
    zbl: tuple[float, float] | None
    deviations: np.ndarray
    scales: tuple[float, float] = (1.0, 1.0)

    def save(self, path: Path) -> None:
        """Write all numbers to one npz."""
        save_numbers(self, path)

    @classmethod
    def load(cls, path: Path) -> "AceModel":
        """Read what ``save`` wrote."""
        return cls(**{"zbl": None} | load_numbers(path))

    @cached_property
    def core(self) -> Core:
        """The repulsion below it."""
        return Core(self.element, self.zbl)

    def commands(self) -> str:
        """Return the commands of a LAMMPS with the package ML-PACE."""
        return self.core.commands("pace", f"{LAMMPS} {self.element}")


class AceBasis:
    """B functions of one element, their values and derivatives."""

    def __init__(self, basis: Any) -> None:
        """Prepare the evaluation.

        Args:
            basis: ``pyace.ACEBBasisSet``.
        """
        pyace = import_pyace()
        self.basis = basis
        self.size = len(basis.basis_coeffs)
        self._environment = pyace.aseatoms_to_atomicenvironment
        # The calculator holds no reference to the evaluator: without ours it would be freed under it.
        self._evaluator = pyace.ACEBEvaluator(basis)
        self._calculator = pyace.ACECalculator(self._evaluator)

    def degrees(self) -> np.ndarray:
        """Return sum (n - 1) + sum l over the factors of every function [p]."""
        functions = [*self.basis.basis_rank1[0], *self.basis.basis[0]]
        return np.array([sum(n - 1 for n in function.ns) + sum(function.ls) for function in functions], dtype=float)

    def projections(self, atoms: Atoms, gradients: bool = False) -> np.ndarray:
        """Return the B functions [N, p] of a periodic structure in a right-handed cell."""
        environment = self._environment(
            atoms, cutoff=self.basis.cutoffmax, elements_mapper_dict=self.basis.elements_to_index_map
        )
        self._calculator.compute(environment, compute_projections=True, compute_b_grad=gradients)
        return np.array(self._calculator.projections).reshape(len(atoms), self.size)

    def forces(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """Return B functions [N, p], and forces [N, 3, p] per unit of each coefficient."""
        values = self.projections(atoms, gradients=True)
        return values, np.array(self._calculator.forces_bfuncs).transpose(0, 2, 1)

    def rows(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what every coefficient alone would give.

        pyace has no derivatives in the cell: those are central differences.

        Returns:
            Energy [p], forces [N, 3, p] and stress [6, p] (ASE's order and sign), per unit of the coefficient [eV].
        """
        values, forces = self.forces(atoms)
        stress = []
        for component in range(6):
            ends = []
            for sign in (1, -1):
                strain = np.zeros(6)
                strain[component] = sign * STRAIN
                strained = atoms.copy()
                deformation = voigt_6_to_full_3x3_strain(strain)  # ASE's includes the identity
                strained.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
                ends.append(self.projections(strained).sum(axis=0))
            stress.append((ends[0] - ends[1]) / (2 * STRAIN * atoms.get_volume()))
        return values.sum(axis=0), forces, np.array(stress)


@dataclass(frozen=True)
class AceDesign:
    """Structures as rows of a basis, above free atoms and ZBL; see ``linear.Design``."""

    basis: AceBasis
    model: AceModel

    @classmethod
    def untrained(cls, settings: "AceSettings", data: "FitData", cutoff: float, e0: float) -> "AceDesign":
        """Return the design with a cutoff [d_nn] and the energy of the free atom [eV]."""
        basis = AceBasis(new_basis(settings, data.element, cutoff * data.d_nn))
        zbl = Core.of(data.element, settings.zbl, data.d_nn).zbl
        return cls(basis, AceModel(data.element, e0, zbl, deviations=np.zeros((settings.members, basis.size))))

    @property
    def size(self) -> int:
        """Number of functions."""
        return self.basis.size

    def scale(self, sizes: np.ndarray) -> np.ndarray:
        """Return the scale of the coefficients; see ``design.growth``."""
        return sizes * growth(self.basis.degrees())

    def rows(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and targets of a labelled structure in a right-handed cell."""
        return rows_and_targets(atoms, self.basis.rows(atoms), self.model.core, self.model.e0)

    def energy(self, atoms: Atoms) -> tuple[np.ndarray, float]:
        """Return the row of the energy per atom and the repulsion below it [eV/atom]."""
        return self.basis.projections(atoms).mean(axis=0), self.model.core.repulsion(atoms)[0] / len(atoms)


def new_basis(settings: "AceSettings", element: str, cutoff: float) -> Any:
    """Return ``pyace.ACEBBasisSet`` with the first B functions that the settings span, with a cutoff in Å."""
    pyace = import_pyace()
    specification = {
        "deltaSplineBins": 0.001,
        "elements": [element],
        "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "fs_parameters": [1, 1], "ndensity": 1}},
        "bonds": {"ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": cutoff, "dcut": 0.01}},
        "functions": {
            "number_of_functions_per_element": settings.functions,
            "ALL": {"nradmax_by_orders": settings.n_max, "lmax_by_orders": settings.l_max},
        },
    }
    return pyace.ACEBBasisSet(pyace.create_multispecies_basis_config(specification))


class AceCalculator(Calculator):
    """Linear ACE over free atoms and ZBL, with committee and extrapolation grade.

    Directions without periodicity are given room; the stress exists for structures periodic in all three.
    """

    def __init__(self, folder: Path, **kwargs: Any) -> None:
        """Read the files of a fitted potential."""
        super().__init__(**kwargs)
        self.implemented_properties = ["energy", "free_energy", "forces", "stress"]
        self.implemented_properties += ["energy_std", "forces_std", "extrapolation"]
        self.model = AceModel.load(folder / MODEL)
        self._pyace = import_pyace().PyACECalculator(str(folder / BASIS))
        self._pyace.set_active_set(str(folder / ACTIVE_SET))
        self._basis = AceBasis(self._pyace.basis)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Fill ``results``; the standard deviation of forces only when asked for, see ``Family.load``."""
        super().calculate(atoms, properties, system_changes)
        whole = right_handed(with_room(self.atoms, self._pyace.cutoff))
        self._pyace.calculate(whole)
        found = self._pyace.results
        energy, forces, stress = self.model.core.repulsion(whole)
        total = found["energy"] + len(whole) * self.model.e0 + energy
        self.results = {
            "energy": total,
            "free_energy": total,
            "forces": found["forces"] + forces,
            "extrapolation": found["gamma"],
        }
        if self.atoms.pbc.all():
            self.results["stress"] = found["stress"] + stress
        scale_energy, scale_forces = self.model.scales
        sums = np.asarray(self._pyace.projections).sum(axis=0)
        self.results["energy_std"] = scale_energy * spread(self.model.deviations @ sums)
        if "forces_std" in properties:
            of_forces = self._basis.forces(whole)[1]
            self.results["forces_std"] = scale_forces * spread(np.moveaxis(of_forces @ self.model.deviations.T, -1, 0))
