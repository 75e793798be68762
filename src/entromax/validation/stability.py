"""Does the ground state stay itself? A run at room temperature, and how far its atoms have left their sites."""

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.neighborlist import neighbor_list

from entromax.config.models import RobustnessSettings
from entromax.structures.geometry import shortest_distance
from entromax.validation.dynamics import Watch, hot_run, nobody

ROOM_TEMPERATURE = 300.0
"""[K]."""
SHELL = 1.2
"""Neighbours are atoms nearer than so many shortest distances: both shells of bcc, the bonds of layers and chains."""
APART = 1.3
"""Neighbours whose mean distance has grown by this factor have come apart; gliding fcc layers make it 1.41."""


def crystal_run(
    start: Atoms,
    calculator: BaseCalculator,
    *,
    floor: float,
    settings: RobustnessSettings,
    rng: np.random.Generator,
    watch: Watch = nobody,
) -> dict[str, Any]:
    """Run the ground state at room temperature and its own volume, and measure how far it stays itself.

    Arguments are those of ``hot_run``.

    Returns:
        The row of ``hot_run`` with ``lindemann`` and ``neighbours_lost`` of :func:`departure` over the second half of
        the run; None where the run turned unphysical.
    """
    positions: list[np.ndarray] = []

    def look(atoms: Atoms) -> None:
        positions.append(atoms.positions.copy())
        watch(atoms)

    steps = settings.model_copy(update={"steps": settings.crystal_steps})
    row = hot_run(
        start,
        calculator,
        temperature=ROOM_TEMPERATURE,
        compression=1.0,
        floor=floor,
        settings=steps,
        rng=rng,
        watch=look,
    )
    lindemann, lost = None, None
    if row["state"] == "physical":
        lindemann, lost = departure(start, np.array(positions[len(positions) // 2 :]))
    return row | {"lindemann": lindemann, "neighbours_lost": lost}


def departure(crystal: Atoms, positions: np.ndarray) -> tuple[float, int]:
    """Return how far a crystal has left itself.

    Displacements count relative to the mean of an atom's neighbours: a drift of the whole cell, and layers of graphite
    that slide over each other, are no melting. That is the criterion of Lindemann (1910) in its local form (Bedanov,
    Gadiyak & Lozovik, Phys. Lett. A 109, 289 (1985)); crystals melt at ratios of 0.1 to 0.2.

    Args:
        crystal: perfect crystal, its atoms on their sites.
        positions: [n, atoms, 3], those of a run, not wrapped into the cell [Å].

    Returns:
        The root mean square of these displacements in units of the nearest-neighbour distance, and the number of pairs
        of neighbours whose mean positions have come apart.
    """
    nearest = shortest_distance(crystal)
    first, second, bonds = neighbor_list("ijD", crystal, SHELL * nearest)
    displaced = positions - crystal.positions
    weights = np.zeros((len(crystal), len(crystal)))
    np.add.at(weights, (first, second), 1.0)  # in a small cell an atom may be its neighbour several times
    weights /= weights.sum(axis=1, keepdims=True)
    ratio = float(np.sqrt(((displaced - weights @ displaced) ** 2).sum(axis=2).mean()) / nearest)
    moved = displaced.mean(axis=0)
    stretched = np.linalg.norm(bonds + moved[second] - moved[first], axis=1) / np.linalg.norm(bonds, axis=1)
    return ratio, int((stretched > APART).sum()) // 2
