"""What an engine is: settings -> ASE calculator -> label, and the ladder of attempts at a difficult structure."""

import hashlib
import shlex
import shutil
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.data import atomic_numbers, ground_state_magnetic_moments
from ase.geometry import minkowski_reduce

from entromax.config.models import ReferenceSettings
from entromax.config.models.reference import PlaneWaveSettings
from entromax.registry import Entry
from entromax.structures.kinds import is_isolated

S = TypeVar("S", bound=ReferenceSettings)
ATOM_WIDTH = 0.05
"""Largest Fermi-Dirac width of the free atom [eV]: wider ones smear its levels and leave part of Hund's moment."""
START_MOMENT = 1.0
"""Moment of every atom at the start of a spin-polarised calculation [Bohr magnetons]; from 0 it would never leave 0."""
PATIENCE = 3
"""Factor on maxiter for every rung after the first."""
WIDEN = 3.0
"""Factor on the width of the last rung, which changes the physics."""


class UnconvergedError(RuntimeError):
    """The engine ran and did not reach self-consistency."""


class EngineUnavailableError(RuntimeError):
    """The engine cannot work here at all (not installed, set-up of an element missing): no structure is to blame."""


@dataclass(frozen=True)
class Label:
    """Energy, forces and stress of one structure.

    Attributes:
        energy: total free energy [eV], the one whose derivatives the forces are.
        forces: [N, 3], eV/Å.
        stress: [6] Voigt xx yy zz yz xz xy, eV/Å^3, sign of ASE (positive: the cell wants to shrink).
        iterations: self-consistency steps; None for an engine without.
        info: whatever else is worth keeping (k-points, magnetic moment); plain JSON data.
    """

    energy: float
    forces: np.ndarray
    stress: np.ndarray
    iterations: int | None = None
    info: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.energy) and np.isfinite(self.forces).all() and np.isfinite(self.stress).all()):
            raise UnconvergedError("energy, forces or stress are not finite")


@dataclass(frozen=True)
class Rung:
    """One way of running the engine.

    Attributes:
        name: short name, kept with the label.
        changes: what differs from the settings, for people.
        changed_physics: True when the label belongs, strictly, to other settings.
    """

    name: str
    changes: str = ""
    changed_physics: bool = False


class Engine(Entry, ABC, Generic[S]):
    """An electronic-structure code (or a model that stands in for one).

    Attributes:
        settings: the model of its settings.
        distribution: name under which the package that drives it is installed, for its version.
        preload: modules that are slow to import: a worker imports them once, before it forks for every attempt.
        numerical: settings that decide whether and how fast a calculation converges, not what it converges to.
        files: settings that name a file; its content is physics, its name is not.
        optional: settings that are no physics while they are empty.
        convention: counts the changes of our own conventions (set-ups, meaning of a key) that change a label.
        spin: it can be spin-polarised.
        default_level: preset that is taken where nothing is said; None: it has none.
        preset_elements: elements that have presets; empty: all, or no presets at all.
        rungs: ways of running it, the plain one first.
    """

    settings: type[S]
    distribution: ClassVar[str] = "ase"
    preload: ClassVar[Sequence[str]] = ()
    numerical: ClassVar[frozenset[str]] = frozenset()
    files: ClassVar[frozenset[str]] = frozenset()
    optional: ClassVar[frozenset[str]] = frozenset({"extra", "kspacing_atoms"})
    convention: ClassVar[int] = 1
    spin: ClassVar[bool] = False
    default_level: ClassVar[str | int | None] = None
    preset_elements: ClassVar[Sequence[str]] = ()
    rungs: Sequence[Rung] = (Rung("default"),)

    @abstractmethod
    def label(self, atoms: Atoms, settings: S, rung: int, text: Path) -> Label:
        """Label one structure.

        Args:
            atoms: structure [Å]; one of the kind ``ISOLATED`` asks for the treatment of a free atom,
                ``info["kpts"]`` (three counts) overrides the k-point mesh.
            settings: settings of this engine.
            rung: index into ``rungs``.
            text: file for the engine's own output; kept when the calculation fails.

        Raises:
            UnconvergedError: no self-consistency.
            EngineUnavailableError: the engine cannot label any structure of this element.
        """

    def facts(self) -> list[str]:
        """Return what a user should know beside the settings; see ``Entry.facts``."""
        return [*super().facts(), *(["can be spin-polarised"] if self.spin else [])]

    def preset(self, symbol: str, level: object) -> dict[str, Any] | None:
        """Return the settings that a level stands for, for one element; None where there is no such preset."""
        return None

    def resolve(self, settings: S) -> "tuple[Engine[Any], ReferenceSettings]":
        """Return the engine that does the work and the settings in its own model; a plug-in stands for another."""
        return self, settings

    def problem(self, settings: S) -> str | None:
        """Return None when it can run here, else what to do, beginning with the key; imports and starts nothing."""
        if package := self.missing_package():
            return f"reference.engine: the Python package {package!r} is not installed here; {self.remedy}"
        command = getattr(settings, "command", None)
        if command is not None and shutil.which(program := shlex.split(command)[0]) is None:
            return f"reference.command: there is no program {program!r} here; {self.remedy}"
        for key in sorted(self.files):
            name = getattr(settings, key)
            if name is not None and not Path(name).is_file():
                return f"reference.{key}: {name!r} is not a file; name one that exists"
        return None

    def physics(self, settings: S) -> dict[str, Any]:
        """Return what of the settings changes a label, as plain data.

        Raises:
            FileNotFoundError: a file that the settings name is missing.
        """
        physics: dict[str, Any] = settings.model_dump(mode="json", exclude={"level", *self.numerical})
        for key in self.files:
            if physics[key] is not None:
                physics[key] = hashlib.sha256(Path(physics[key]).read_bytes()).hexdigest()
        for key in self.optional:
            if not physics.get(key, True):
                del physics[key]  # without them the labels are those of the time before there were any
        return physics | {"convention": self.convention}

    def single_point(self, atoms: Atoms, calculator: BaseCalculator, stress: bool = True) -> Label:
        """Return the label that an ASE calculator gives; the stress of a free atom is zero by definition."""
        copy = atoms.copy()
        copy.calc = calculator
        energy = float(copy.get_potential_energy(force_consistent=True))
        forces = np.array(copy.get_forces(), dtype=float)
        return Label(energy, forces, np.array(copy.get_stress(), dtype=float) if stress else np.zeros(6))


def compact(atoms: Atoms) -> Atoms:
    """Return the same crystal with the shortest lattice vectors (Minkowski-reduced); nothing is rotated.

    GPAW warns of wrong results for angles outside 40 to 140 degrees, and a skew cell needs more k-points than the
    compact cell of the same lattice: up to a third of the time is saved. A free atom, and a structure that comes with
    its own mesh, is left as it is.
    """
    if is_isolated(atoms) or "kpts" in atoms.info:
        return atoms
    reduced = atoms.copy()
    reduced.set_cell(minkowski_reduce(atoms.cell.array)[0], scale_atoms=False)
    reduced.wrap()
    return reduced


def mesh(atoms: Atoms, settings: PlaneWaveSettings) -> tuple[int, int, int]:
    """Return the k-point mesh: Γ for a free atom, the structure's own ``kpts``, or what the settings ask for."""
    if is_isolated(atoms):
        return 1, 1, 1
    if "kpts" in atoms.info:
        a, b, c = (int(count) for count in atoms.info["kpts"])
        return a, b, c
    return kpoint_mesh(atoms.cell.array, settings.spacing(len(atoms)))


def hund_moment(symbol: str) -> float:
    """Return the magnetic moment of the free atom in its ground state [Bohr magnetons]."""
    return float(ground_state_magnetic_moments[atomic_numbers[symbol]])


def kpoint_mesh(cell: np.ndarray, kspacing: float) -> tuple[int, int, int]:
    """Return the smallest mesh whose points are no farther apart than ``kspacing``.

    Args:
        cell: [3, 3], Å.
        kspacing: 1/Å, of the reciprocal lattice including 2 pi (the convention of VASP's KSPACING, [BJHP26]).
    """
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell).T, axis=1)
    # The tolerance keeps rounding (8 decimals of a cell) from adding a point to one of three equal directions.
    a, b, c = (max(1, int(np.ceil(length / kspacing - 1e-6))) for length in lengths)
    return a, b, c
