"""What a property is, what it gives, and what all properties share: single points, relaxation, equilibrium crystal."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from entromax.config.models import ElementSettings, EosSettings
from entromax.config.models.validation import PropertySettings
from entromax.labels.calculator import LabelCalculator
from entromax.labels.reference import share_mesh
from entromax.registry import Entry
from entromax.structures import eos_structures
from entromax.structures.geometry import shortest_distance
from entromax.validation.eos import Fit, fit_birch_murnaghan
from entromax.validation.references import Number

State = Literal["done", "failed", "not applicable", "missing"]
CURVE_COLUMNS = ("curve", "x", "y")
COLLAPSED = 0.5
"""Atoms closer than this part of d_nn after a relaxation: the potential has collapsed."""
WINDOWS = 4
"""Windows of volume in which a minimum of E(V) is looked for."""
RIGID = ("fcc", "bcc", "sc", "diamond", "graphite")
"""Crystals without a free shape; graphite, whose layers PBE does not bind, keeps the c/a of the settings."""


class PropertyError(RuntimeError):
    """A property has no value: something unphysical happened on the way. The message says what."""


class Quantity(NamedTuple):
    """One number of a property."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True)
class Case:
    """What a property is calculated for.

    Attributes:
        symbol: chemical symbol.
        element: settings of the element: crystals, ground state, d_nn, engine.
        eos: volumes of E(V); the same as those of the labelled crystals, so that DFT finds them in the store.
        settings: sizes and tolerances.
        seed: of velocities.
    """

    symbol: str
    element: ElementSettings
    eos: EosSettings
    settings: PropertySettings
    seed: int = 0

    @property
    def ground_state(self) -> str:
        """Name of the ground-state crystal."""
        return self.element.ground_state


@dataclass(frozen=True)
class Result:
    """What one method (a potential, or DFT) gives for a property.

    Attributes:
        state: ``done``, or why there are no values, with ``reason``.
        quantities: numbers, in the order in which they are shown.
        curves: columns ``curve`` (name), ``x``, ``y``; units as the property says.
        flags: what is unphysical about it, one sentence each, without subject.
        ticks: names of places on the x axis.
        structures: what was looked at, for people, by name.
    """

    state: State
    reason: str = ""
    quantities: list[Quantity] = field(default_factory=list)
    curves: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(CURVE_COLUMNS)))
    flags: list[str] = field(default_factory=list)
    ticks: list[tuple[str, float]] = field(default_factory=list)
    structures: dict[str, Atoms] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "state": self.state,
            "reason": self.reason,
            "quantities": [list(one) for one in self.quantities],
            "curves": self.curves.to_dict("list"),
            "flags": self.flags,
            "ticks": [list(tick) for tick in self.ticks],
            "structures": {name: structure_to_json(atoms) for name, atoms in self.structures.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Result":
        """Return the result written by :meth:`to_json`."""
        return cls(
            data["state"],
            data["reason"],
            [Quantity(*one) for one in data["quantities"]],
            pd.DataFrame(data["curves"], columns=list(CURVE_COLUMNS)),
            list(data["flags"]),
            [(str(name), float(x)) for name, x in data["ticks"]],
            {
                name: Atoms(one["numbers"], positions=one["positions"], cell=one["cell"], pbc=True)
                for name, one in data["structures"].items()
            },
        )


def structure_to_json(atoms: Atoms) -> dict[str, Any]:
    """Return numbers, positions [Å] and cell [Å] to three decimals: enough to look at."""
    return {
        "numbers": atoms.numbers.tolist(),
        "positions": np.round(atoms.positions, 3).tolist(),
        "cell": np.round(atoms.cell.array, 3).tolist(),
    }


class Property(Entry, ABC):
    """A physical property that any ASE calculator can be asked for.

    Attributes:
        title: for people.
        x_label, y_label: axes of its curves; without curves its quantities are drawn as bars.
        curve_unit: unit of the RMS difference between the curves of potential and DFT; empty where a single number
            would say nothing.
        explanation: what was calculated, below its figure.
        place: where it stands in the report; those without a place of their own come last.
        curves_are_crystals: each curve has the name of a crystal and its colour.
        shows_repulsion: the curve climbs by orders of magnitude, which its axis must show.
        on_card: the scorecard judges its numbers.
        thermal: depends on a temperature, so that values do not scale with the energies of the calculator.
    """

    title: ClassVar[str]
    x_label: ClassVar[str] = ""
    y_label: ClassVar[str] = ""
    curve_unit: ClassVar[str] = ""
    explanation: ClassVar[str] = ""
    place: ClassVar[int] = 100
    curves_are_crystals: ClassVar[bool] = False
    shows_repulsion: ClassVar[bool] = False
    on_card: ClassVar[bool] = False
    thermal: ClassVar[bool] = False

    def not_applicable(self, case: Case) -> str:
        """Return why the property means nothing for this element, or an empty string."""
        return ""

    @abstractmethod
    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Calculate the property.

        Raises:
            PropertyError: there is no value, for a reason that the report shall show.
        """

    def published(self, case: Case) -> Mapping[str, Number]:
        """Return published numbers by the name of the quantity."""
        return {}


def curve(name: str, x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> pd.DataFrame:
    """Return one curve as a table with the columns of ``Result.curves``."""
    return pd.DataFrame({"curve": name, "x": np.asarray(x, dtype=float), "y": np.asarray(y, dtype=float)})


def single_points(structures: Sequence[Atoms], calculator: BaseCalculator) -> np.ndarray:
    """Return the energies per atom [eV/atom]; an engine labels all that it lacks at once."""
    if isinstance(calculator, LabelCalculator):
        calculator.label(structures)
    energies = []
    for atoms in structures:
        copy = atoms.copy()
        copy.calc = calculator
        energies.append(float(copy.get_potential_energy()) / len(copy))
    result = np.array(energies)
    if not np.isfinite(result).all():
        raise PropertyError("energies are not finite")
    return result


def relax(atoms: Atoms, calculator: BaseCalculator, case: Case, *, cell: bool = False) -> Atoms:
    """Return the structure at the nearest minimum of the energy, with the calculator attached.

    Args:
        atoms: start; not changed.
        calculator: energies and forces (and stresses, for ``cell``).
        case: force threshold, steps, and the length scale of the element.
        cell: relax the cell as well.

    Raises:
        PropertyError: the relaxation did not converge or the structure collapsed.
    """
    copy = atoms.copy()
    copy.calc = calculator
    settings = case.settings
    start = copy.get_volume()
    target: Any = FrechetCellFilter(copy) if cell else copy
    optimiser = BFGS(target, logfile=None, maxstep=0.1)
    converged = optimiser.run(settings.fmax, settings.relaxation_steps)
    forces = copy.get_forces()
    if not (np.isfinite(forces).all() and np.isfinite(copy.positions).all()):
        raise PropertyError("forces are not finite during the relaxation")
    if shortest_distance(copy, COLLAPSED * case.element.d_nn) < np.inf:
        raise PropertyError(f"atoms collapsed below {COLLAPSED:g} d_nn during the relaxation")
    if not 0.6 < copy.get_volume() / start < 1.6:
        raise PropertyError(f"the volume changed by a factor {copy.get_volume() / start:.2f} during the relaxation")
    if not converged:
        largest = float(np.linalg.norm(forces, axis=1).max())
        raise PropertyError(
            f"the relaxation did not converge in {settings.relaxation_steps} steps (force {largest:.2g} eV/Å)"
        )
    return copy


def fit_volumes(name: str, calculator: BaseCalculator, case: Case) -> tuple[Fit, list[Atoms], np.ndarray]:
    """Return the equation of state of a crystal of fixed shape, the structures it comes from, their energies [eV/atom].

    The volumes are those of the labelled crystals, on one k-point mesh. Where the energy has no minimum between them,
    the window moves to the side on which the energy falls, up to ``WINDOWS`` times.
    """
    chosen, eos = case.element.crystals[name], case.eos
    centre, known, energies = chosen.volume, [], np.empty(0)
    for _ in range(WINDOWS):
        window = eos_structures(name, case.symbol, centre, eos.points, eos.strain, chosen.c_over_a, chosen.u)
        share_mesh(window, case.element.reference)
        known, energies = window, single_points(window, calculator)
        fit = fit_birch_murnaghan([atoms.get_volume() / len(atoms) for atoms in known], energies)
        if fit.volume is not None:
            break
        centre *= 1 + 1.5 * eos.strain * (1 if energies[-1] < energies[0] else -1)
    return fit, known, energies


def equilibrium(calculator: BaseCalculator, case: Case) -> Atoms:
    """Return the primitive cell of the ground state in the minimum of the calculator's own energy.

    Cubic crystals (and graphite, see ``RIGID``) take the volume of the fitted E(V), all others are relaxed from there
    in cell and positions. The k-point mesh stays in the info, so that strained copies use the same.

    Raises:
        PropertyError: E(V) has no minimum, or the relaxation fails.
    """
    fit, structures, _ = fit_volumes(case.ground_state, calculator, case)
    if fit.volume is None:
        raise PropertyError(f"E(V) of {case.ground_state} has {fit.reason}")
    atoms = structures[0].copy()
    atoms.set_cell(atoms.cell * (fit.volume * len(atoms) / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
    atoms.info = {key: value for key, value in atoms.info.items() if key == "kpts"}
    if case.ground_state in RIGID:
        atoms.calc = calculator
        return atoms
    return relax(atoms, calculator, case, cell=True)
