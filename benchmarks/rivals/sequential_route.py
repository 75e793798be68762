"""The one-structure-at-a-time route to a diverse dataset, as the public codes go: ASE BFGS on LAMMPS descriptors.

Energy of one structure: U_core + U_volume + U_shape - K H, H the entropy of the dataset so far with this structure,
by the formulae of `docs/method.md` in plain numpy. Descriptors come from `compute sna/atom`; the gradient of H in
positions and strain from the gradients of LAMMPS (`lammps_descriptors.py`).

What is given to this route that the public codes do not have: the entropy acts on the cell, too; one LAMMPS instance
serves a whole relaxation; K is set for every structure so that the largest entropic force has a given size; and of all
points that BFGS visits, the one of highest H inside the hard bounds is taken, so hardly an attempt is lost.
"""

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import vesin
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.filters import UnitCellFilter
from ase.optimize import BFGS
from ase.stress import full_3x3_to_voigt_6_stress
from scipy.linalg import cho_factor, cho_solve

from benchmarks.rivals.lammps_descriptors import LammpsDescriptors
from entromax.config.models import CellSettings, FeatureSettings
from entromax.entropy.state import EntropyState
from entromax.structures.constraints import HARD_CORE, HEIGHT_MARGIN, VOLUME_MARGIN

_LOST = 3.0  # a height at 0.4 of its bound, or a volume 1.7 times too large


@dataclass(frozen=True)
class Sequential:
    """Choices of this route: of push 0.2 and 0.5, alpha 1.5 and 5, 30 and 60 steps the one of highest H.

    Attributes:
        push: largest entropic force at the start of a relaxation [1].
        alpha: stiffness that BFGS starts from [1/d_nn^2].
        steps: largest number of steps.
        way: how gradients are pulled back, `computes` or `adjoint`.
    """

    push: float = 0.2
    alpha: float = 1.5
    steps: int = 60
    way: str = "adjoint"


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

    def __init__(
        self,
        descriptors: LammpsDescriptors,
        state: EntropyState,
        cells: CellSettings,
        volume: np.ndarray,
        push: float = 0.2,
    ) -> None:
        super().__init__()
        self.implemented_properties = ["energy", "forces", "stress"]
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
            free: Any = UnitCellFilter(atoms)
            BFGS(free, logfile=None, alpha=options.alpha, maxstep=0.1).run(fmax=0.01, steps=options.steps)
        descriptors.close()
    return atoms.calc.visited
