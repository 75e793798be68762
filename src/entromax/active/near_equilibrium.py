"""The pool near equilibrium: distortions of whatever crystals came out lowest, for elastic constants and phonons.

Some of them lack an atom: no cell of a few atoms resembles a vacancy, and fits to such cells alone disagree about it.
"""

import numpy as np
import pandas as pd
from ase import Atoms

from entromax.active.low_energy import lowest_distinct, relax
from entromax.active.search import Candidate, Search
from entromax.structures.geometry import bare, deformed, reduced_volume, supercell
from entromax.structures.kinds import NEAR_EQUILIBRIUM

STRAIN = 0.03
"""Standard deviation of each component of the strain [1]."""
DISPLACEMENT = 0.02
"""Standard deviation of each component of the displacements [d_nn]."""
PER_CRYSTAL = 4
"""Distortions of one crystal in a batch."""
VACANCY_SITES = 8
"""Sites of the supercell that lacks an atom, at least."""
TRIES = 20
"""So often a distortion that breaks a bound is drawn anew."""


def near_equilibrium(search: Search, n: int) -> tuple[list[Atoms], pd.DataFrame]:
    """Distort the lowest labelled crystals, relaxed by the fit, each cell repeated as often as ``atoms`` allows.

    The last ``vacancies`` of them are distortions of the lowest crystal alone, in VACANCY_SITES sites less one.

    Args:
        search: what is known so far.
        n: how many.

    Returns:
        The chosen ones and the table of all, see ``Search.survey``; those that break a bound in every try are left out.
    """
    whole = n - search.settings.vacancies
    crystals = [relax(atoms, search) for atoms in lowest_crystals(search, max(-(-whole // PER_CRYSTAL), 1))]
    rng = np.random.default_rng(search.seed)
    candidates = []
    for k in range(n):
        for _ in range(TRIES):
            if k < whole:
                drawn = distorted(crystals[k % len(crystals)], search.settings.atoms, DISPLACEMENT * search.d_nn, rng)
            else:
                drawn = with_vacancy(crystals[0], DISPLACEMENT * search.d_nn, rng)
            if not search.bounds.broken(drawn, search.committee.opinion(drawn)):
                break
        origin = "distorted" if k < whole else "vacancy"
        candidates.append(Candidate(search.changed(drawn, NEAR_EQUILIBRIUM), origin))
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
    """Return a strained and rattled supercell of at most ``largest`` atoms; a crystal that is larger is not repeated.

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
    return rattled(bare(crystal).repeat(tuple(map(int, repeats))), displacement, rng)


def with_vacancy(crystal: Atoms, displacement: float, rng: np.random.Generator) -> Atoms:
    """Return a supercell of VACANCY_SITES sites, strained and rattled as in ``distorted``, less one of its atoms."""
    cell = rattled(supercell(crystal, VACANCY_SITES, symmetric=False), displacement, rng)
    del cell[int(rng.integers(len(cell)))]
    return cell


def rattled(cell: Atoms, displacement: float, rng: np.random.Generator) -> Atoms:
    """Return a cell under a random strain, its atoms moved by ``displacement`` [Å] in each component."""
    strain = rng.normal(scale=STRAIN, size=(3, 3))
    moved = deformed(cell, np.eye(3) + (strain + strain.T) / 2)
    moved.positions += rng.normal(scale=displacement, size=moved.positions.shape)
    return moved
