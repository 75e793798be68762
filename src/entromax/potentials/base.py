"""What a family of potentials is: settings and training data -> files -> ASE calculator."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from entromax.config.models import LabelNoise, PotentialSettings
from entromax.registry import FAMILIES, Entry
from entromax.structures.kinds import ISOLATED

if TYPE_CHECKING:
    from entromax.potentials.linear import Design

S = TypeVar("S", bound=PotentialSettings)
CARD = "potential.json"
"""File in the folder of a potential that says what it is."""


class FitError(RuntimeError):
    """A fit that failed; the message says why and where its log is."""


@dataclass(frozen=True)
class FitData:
    """What a fit gets.

    Attributes:
        train: structures with ``REF_`` keys, the free atom among them.
        validation: structures for early stopping and model choice; may be empty.
        element: chemical symbol.
        d_nn: nearest-neighbour distance [Å], unit of the lengths in the settings.
        seed: of everything random.
        threads: processor cores.
        noise: standard deviations of the labels.
    """

    train: Sequence[Atoms]
    validation: Sequence[Atoms]
    element: str
    d_nn: float
    seed: int
    threads: int = 1
    noise: LabelNoise = field(default_factory=LabelNoise)


class Family(Entry, ABC, Generic[S]):
    """A family of potentials.

    Attributes:
        settings: the pydantic model of its settings.
        error_bars: its calculators answer ``energy_std`` and ``forces_std`` (see ``load``).
        linear: it is fitted by ``linear.fit_linear`` and has a ``design``.
        lammps_package: package of LAMMPS that has its pair style; empty without one.
        lammps_gpu: how LAMMPS is said to run it on a GPU; empty where nothing is known.
    """

    settings: type[S]
    error_bars: ClassVar[bool] = False
    linear: ClassVar[bool] = False
    lammps_package: ClassVar[str] = ""
    lammps_gpu: ClassVar[str] = ""

    def facts(self) -> list[str]:
        """Return what a user should know beside the settings; see ``Entry.facts``."""
        return [*super().facts(), *(["its predictions have error bars"] if self.error_bars else [])]

    def resolve(self, settings: S) -> "tuple[Family[Any], PotentialSettings]":
        """Return the family that does the work and the settings in its own model; a plug-in stands for another."""
        return self, settings

    def has_error_bars(self, settings: S) -> bool:
        """Tell whether a potential of these settings comes with error bars."""
        return self.error_bars

    def cite(self, settings: S) -> str:
        """Return what to cite for a potential of these settings."""
        return self.citation

    def problem(self, settings: S) -> str | None:
        """Return None when it can be used here, else a message with the remedy; imports no package it needs."""
        if (package := self.missing_package()) is None:
            return None
        return (
            f"potentials: family {self.name!r} needs the Python package {package!r}, which is not installed here; "
            f"{self.remedy}"
        )

    @abstractmethod
    def fit(self, data: FitData, settings: S, folder: Path) -> dict[str, Any]:
        """Fit, write all files of the model to ``folder`` (it exists), return facts for the card of the potential.

        Raises:
            FitError: with the reason.
        """

    @abstractmethod
    def load(self, folder: Path) -> BaseCalculator:
        """Return an ASE calculator (energy, forces, stress) of a fitted potential.

        A family that knows how far it can be trusted lists one or more of these in ``implemented_properties`` and
        answers them when asked by name, ``calculator.get_property("energy_std", atoms)``:

        * ``energy_std``: standard deviation of the energy of the whole structure [eV], calibrated on structures that
          the fit has not seen;
        * ``forces_std``: [N, 3] standard deviations of the forces [eV/Å], calibrated likewise;
        * ``extrapolation``: [N] extrapolation grade of every atom [1]; above 1 the atom is outside the training data.
        """

    def design(self, folder: Path, settings: S) -> "Design":
        """Return the rows of structures in a fitted potential of a family that is ``linear``."""
        raise NotImplementedError(f"{self.name} is no linear family")

    @abstractmethod
    def export(self, folder: Path, element: str) -> str | None:
        """Return the LAMMPS commands that use the potential, run from ``folder``; None when LAMMPS cannot."""


def split_free_atom(structures: Sequence[Atoms]) -> tuple[Atoms, list[Atoms]]:
    """Return the free atom of a training set, and the rest of it.

    Raises:
        FitError: not exactly one free atom, or nothing else.
    """
    free = [atoms for atoms in structures if atoms.info.get("config_type") == ISOLATED]
    bulk = [atoms for atoms in structures if atoms.info.get("config_type") != ISOLATED]
    if len(free) != 1 or not bulk:
        raise FitError(f"training set: {len(free)} free atoms and {len(bulk)} other structures; it needs 1 and some")
    return free[0], bulk


def family_available(settings: PotentialSettings) -> str | None:
    """Return None when the family can be used here, else a message with the remedy; imports no package of ours.

    A family of the user's own is run up to the check of its options.
    """
    family: Family[Any] = FAMILIES[settings.family]
    return family.problem(settings)
