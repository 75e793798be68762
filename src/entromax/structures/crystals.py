"""Primitive cells of the common crystal structures."""

from collections.abc import Callable

import numpy as np
from ase import Atoms

from entromax.structures.geometry import shortest_distance
from entromax.structures.identity import with_sid

_SQRT3 = np.sqrt(3.0)
DEFAULT_C_OVER_A = {"hcp": np.sqrt(8.0 / 3.0), "graphite": 2.73, "A7": 2.62, "A8": 1.33}
"""c/a where none is given: ideal hcp, graphite, Sb, Te."""
DEFAULT_U = {"A7": 0.2335, "A8": 0.269}
"""Free coordinate where none is given: Sb, Te."""

CellAndFractional = tuple[np.ndarray, np.ndarray]


def _hexagonal(ratio: float) -> np.ndarray:
    return np.array([[1.0, 0.0, 0.0], [-0.5, 0.5 * _SQRT3, 0.0], [0.0, 0.0, ratio]])


def _fcc(_: float, __: float) -> CellAndFractional:
    return np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]]), np.zeros((1, 3))


def _bcc(_: float, __: float) -> CellAndFractional:
    return np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1]]), np.zeros((1, 3))


def _sc(_: float, __: float) -> CellAndFractional:
    return np.eye(3), np.zeros((1, 3))


def _diamond(_: float, __: float) -> CellAndFractional:
    return np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]]), np.array([[0.0, 0, 0], [0.25, 0.25, 0.25]])


def _hcp(ratio: float, _: float) -> CellAndFractional:
    return _hexagonal(ratio), np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]])


def _graphite(ratio: float, _: float) -> CellAndFractional:
    """AB-stacked honeycomb layers, P6_3/mmc."""
    fractional = [[0.0, 0.0, 0.25], [0.0, 0.0, 0.75], [1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]
    return _hexagonal(ratio), np.array(fractional)


def _a7(ratio: float, u: float) -> CellAndFractional:
    """Rhombohedral cell of As, Sb, Bi (R-3m), c/a in the hexagonal setting."""
    cell = np.array([[0.5, 0.5 / _SQRT3, ratio / 3], [-0.5, 0.5 / _SQRT3, ratio / 3], [0.0, -1 / _SQRT3, ratio / 3]])
    return cell, np.array([[u, u, u], [1 - u, 1 - u, 1 - u]])


def _a8(ratio: float, u: float) -> CellAndFractional:
    """Helical chains of Se, Te (P3_121)."""
    return _hexagonal(ratio), np.array([[u, 0.0, 1 / 3], [0.0, u, 2 / 3], [1 - u, 1 - u, 0.0]])


_BUILDERS: dict[str, Callable[[float, float], CellAndFractional]] = {
    "fcc": _fcc,
    "bcc": _bcc,
    "hcp": _hcp,
    "sc": _sc,
    "diamond": _diamond,
    "graphite": _graphite,
    "A7": _a7,
    "A8": _a8,
}


def crystal(
    name: str, symbol: str, volume_per_atom: float, c_over_a: float | None = None, u: float | None = None
) -> Atoms:
    """Return the primitive cell of a crystal structure.

    Args:
        name: fcc, bcc, hcp, sc, diamond, graphite, A7 (Sb) or A8 (Te).
        symbol: chemical symbol; ``"X"`` for a structure in reduced units.
        volume_per_atom: in Å^3 (d_nn^3 in reduced units).
        c_over_a: hexagonal c/a of hcp, graphite, A7, A8; ignored by cubic structures; None: a typical value.
        u: free internal coordinate of A7 and A8; None: a typical value.

    Raises:
        ValueError: unknown structure, or a volume that is not positive.
    """
    if name not in _BUILDERS:
        raise ValueError(f"unknown crystal structure {name!r}; choose from {', '.join(_BUILDERS)}")
    if volume_per_atom <= 0:
        raise ValueError(f"{name}: the volume per atom must be positive, not {volume_per_atom}")
    ratio = DEFAULT_C_OVER_A.get(name, 1.0) if c_over_a is None else c_over_a
    free = DEFAULT_U.get(name, 0.0) if u is None else u
    cell, fractional = _BUILDERS[name](ratio, free)
    cell = cell * (len(fractional) * volume_per_atom / abs(np.linalg.det(cell))) ** (1 / 3)
    return Atoms([symbol] * len(fractional), cell=cell, scaled_positions=fractional, pbc=True)


def touching_volume(name: str) -> float:
    """Return the volume per atom at which the nearest neighbours of a crystal are d_nn apart [d_nn^3].

    Typical c/a and free coordinates are taken where symmetry leaves them open.
    """
    return shortest_distance(crystal(name, "X", 1.0)) ** -3


def eos_structures(
    name: str,
    symbol: str,
    volume: float,
    points: int,
    strain: float,
    c_over_a: float | None = None,
    u: float | None = None,
) -> list[Atoms]:
    """Return a crystal at ``points`` volumes from ``volume (1 - strain)`` to ``volume (1 + strain)`` [Å^3/atom].

    Shape and free coordinates are kept. Info of each: ``sid``, ``element``, ``config_type`` (the name of the crystal).
    """
    structures = []
    for factor in np.linspace(1 - strain, 1 + strain, points):
        atoms = with_sid(crystal(name, symbol, volume * float(factor), c_over_a, u))
        atoms.info |= {"element": symbol, "config_type": name}
        structures.append(atoms)
    return structures
