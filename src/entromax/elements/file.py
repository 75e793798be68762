"""The element file as people read it: settings, and what was measured as comments beside them."""

from pathlib import Path

import yaml

from entromax.config.load import ConfigError, validated
from entromax.config.models import ElementSettings
from entromax.elements.convergence import Convergence
from entromax.elements.curves import Prototype
from entromax.elements.make import NewElement
from entromax.elements.published import SHAPE
from entromax.runtime import atomic_path

CLEARLY = 10.0
"""A crystal below the ground state by more than this and the error of the curves is worth a warning [meV/atom]."""


def write_element(element: NewElement, path: Path) -> None:
    """Write the file of an element, once it has been read back as the same settings."""
    text = element_text(element)
    if validated(ElementSettings, yaml.safe_load(text)) != element.settings:
        raise ConfigError(f"{path}: would not be read back as it is meant; please report this")
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def element_text(element: NewElement) -> str:
    """Return the file: YAML with comments."""
    settings, start = element.settings, element.start
    own, error = start.volume / settings.d_nn**3, element.curves_error
    reference = settings.reference.model_dump(mode="json", exclude_unset=True)
    lines = [
        f"# {element.symbol}, {start.crystal}; made by `entromax element {element.symbol}`. Lengths in Å, volumes of",
        "# crystals in Å^3/atom, v* in d_nn^3 (see config/README.md).",
        *_warnings(element),
        f"d_nn: {settings.d_nn:g}    # of {start.crystal} at the volume below",
        f"volume: [{settings.volume[0]:g}, {settings.volume[1]:g}]    # {start.crystal} is {own:.2f}",
        f"ground_state: {start.crystal}",
        f"crystals:    # minima of E(V): {element.curves_by.describe()}",
        *([f"  # this mesh leaves up to {error:.0f} meV/atom in energies of crystals"] if error else []),
        *(_crystal_line(entry, element) for entry in element.prototypes),
        "reference:",
        f"  engine: {reference.pop('engine')}",
        *_test_lines("cutoff", "eV", element.cutoff, element.tolerance),
        *([f"  ecut: {reference.pop('ecut'):g}"] if element.cutoff else []),
        *_test_lines("k-spacing", "1/Å", element.kspacing, element.tolerance),
        *(f"  {key}: {value}" for key, value in reference.items()),
    ]
    return "\n".join(lines) + "\n"


def _crystal_line(entry: Prototype, element: NewElement) -> str:
    if entry.name not in element.settings.crystals:
        return f"  # {entry.name}: {entry.fit.reason}"
    values = element.settings.crystals[entry.name].model_dump(exclude_none=True)
    inline = ", ".join(f"{key}: {value:g}" for key, value in values.items())
    return f"  {entry.name}: {{{inline}}}    # {_origin(entry, element)}"


def _origin(entry: Prototype, element: NewElement) -> str:
    """Return where the volume of a crystal comes from, and what the engine says of it."""
    fit, ground = entry.fit, element.prototypes[0].fit
    own = f"{fit.volume:.2f}, B {fit.bulk_modulus:.0f} GPa" if fit.volume is not None else fit.reason
    if entry.name == element.start.crystal:
        shape = f"; shape: {SHAPE}" if entry.c_over_a is not None and element.start.all_electron else ""
        return f"{element.start.source}{shape}; engine: {own}"
    height = ""
    if fit.energy is not None and ground.energy is not None:
        height = f", {1000 * (fit.energy - ground.energy):+.0f} meV/atom"
    return f"engine: B {fit.bulk_modulus:.0f} GPa{height}"


def _test_lines(name: str, unit: str, test: Convergence | None, tolerance: float) -> list[str]:
    """Return how energy differences changed along a test, one comment line for each step."""
    if test is None:
        return []
    head = f"  # {name}: largest change of an energy difference of small cells, aim {tolerance:g} meV/atom"
    steps = [f"  #   {before:g} -> {value:g} {unit}: {change:.1f}" for before, value, change in test.changes]
    return [head, *steps, *([] if test.reached else [f"  # {name}: not reached; this is the last that was tried"])]


def _warnings(element: NewElement) -> list[str]:
    """Return a line for each crystal that the engine puts clearly below the ground state."""
    zero = element.prototypes[0].fit.energy
    found = [(p.name, 1000 * (p.fit.energy - zero)) for p in element.prototypes[1:] if p.fit.energy and zero]
    return [
        f"# Look at this: the engine puts {name} {-height:.0f} meV/atom below {element.start.crystal}."
        for name, height in found
        if height < -CLEARLY - element.curves_error
    ]
