"""E(V) of the common crystals by the engine: where their minima are, from as few labels as that takes."""

import logging
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from entromax.config.models import ReferenceSettings
from entromax.elements.labelling import Labeller
from entromax.elements.published import GroundState
from entromax.labels.reference import share_mesh
from entromax.structures import crystal, with_sid
from entromax.validation.eos import Fit, fit_birch_murnaghan

logger = logging.getLogger("entromax.elements")

PROTOTYPES = ("fcc", "bcc", "hcp", "sc", "diamond")
RELATIVE_VOLUMES = {
    **{"fcc": 1.0, "bcc": 1.0, "hcp": 1.0, "sc": 1.15, "diamond": 1.5},
    **{"A7": 1.15, "A8": 1.27, "graphite": 1.5},
}
"""Typical volume per atom over that of fcc: where the search begins."""
STEP = 1.07
"""Ratio of neighbouring volumes."""
POINTS = 5
MOVES = 4
"""How often the window of volumes follows a minimum that lies outside."""


@dataclass(frozen=True)
class Prototype:
    """One crystal: its shape, and the minimum that the engine gives it."""

    name: str
    c_over_a: float | None
    u: float | None
    fit: Fit


def prototype(name: str, start: GroundState, labeller: Labeller, reference: ReferenceSettings) -> Prototype:
    """Return the minimum of E(V) of one crystal.

    Shape and free coordinates are those of the published ground state, or typical ones. All volumes share one k-point
    mesh. When the lowest of the volumes is the first or the last, the window moves there.

    Args:
        name: structure type.
        start: published ground state of the element.
        labeller: store and element.
        reference: engine and settings.
    """
    logger.info("E(V) of %s", name)
    own = name == start.crystal
    c_over_a, u = (start.c_over_a, start.u) if own else (None, None)
    guess = start.volume * RELATIVE_VOLUMES[name] / RELATIVE_VOLUMES[start.crystal]
    energies: dict[int, float] = {}
    first, fit = -(POINTS // 2), Fit("none", "no label")
    smallest = _cell(name, labeller.symbol, guess / STEP ** (POINTS // 2), c_over_a, u)
    share_mesh([smallest], reference)
    for _ in range(MOVES):
        steps = [step for step in range(first, first + POINTS) if step not in energies]
        cells = [_cell(name, labeller.symbol, guess * STEP**step, c_over_a, u) for step in steps]
        for cell in cells:
            cell.info |= {key: smallest.info[key] for key in ("kpts",) if key in smallest.info}
        found = zip(steps, labeller.energies(cells, reference), strict=True)
        energies |= {step: energy for step, energy in found if energy is not None}
        if not energies:
            break
        lowest = min(energies, key=lambda step: energies[step])
        near = sorted(step for step in energies if abs(step - lowest) <= POINTS // 2)
        fit = fit_birch_murnaghan([guess * STEP**step for step in near], [energies[step] for step in near])
        if min(energies) < lowest < max(energies):
            break
        first = lowest - POINTS // 2
    logger.info("%s: %s", name, fit.reason or f"{fit.volume:.2f} Å^3/atom, {fit.bulk_modulus:.0f} GPa")
    return Prototype(name, c_over_a, u, fit)


def most_labels(start: GroundState) -> int:
    """Return how many labels the curves take when no window has to move."""
    return POINTS * len(names(start))


def names(start: GroundState) -> list[str]:
    """Return the crystals of an element, the ground state first."""
    return [start.crystal, *(name for name in PROTOTYPES if name != start.crystal)]


def _cell(name: str, symbol: str, volume: float, c_over_a: float | None, u: float | None) -> Atoms:
    atoms = with_sid(crystal(name, symbol, float(np.round(volume, 4)), c_over_a, u))
    atoms.info |= {"element": symbol, "config_type": name, "library_sid": ""}
    return atoms
