"""A fitted SNAP: its numbers, its ASE calculator, and its files for LAMMPS."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import atomic_numbers
from torch import Tensor

from entromax.features import Batch, NeighbourList, pair_vectors
from entromax.features.bispectrum import Bispectrum, bispectrum_triples
from entromax.potentials.core import Core, with_room
from entromax.potentials.design import growth, load_numbers, rows_and_targets, save_numbers, spread
from entromax.potentials.lammps_run import snap_rows
from entromax.potentials.zbl import Zbl, from_pairs

if TYPE_CHECKING:
    from entromax.potentials.base import FitData
    from entromax.potentials.snap import SnapSettings

MODEL, INCLUDE = "snap.npz", "snap.lammps"
RFAC0 = 0.99363
SKIN = 0.5
"""Extra radius within which neighbours are remembered between steps [Å]."""


@dataclass(frozen=True)
class SnapModel:
    """The energy of an atom is e0 + c + beta . b + b . alpha . b / 2, b its bispectrum minus that of a free atom.

    Attributes:
        element: chemical symbol.
        cutoff: [Å].
        twojmax: twice the largest angular momentum.
        quadratic: with alpha.
        e0: energy of the free atom [eV].
        zbl: radii of the ZBL repulsion [Å]; none without it.
        coefficients: [p] c, beta, then the upper triangle of alpha row by row [eV]: the order of LAMMPS.
        deviations: [M, p] committee, see ``LinearFit``.
        scales: factors that calibrate the standard deviations of energy and forces.
    """

    element: str
    cutoff: float
    twojmax: int
    quadratic: bool
    e0: float
    zbl: tuple[float, float] | None
    coefficients: np.ndarray
    deviations: np.ndarray
    scales: tuple[float, float] = (1.0, 1.0)

    @property
    def core(self) -> Core:
        """The repulsion below it."""
        return Core(self.element, self.zbl)

    def save(self, path: Path) -> None:
        """Write all numbers to one npz."""
        save_numbers(self, path)

    @classmethod
    def load(cls, path: Path) -> "SnapModel":
        """Read what ``save`` wrote."""
        return cls(**{"zbl": None} | load_numbers(path))

    def write_lammps(self, folder: Path) -> None:
        """Write ``<element>.snapcoeff``, ``<element>.snapparam`` and a file to include in an input of LAMMPS."""
        constant, *others = self.coefficients.tolist()
        numbers = "\n".join(map(repr, [self.e0 + constant, *others]))
        head = f"# {self.element}, eV; written by entromax\n1 {len(self.coefficients)}\n{self.element} 0.5 1.0\n"
        parameters = (
            f"rcutfac {self.cutoff!r}\ntwojmax {self.twojmax}\nrfac0 {RFAC0}\nrmin0 0\nswitchflag 1\nbzeroflag 1\n"
            f"quadraticflag {int(self.quadratic)}\n"
        )
        files = {"snapcoeff": f"{head}{numbers}\n", "snapparam": f"# {self.element}, Å\n{parameters}"}
        for kind, text in files.items():
            (folder / f"{self.element}.{kind}").write_text(text)
        (folder / INCLUDE).write_text(f"# units metal; include from this folder\n{self.commands()}\n")

    def commands(self) -> str:
        """Return the commands of LAMMPS that use the files."""
        files = f"{self.element}.snapcoeff {self.element}.snapparam {self.element}"
        return self.core.commands("snap", files)

    def compute_arguments(self) -> str:
        """Return the arguments of ``compute snap`` of LAMMPS for the same components."""
        return (
            f"{self.cutoff!r} {RFAC0} {self.twojmax} 0.5 1.0 rmin0 0 switchflag 1 bzeroflag 1 "
            f"quadraticflag {int(self.quadratic)}"
        )


@dataclass(frozen=True)
class SnapDesign:
    """Structures as rows of LAMMPS, above free atoms and ZBL; see ``linear.Design``."""

    model: SnapModel
    constant: bool

    @classmethod
    def untrained(cls, settings: "SnapSettings", data: "FitData", cutoff: float, e0: float) -> "SnapDesign":
        """Return the design with a cutoff [d_nn] and the energy of the free atom [eV]."""
        dim = len(bispectrum_triples(settings.twojmax))
        columns = 1 + dim + (dim * (dim + 1) // 2 if settings.quadratic else 0)
        model = SnapModel(
            element=data.element,
            cutoff=cutoff * data.d_nn,
            twojmax=settings.twojmax,
            quadratic=settings.quadratic,
            e0=e0,
            zbl=Core.of(data.element, settings.zbl, data.d_nn).zbl,
            coefficients=np.zeros(columns),
            deviations=np.zeros((settings.members, columns)),
        )
        return cls(model, settings.constant)

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return self.model.coefficients.size

    def scale(self, sizes: np.ndarray) -> np.ndarray:
        """Return the scale of the coefficients: the degree of a component is j1 + j2 + j, of a product their sum."""
        degrees = np.array(bispectrum_triples(self.model.twojmax)).sum(axis=1) / 2
        if self.model.quadratic:
            first, second = np.triu_indices(len(degrees))
            degrees = np.concatenate([degrees, degrees[first] + degrees[second]])
        return sizes * np.concatenate([[1.0], growth(degrees)])

    def rows(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and targets of a labelled structure."""
        functions = snap_rows(atoms, self.model.compute_arguments(), self.model.cutoff)
        rows, targets = rows_and_targets(atoms, functions, self.model.core, self.model.e0)
        constant = np.zeros((len(rows), 1))
        constant[0] = self.constant
        return np.hstack([constant, rows]), targets

    def energy(self, atoms: Atoms) -> tuple[np.ndarray, float]:
        """Return the row of the energy per atom and the repulsion below it [eV/atom]."""
        row = snap_rows(atoms, self.model.compute_arguments(), self.model.cutoff)[0] / len(atoms)
        return np.concatenate([[float(self.constant)], row]), self.model.core.repulsion(atoms)[0] / len(atoms)


class SnapCalculator(Calculator):
    """SNAP with the bispectrum of this package; LAMMPS is not needed.

    Directions without periodicity are given room; the stress exists for structures periodic in all three.
    """

    def __init__(self, model: SnapModel, **kwargs: Any) -> None:
        """Prepare features and coefficients."""
        super().__init__(**kwargs)
        self.implemented_properties = [
            *("energy", "free_energy", "energies", "forces", "stress"),
            *("energy_std", "forces_std"),
        ]
        self.model = model
        self._features = Bispectrum(model.cutoff, model.twojmax, RFAC0)
        empty = torch.zeros(0, 3, dtype=torch.float64)
        self._zero = self._features(empty, torch.zeros(0, dtype=torch.long), 1)
        self._mean = _Coefficients(model.coefficients, self._features.dim)
        self._members = [_Coefficients(row, self._features.dim) for row in model.deviations]
        self._zbl = Zbl(atomic_numbers[model.element], *model.zbl) if model.zbl else None
        self._neighbours = NeighbourList(model.cutoff, SKIN)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Fill ``results``; the standard deviations only when asked for, see ``Family.load``."""
        super().calculate(atoms, properties, system_changes)
        wanted = set(self.atoms.get_chemical_symbols())
        if wanted != {self.model.element}:
            raise ValueError(
                f"this potential is for {self.model.element}, the structure holds {', '.join(sorted(wanted))}"
            )
        batch = Batch.from_atoms([with_room(self.atoms, self.model.cutoff)])
        pairs = self._neighbours(batch)
        vectors = pair_vectors(batch.positions, batch.cells, batch.system, pairs).requires_grad_()
        b = self._features(vectors, pairs.i, len(self.atoms)) - self._zero
        energies = self.model.e0 + self._mean.energies(b)
        if self._zbl is not None:
            halves = self._zbl(torch.linalg.vector_norm(vectors, dim=1)) / 2
            energies = energies.index_add(0, pairs.i, halves)

        def derivatives(energy: Tensor) -> tuple[np.ndarray, np.ndarray]:
            (gradient,) = torch.autograd.grad(energy, vectors, retain_graph=True)
            return from_pairs(gradient, vectors.detach(), pairs, len(self.atoms))

        forces, virial = derivatives(energies.sum())
        values = energies.detach().numpy()
        energy = float(values.sum())
        self.results = {"energy": energy, "free_energy": energy, "energies": values, "forces": forces}
        if self.atoms.pbc.all():
            self.results["stress"] = virial / self.atoms.get_volume()
        if "energy_std" in properties or "forces_std" in properties:
            parts = [member.energies(b).sum() for member in self._members]
            scale_energy, scale_forces = self.model.scales
            self.results["energy_std"] = scale_energy * float(
                spread(np.array([float(part.detach()) for part in parts]))
            )
            if "forces_std" in properties:
                self.results["forces_std"] = scale_forces * spread(np.array([derivatives(part)[0] for part in parts]))


class _Coefficients:
    """Coefficients as constant, vector and, for a quadratic potential, symmetric matrix."""

    def __init__(self, coefficients: np.ndarray, dim: int) -> None:
        self._constant = float(coefficients[0])
        self._beta = torch.tensor(coefficients[1 : dim + 1])
        self._alpha: Tensor | None = None
        if len(coefficients) > dim + 1:
            alpha = np.zeros((dim, dim))
            alpha[np.triu_indices(dim)] = coefficients[dim + 1 :]
            self._alpha = torch.tensor(alpha + np.triu(alpha, 1).T)

    def energies(self, b: Tensor) -> Tensor:
        """Energies [N] of atoms with components b [N, D]."""
        if self._alpha is None:
            return self._constant + b @ self._beta
        return self._constant + b @ self._beta + 0.5 * (b @ self._alpha * b).sum(1)
