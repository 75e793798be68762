"""Seeds of the library: random cells, random symmetric crystals, common crystals; in reduced units (METHOD section 4).

Random cells alone miss the high-symmetry environments that real crystals live in, and crystals alone miss disorder, so
a batch grows from a mixture. Volumes are log-uniform over the whole range, whatever the kind.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from ase import Atoms
from ase.geometry import cellpar_to_cell
from ase.spacegroup import Spacegroup

from entromax.config.elements import CRYSTALS
from entromax.config.models import CellSettings, SeedSettings
from entromax.structures.constraints import HEIGHT_MARGIN, VOLUME_MARGIN
from entromax.structures.crystals import DEFAULT_C_OVER_A, DEFAULT_U, crystal

_TRIES = 1000
_PERFECT = 2  # largest crystal that may stay without disorder, atoms
_SPECIAL = np.array([0.0, 0.0, 0.0, 0.5, 0.5, 0.25, 0.75, 1 / 3, 2 / 3, 0.125])
_FREE = np.array(
    [
        [[0, 0], [0, 0], [0, 0]],  # all coordinates special
        [[1, 0], [0, 0], [0, 0]],  # x 0 0
        [[0, 0], [0, 0], [1, 0]],  # 0 0 x
        [[1, 0], [1, 0], [1, 0]],  # x x x
        [[1, 0], [1, 0], [0, 0]],  # x x 0
        [[1, 0], [-1, 0], [0, 0]],  # x -x 0
        [[1, 0], [2, 0], [0, 0]],  # x 2x 0
        [[1, 0], [0, 1], [0, 0]],  # x y 0
        [[1, 0], [1, 0], [0, 1]],  # x x y
    ]
)


def random_structures(
    n: int, cells: CellSettings, rng: np.random.Generator, seeds: SeedSettings | None = None
) -> list[Atoms]:
    """Return ``n`` periodic seeds, symbol X. Atoms may still be too close: relax on the core before use.

    Args:
        n: number of structures.
        cells: bounds of cells, volumes and numbers of atoms.
        rng: source of all randomness.
        seeds: mixture of kinds; random cells only when omitted. ``info["seed_kind"]`` names the kind of each.

    Raises:
        ValueError: the bounds leave no cell that could be found.
    """

    def excluded(size: int) -> bool:
        # Two atoms are related by inversion in any cell: two labels for one environment. Crystals supply such cells.
        return seeds is not None and size == 2 < cells.atoms[1]

    makers: dict[str, Callable[[int, float], Atoms | None]] = {
        "random": lambda size, v: None if excluded(size) else random_cell(size, v, cells, rng),
        "symmetric": lambda size, v: random_symmetric(size, v, cells, rng),
        "crystal": lambda size, v: random_crystal(size, v, rng),
    }
    shares = np.array([1.0, 0.0, 0.0] if seeds is None else [getattr(seeds, kind) for kind in makers])
    structures = []
    for kind in rng.choice(list(makers), size=n, p=shares / shares.sum()):
        atoms = _one(makers[kind], cells, rng, "uniform" if seeds is None else seeds.sizes)
        # Equivalent atoms are one environment and as many labels: only small crystals stay perfect.
        if kind != "random" and seeds is not None and (len(atoms) > _PERFECT or rng.random() < seeds.disordered):
            _disorder(atoms, rng, seeds)
        atoms.info["seed_kind"] = str(kind)
        structures.append(atoms)
    return structures


def _one(
    make: Callable[[int, float], Atoms | None], cells: CellSettings, rng: np.random.Generator, sizes: str
) -> Atoms:
    low, high = np.log(cells.volume[0] * (1 + VOLUME_MARGIN)), np.log(cells.volume[1] * (1 - VOLUME_MARGIN))
    for _ in range(_TRIES):
        atoms = make(_draw_size(cells, rng, sizes), float(np.exp(rng.uniform(low, high))))
        if atoms is not None and cells.atoms[0] <= len(atoms) <= cells.atoms[1] and _tall_enough(atoms, cells):
            return atoms
    raise ValueError(
        f"no cell found in {_TRIES} attempts with atoms {cells.atoms}, volume {cells.volume} and min_height "
        f"{cells.min_height}: lower library.cells.min_height or widen library.cells.atoms or volume"
    )


def _draw_size(cells: CellSettings, rng: np.random.Generator, sizes: str) -> int:
    low, high = cells.atoms
    if sizes == "log_uniform":
        return min(int(np.exp(rng.uniform(np.log(low), np.log(high + 1)))), high)
    return int(rng.integers(low, high + 1))


def _tall_enough(atoms: Atoms, cells: CellSettings) -> bool:
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    return float(heights.min()) >= cells.min_height * (1 + HEIGHT_MARGIN)


def _scaled(cell: np.ndarray, fractional: np.ndarray, volume: float) -> Atoms:
    """Return atoms X with ``volume`` per atom."""
    factor = (len(fractional) * volume / abs(np.linalg.det(cell))) ** (1 / 3)
    return Atoms("X" * len(fractional), cell=cell * factor, scaled_positions=fractional, pbc=True)


def random_cell(size: int, volume: float, cells: CellSettings, rng: np.random.Generator) -> Atoms | None:
    """Return uniformly random atoms in a random cell, or None when the drawn angles span no cell."""
    edges = np.exp(rng.uniform(0, np.log(cells.max_aspect), 3))
    angles = rng.uniform(cells.angles[0], cells.angles[1], 3)
    cosines = np.cos(np.radians(angles))
    if 1 - np.sum(cosines**2) + 2 * np.prod(cosines) < 0.05:
        return None
    return _scaled(cellpar_to_cell([*edges, *angles]), rng.random((size, 3)), volume)


def random_crystal(size: int, volume: float, rng: np.random.Generator) -> Atoms:
    """Return a common crystal of random c/a and free coordinate, as a supercell of at most ``size`` atoms.

    The supercell is a random one (upper triangular integer matrix), and every third of them lacks an atom.
    """
    name = str(rng.choice(CRYSTALS))
    ratio = DEFAULT_C_OVER_A[name] * np.exp(rng.uniform(-0.4, 0.4)) if name in DEFAULT_C_OVER_A else None
    u = DEFAULT_U[name] + rng.uniform(-0.05, 0.05) if name in DEFAULT_U else None
    unit = crystal(name, "X", volume, ratio, u)
    copies = max(size // len(unit), 1)
    matrix = np.diag(_factors(copies, rng)).astype(float)
    matrix[np.triu_indices(3, 1)] = [rng.integers(0, max(int(matrix[k, k]), 1)) for k in (1, 2, 2)]
    cell = matrix @ unit.cell.array
    corners = np.stack(np.meshgrid(*[np.arange(int(m)) for m in np.diag(matrix)], indexing="ij"), -1).reshape(-1, 3)
    positions = (unit.positions[None] + (corners @ unit.cell.array)[:, None]).reshape(-1, 3)
    if len(positions) >= 4 and rng.random() < 1 / 3:
        positions = positions[1:]
    return _scaled(cell, np.linalg.solve(cell.T, positions.T).T, volume)


def _factors(number: int, rng: np.random.Generator) -> np.ndarray:
    """Return three whole numbers, in random order, whose product is ``number``."""
    choices = [
        (a, b, number // (a * b))
        for a in range(1, number + 1)
        if number % a == 0
        for b in range(1, number // a + 1)
        if (number // a) % b == 0
    ]
    compact = [c for c in choices if max(c) <= 4 * min(c)] or choices
    return np.array(compact[rng.integers(len(compact))])


def random_symmetric(size: int, volume: float, cells: CellSettings, rng: np.random.Generator) -> Atoms | None:
    """Return a random crystal of a random space group: primitive cell of at most ``size`` atoms, or None.

    Orbits of random sites, preferably special ones, are added while they fit.
    """
    group = int(rng.integers(2, 231))
    rotations, translations, primitive = _group(group)
    to_primitive = np.linalg.inv(primitive)
    chosen = np.empty((0, 3))
    for _ in range(8):
        free = _FREE[rng.integers(len(_FREE))]
        site = free @ rng.random(2) + rng.choice(_SPECIAL, 3) * (free == 0).all(axis=1)
        orbit = (rotations @ site + translations) @ to_primitive
        orbit = _distinct(np.concatenate([chosen, orbit]))
        if len(orbit) <= size:
            chosen = orbit
        if len(chosen) == size:
            break
    if not len(chosen):
        return None
    return _scaled(primitive @ _lattice(group, cells, rng), chosen, volume)


def _distinct(fractional: np.ndarray) -> np.ndarray:
    """Return the points that differ modulo lattice vectors, in the order of their first appearance."""
    wrapped = np.round(fractional, 6) % 1.0
    order = np.lexsort(wrapped.T)  # stable: of equal points the first comes first
    new = np.r_[True, (np.diff(wrapped[order], axis=0) != 0).any(axis=1)]
    return fractional[np.sort(order[new])] % 1.0


@cache
def _group(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rotations [G, 3, 3], translations [G, 3] and the primitive in units of the conventional cell."""
    group = Spacegroup(number)
    operations = group.get_symop()
    rotations = np.array([rotation for rotation, _ in operations], dtype=float)
    translations = np.array([translation for _, translation in operations], dtype=float)
    return rotations, translations, np.array(group.scaled_primitive_cell)


def _lattice(group: int, cells: CellSettings, rng: np.random.Generator) -> np.ndarray:
    """Return a random conventional cell of the crystal system of a space group (standard settings of ASE)."""
    a, b, c = np.exp(rng.uniform(0, np.log(cells.max_aspect), 3))
    alpha, beta, gamma = rng.uniform(cells.angles[0], cells.angles[1], 3)
    if group <= 2:
        gamma = np.clip(gamma, abs(alpha - beta) + 15, min(alpha + beta, 360 - alpha - beta) - 15)
        parameters = [a, b, c, alpha, beta, gamma]
    elif group <= 15:
        parameters = [a, b, c, 90, beta, 90]
    elif group <= 74:
        parameters = [a, b, c, 90, 90, 90]
    elif group <= 142:
        parameters = [a, a, c, 90, 90, 90]
    elif group <= 194:
        parameters = [a, a, c, 90, 90, 120]
    else:
        parameters = [a, a, a, 90, 90, 90]
    return cellpar_to_cell(parameters)


def _disorder(atoms: Atoms, rng: np.random.Generator, seeds: SeedSettings) -> None:
    """Strain and rattle a crystal in place, keeping its volume."""
    volume = atoms.get_volume()
    strain = rng.uniform(0, seeds.strain) * rng.normal(size=(3, 3))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
    atoms.set_cell(atoms.cell.array * (volume / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
    atoms.positions += rng.uniform(seeds.rattle / 4, seeds.rattle) * rng.normal(size=(len(atoms), 3))
