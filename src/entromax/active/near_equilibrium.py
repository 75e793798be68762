"""The pool near equilibrium: distortions of whatever crystals came out lowest, for elastic constants and phonons."""

import numpy as np
import pandas as pd
from ase import Atoms

from entromax.active.low_energy import lowest_distinct, relax
from entromax.active.search import Candidate, Search
from entromax.structures.geometry import bare, deformed, reduced_volume
from entromax.structures.kinds import NEAR_EQUILIBRIUM

STRAIN = 0.03
"""Standard deviation of each component of the strain [1]."""
DISPLACEMENT = 0.02
"""Standard deviation of each component of the displacements [d_nn]."""
PER_CRYSTAL = 4
"""Distortions of one crystal in a batch."""
TRIES = 20
"""So often a distortion that breaks a bound is drawn anew."""


def near_equilibrium(search: Search, n: int) -> tuple[list[Atoms], pd.DataFrame]:
    """Distort the lowest labelled crystals, relaxed by the fit, each cell repeated as often as ``atoms`` allows.

    Args:
        search: what is known so far.
        n: how many.

    Returns:
        The chosen ones and the table of all, see ``Search.survey``; those that break a bound in every try are left out.
    """
    crystals = [relax(atoms, search) for atoms in lowest_crystals(search, -(-n // PER_CRYSTAL))]
    rng = np.random.default_rng(search.seed)
    candidates = []
    for k in range(n):
        crystal = crystals[k % len(crystals)]
        for _ in range(TRIES):
            drawn = distorted(crystal, search.settings.atoms, DISPLACEMENT * search.d_nn, rng)
            if not search.bounds.broken(drawn, search.committee.opinion(drawn)):
                break
        candidates.append(Candidate(search.changed(drawn, NEAR_EQUILIBRIUM), "distorted"))
    table = search.survey(candidates)
    usable = np.flatnonzero((table["excluded"] == "") & ~table["sid"].isin(search.labelled))
    table.loc[usable, "rank"] = np.arange(1, len(usable) + 1)
    return [candidates[k].atoms for k in usable], table


def lowest_crystals(search: Search, n: int) -> list[Atoms]:
    """Return the lowest labelled structures of different crystals: the volume alone makes no other one."""
    energies = np.array([float(atoms.info["REF_energy"]) / len(atoms) for atoms in search.train])
    scaled = []
    for atoms in search.train:
        length = (reduced_volume(atoms) / search.d_nn**3) ** (1 / 3)
        scaled.append(deformed(atoms, np.eye(3) / length))
    places = search.places(scaled)
    return [search.train[k] for k in lowest_distinct(energies, places, np.empty((0, places.shape[1])), n)]


def distorted(crystal: Atoms, largest: int, displacement: float, rng: np.random.Generator) -> Atoms:
    """Return a strained and rattled supercell of at most ``largest`` atoms; a cell that is larger stays as it is.

    Args:
        crystal: [Å].
        largest: number of atoms.
        displacement: standard deviation of each component [Å].
        rng: draws size, strain and displacements.
    """
    repeats = np.ones(3, dtype=int)
    most = int(rng.integers(1, max(largest // len(crystal), 1) + 1))
    while True:
        grown = repeats.copy()
        grown[int(np.argmin(crystal.cell.lengths() * repeats))] += 1
        if grown.prod() > most:
            break
        repeats = grown
    cell = bare(crystal).repeat(tuple(map(int, repeats)))
    strain = rng.normal(scale=STRAIN, size=(3, 3))
    moved = deformed(cell, np.eye(3) + (strain + strain.T) / 2)
    moved.positions += rng.normal(scale=displacement, size=moved.positions.shape)
    return moved
