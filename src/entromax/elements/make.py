"""From a chemical symbol to the settings of an element, and what was measured on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from entromax.config.load import ConfigError, validated
from entromax.config.models import ElementSettings, LibrarySettings, ReferenceSettings
from entromax.config.models.reference import PlaneWaveSettings
from entromax.config.presets import WIDTH
from entromax.elements.convergence import CUTOFFS, KSPACINGS, Convergence, cutoff, kspacing, trial_cells
from entromax.elements.curves import Prototype, most_labels, names, prototype
from entromax.elements.labelling import Labeller
from entromax.elements.published import GroundState, ground_state
from entromax.labels.budget import LabelBudget
from entromax.labels.engines import engine_available
from entromax.labels.engines.base import EngineUnavailableError
from entromax.registry import ENGINES
from entromax.structures import crystal
from entromax.structures.geometry import shortest_distance

TOLERANCES = {"smoke": 50.0, "coarse": 20.0, "standard": 5.0, "tight": 2.0}
"""Change of an energy difference that counts as none, by level [meV/atom]."""
LOWER, UPPER_CLOSE, UPPER_OPEN = 0.65, 2.2, 1.8
"""Volume range of the library: of the densest crystal; of a close-packed, and of an open ground state."""
CLOSE_PACKED = ("fcc", "bcc", "hcp")


@dataclass(frozen=True)
class NewElement:
    """The settings of an element with all that was measured for them.

    Attributes:
        symbol: chemical symbol.
        settings: what a campaign reads.
        start: what is published.
        prototypes: minima of E(V) by the engine, the ground state first.
        cutoff, kspacing: tests of convergence; None for an engine without plane waves.
        curves_by: engine and settings of the E(V).
        tolerance: of the tests [meV/atom].
    """

    symbol: str
    settings: ElementSettings
    start: GroundState
    prototypes: list[Prototype]
    cutoff: Convergence | None
    kspacing: Convergence | None
    curves_by: ReferenceSettings
    tolerance: float

    @property
    def curves_error(self) -> float:
        """How far energy differences of the curves may be off: all that finer meshes changed [meV/atom]."""
        return sum(change for _, _, change in self.kspacing.changes) if self.kspacing else 0.0


def plan(symbol: str, *, engine: str, level: str, crystal_name: str | None = None) -> str:
    """Return what would be calculated, in words; calculates nothing.

    Raises:
        ConfigError: as in :func:`make_element`.
    """
    start = ground_state(symbol, crystal_name)
    reference = _reference(engine, level)
    lines = [f"{symbol}: {start.crystal}, {start.volume:.2f} Å^3/atom, {start.source}"]
    if isinstance(reference, PlaneWaveSettings):
        tolerance = f"until energy differences of three small cells change by less than {TOLERANCES[level]:g} meV/atom"
        lines.append(f"cutoff: {', '.join(f'{value:g}' for value in CUTOFFS)} eV, {tolerance}")
        lines.append(f"k-spacing: {', '.join(f'{value:g}' for value in KSPACINGS)} 1/Å, in the same way")
    lines.append(f"E(V) of {', '.join(names(start))}: {most_labels(start)} labels of one to four atoms, or a few more")
    return "\n".join(lines)


def make_element(
    symbol: str, *, engine: str, level: str, budget: LabelBudget, crystal_name: str | None = None
) -> NewElement:
    """Return the settings of an element; what the label store holds is not calculated again.

    Args:
        symbol: chemical symbol.
        engine: name of an engine that needs no other setting than cutoff, k-spacing and width.
        level: one of ``TOLERANCES``.
        budget: label store and workers.
        crystal_name: ground state to take instead of the published one.

    Raises:
        ConfigError: nothing is published of the element, it is magnetic, or the engine cannot label it.
    """
    start, reference = ground_state(symbol, crystal_name), _reference(engine, level)
    if (problem := engine_available(reference)) is not None:
        raise ConfigError(problem)
    labeller = Labeller(symbol, _nearest_distance(start), budget)
    tests: dict[str, Convergence] = {}
    curves_by, tolerance = reference, TOLERANCES[level]
    try:
        if isinstance(reference, PlaneWaveSettings):
            cells = trial_cells(start, symbol, labeller.d_nn)
            tests["ecut"] = cutoff(cells, labeller, reference, tolerance)
            reference = reference.model_copy(update={"ecut": tests["ecut"].value})
            curves_by = reference.model_copy(update={"kspacing": KSPACINGS[0]})
            tests["kspacing"] = kspacing(cells, labeller, reference, tolerance)
            reference = reference.model_copy(update={"kspacing": tests["kspacing"].value})
        prototypes = [prototype(name, start, labeller, curves_by) for name in names(start)]
    except EngineUnavailableError as error:
        message = " ".join(str(error).split())  # GPAW's has several lines
        raise ConfigError(f"{symbol}: {message}; or choose another engine: --engine") from error
    start = _with_own_volume(symbol, start, prototypes[0])
    settings = _settings(start, prototypes, reference)
    found = tests.get("ecut"), tests.get("kspacing")
    return NewElement(symbol, settings, start, prototypes, *found, curves_by, tolerance)


def _reference(engine: str, level: str) -> ReferenceSettings:
    """Return settings of an engine that has only its name, and the width of the level where it has one.

    Raises:
        ConfigError: no such engine, or it needs settings that only its user knows.
    """
    if engine not in ENGINES:
        raise ConfigError(f"--engine: {engine!r} is unknown; choose from {', '.join(ENGINES)}")
    fields = ENGINES[engine].settings.model_fields
    written: Mapping[str, Any] = {"engine": engine} | ({"width": WIDTH[level]} if "width" in fields else {})
    try:
        reference: ReferenceSettings = validated(ReferenceSettings, written)
    except ValidationError as error:
        missing = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        raise ConfigError(f"--engine: {engine} needs keys of its own ({missing}); write the file by hand") from error
    return reference


def _nearest_distance(state: GroundState) -> float:
    """Return d_nn of a crystal [Å], to two digits."""
    return round(shortest_distance(crystal(state.crystal, "X", state.volume, state.c_over_a, state.u)), 2)


def _with_own_volume(symbol: str, start: GroundState, own: Prototype) -> GroundState:
    """Return the ground state with the engine's volume where there is no all-electron one."""
    if start.all_electron:
        return start
    if own.fit.volume is None:
        raise ConfigError(
            f"{symbol}: {start.crystal} has no minimum by this engine ({own.fit.reason}); name another: --ground-state"
        )
    return replace(start, volume=own.fit.volume)


def _settings(start: GroundState, prototypes: list[Prototype], reference: ReferenceSettings) -> ElementSettings:
    crystals: dict[str, Any] = {}
    for entry in prototypes:
        volume = start.volume if entry.name == start.crystal else entry.fit.volume
        if volume is not None:
            shape = {"c_over_a": entry.c_over_a, "u": entry.u}
            rounded = {key: round(value, 4) for key, value in shape.items() if value is not None}
            crystals[entry.name] = {"volume": round(volume, 2), **rounded}
    d_nn = _nearest_distance(start)
    settings: ElementSettings = validated(
        ElementSettings,
        {
            "d_nn": d_nn,
            "volume": volume_range(start, [entry["volume"] for entry in crystals.values()], d_nn),
            "ground_state": start.crystal,
            "crystals": crystals,
            "reference": reference.model_dump(mode="json", exclude_unset=True) | {"engine": reference.engine},
        },
    )
    return settings


def volume_range(start: GroundState, volumes: list[float], d_nn: float) -> list[float]:
    """Return the part of the library for an element, as the files of the eight elements have it [d_nn^3].

    Args:
        start: ground state, with its volume.
        volumes: of all crystals [Å^3/atom].
        d_nn: nearest-neighbour distance [Å].
    """
    low, high = LibrarySettings().cells.volume
    wide = UPPER_CLOSE if start.crystal in CLOSE_PACKED else UPPER_OPEN
    lowest = max(low, LOWER * min(volumes) / d_nn**3)
    highest = min(high, wide * start.volume / d_nn**3)
    return [round(lowest, 1), round(highest, 1)]
