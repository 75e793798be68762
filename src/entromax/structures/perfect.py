"""Perfect crystals of few atoms: candidates for a library that random cells rarely turn into.

Materials live in crystals of high symmetry, and no random cell is one. Lattices and prototypes are the same for every
element, so they belong into a library in reduced units: common crystals over volume, c/a and their free coordinate,
and crystals of random space groups.
"""

from itertools import product

import numpy as np
from ase import Atoms

from entromax.config.elements import CRYSTALS
from entromax.config.models import CellSettings
from entromax.structures.crystals import DEFAULT_C_OVER_A, DEFAULT_U, crystal
from entromax.structures.random_cells import random_symmetric

LARGEST = 4
"""Atoms of the largest crystal, that of graphite."""
VOLUME_STEP = 0.06
"""Step of ln v* between crystals of one kind."""
STRETCH = np.exp(np.linspace(-0.3, 0.3, 7))
"""Factors on the typical c/a of a crystal."""
SHIFT = np.linspace(-0.05, 0.05, 5)
"""Shifts of the typical free coordinate of a crystal."""


def common_crystals_over_volume(cells: CellSettings) -> list[Atoms]:
    """Return the common crystals at all volumes, c/a and free coordinates of the grid, in reduced units.

    Args:
        cells: range of v*. Other bounds are not looked at.

    Returns:
        Crystals with ``info["seed_kind"]``, such as "fcc".
    """
    made = []
    volumes = np.exp(np.arange(np.log(cells.volume[0]) + VOLUME_STEP / 2, np.log(cells.volume[1]), VOLUME_STEP))
    for kind in CRYSTALS:
        ratios = DEFAULT_C_OVER_A[kind] * STRETCH if kind in DEFAULT_C_OVER_A else [None]
        shifts = DEFAULT_U[kind] + SHIFT if kind in DEFAULT_U else [None]
        for volume, ratio, u in product(volumes, ratios, shifts):
            atoms = crystal(kind, "X", float(volume), ratio, u)
            atoms.info["seed_kind"] = kind
            made.append(atoms)
    return made


def random_crystals(n: int, cells: CellSettings, rng: np.random.Generator) -> list[Atoms]:
    """Return ``n`` perfect crystals of random space groups and volumes, of at most four atoms.

    Args:
        n: number of crystals.
        cells: range of v*, and the shapes of cells. Other bounds are not looked at.
        rng: source of all randomness.

    Returns:
        Crystals in reduced units with ``info["seed_kind"] = "perfect"``.
    """
    made: list[Atoms] = []
    while len(made) < n:
        volume = float(np.exp(rng.uniform(*np.log(cells.volume))))
        atoms = random_symmetric(int(rng.integers(1, LARGEST + 1)), volume, cells, rng)
        if atoms is not None:
            atoms.info["seed_kind"] = "perfect"
            made.append(atoms)
    return made
