"""The pool of low energy: library cells relaxed by the fit, low and unlike ones; random structure search.

Entropy maximisation makes structures that lie high in energy. What a user wants to know of a material lies low, and the
fit itself says where to look [Pickard & Needs, J. Phys.: Condens. Matter 23, 053201 (2011); Deringer, Pickard &
Csányi, Phys. Rev. Lett. 120, 156001 (2018)]. No crystal is named by anyone.
"""

import logging

import numpy as np
import pandas as pd
from ase import Atoms
from ase.filters import UnitCellFilter
from ase.optimize import FIRE

from entromax.active.search import Candidate, Search, choose, standardised
from entromax.structures.geometry import bare, reduced_volume, shortest_distance
from entromax.structures.kinds import LOW_ENERGY

logger = logging.getLogger("entromax.active")

ALIKE = 0.1
"""Root mean square distance of two structures, in standard deviations of each feature, below which they are one."""
DEPTH = 0.1
"""Energy by which a structure becomes less wanted by 1/e, in units of the binding energy: Al 0.3 eV, W 0.8 eV."""
CONVERGED = 0.05
"""Relaxations end below this force [eV/Å]; that of the cell is stress times volume over the number of atoms."""


def low_energy(search: Search, n: int) -> tuple[list[Atoms], pd.DataFrame]:
    """Choose among the structures that the unlabelled library relaxes into.

    The lowest alone would all be stackings of one crystal. Chosen is as in :func:`entromax.active.search.choose`,
    with exp(-E / 2 E_s) for the score, E the predicted energy above the lowest label and E_s = DEPTH times the binding
    energy: the lowest first, then low ones that are unlike those before.

    Args:
        search: what is known so far.
        n: how many; fewer when there are not so many.

    Returns:
        The chosen ones in the order of choice, and the table of all, see ``Search.survey``.
    """
    candidates = []
    for atoms in search.unlabelled(LOW_ENERGY):
        relaxed = relax(atoms, search)
        candidates.append(Candidate(search.changed(relaxed, LOW_ENERGY, atoms.info["library_sid"]), "relaxed"))
        if len(candidates) % 50 == 0:
            logger.info("%d library cells relaxed", len(candidates))
    table = search.survey(candidates)
    usable = np.flatnonzero((table["excluded"] == "") & ~table["sid"].isin(search.labelled))
    energies = table["energy"].to_numpy()[usable]
    places = search.places([candidates[k].atoms for k in usable])
    new = lowest_distinct(energies, places, search.places(search.train), len(usable))
    wanted = np.exp(-energies[new] / (2 * DEPTH * search.binding))
    order = usable[new[choose(wanted, places[new], n)]] if len(new) else usable[new]
    table.loc[order, "rank"] = np.arange(1, len(order) + 1)
    logger.info("%d relaxed, %d inside the bounds, %d chosen", len(table), len(usable), len(order))
    return [candidates[k].atoms for k in order], table


def relax(atoms: Atoms, search: Search) -> Atoms:
    """Return the structure after some steps of relaxation of positions and cell by the potential.

    It ends early when a pair or the volume leaves the bounds: a fit has holes, and what falls into one is left out.
    The cell moves linearly: the logarithms of ``FrechetCellFilter`` cost more than the potential.
    """
    moving = bare(atoms)
    moving.calc = search.committee.calculator
    low, high = search.bounds.volume
    try:
        for _ in FIRE(UnitCellFilter(moving), logfile=None).irun(CONVERGED, search.settings.relaxation_steps):
            closest = shortest_distance(moving, search.bounds.distance)
            if closest < search.bounds.distance or not low / 2 < reduced_volume(moving) < high * 2:
                break
    except Exception as error:  # boundary: a calculator may raise on an exploded cell, which only loses a candidate
        logger.warning("%s: the potential raised %s: %s", atoms.info["sid"], type(error).__name__, error)
        return bare(atoms)
    return moving


def lowest_distinct(energies: np.ndarray, places: np.ndarray, taken: np.ndarray, n: int) -> np.ndarray:
    """Return the indices of the ``n`` lowest structures that are unlike each other and unlike all that are taken.

    Args:
        energies: [S].
        places: [S, D] where the structures are in feature space.
        taken: [T, D] where others are that they must not repeat.
        n: how many; fewer when there are not so many.
    """
    if len(places) == 0:
        return np.empty(0, dtype=int)
    together = standardised(np.concatenate([places, taken.reshape(-1, places.shape[1])]))
    own, others = together[: len(places)], together[len(places) :]
    radius = ALIKE * np.sqrt(max(own.shape[1], 1))
    chosen: list[int] = []
    for k in map(int, np.argsort(energies, kind="stable")):
        if len(chosen) == n:
            break
        known = np.concatenate([others, own[chosen]])
        if np.linalg.norm(known - own[k], axis=1).min(initial=np.inf) > radius:
            chosen.append(k)
    return np.array(chosen, dtype=int)
