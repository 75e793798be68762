"""Identity of a structure: quantised coordinates and a content hash."""

import hashlib

import numpy as np
from ase import Atoms

DECIMALS = 8
"""Decimals of stored cells and positions; extended XYZ writes positions with exactly eight."""

_WRAP_TOLERANCE = 3.7e-7
"""Fractional coordinates in [-tolerance, 1 - tolerance) are in the home cell: rounding moves no atom away from 0."""


def quantise(atoms: Atoms) -> Atoms:
    """Return a copy whose cell and positions are rounded to 8 decimals, which extended XYZ keeps exactly."""
    copy = atoms.copy()
    copy.set_cell(np.round(atoms.cell.array, DECIMALS) + 0.0, scale_atoms=False)  # + 0.0 turns -0.0 into 0.0
    copy.positions = np.round(atoms.positions, DECIMALS) + 0.0
    return copy


def content_hash(atoms: Atoms) -> str:
    """Return 16 hex digits that identify species, periodicity, cell and positions.

    Of a quantised structure the hash does not change with the order of the atoms, with a shift of any atom by a
    lattice vector, or with a round trip through extended XYZ. A rotated, translated or re-celled copy is another
    structure. The first digit is a letter: a hash of digits alone, or like ``12e45``, would come back from extended
    XYZ as a number.
    """
    cell, positions = _integers(atoms.cell.array), _integers(atoms.positions)
    shifts = np.zeros_like(positions)
    if atoms.pbc.any() and atoms.cell.rank == 3:
        fractional = np.linalg.solve(cell.astype(float).T, positions.astype(float).T).T
        shifts = np.floor(fractional + _WRAP_TOLERANCE).astype(np.int64) * atoms.pbc
    positions = positions - shifts @ cell  # whole numbers: exact
    order = np.lexsort((positions[:, 2], positions[:, 1], positions[:, 0], atoms.numbers))
    digest = hashlib.sha256(b"entromax structure 1")
    for part in (np.asarray(atoms.pbc), cell, np.asarray(atoms.numbers)[order], positions[order]):
        digest.update(np.ascontiguousarray(part, dtype="<i8").tobytes())
    text = digest.hexdigest()
    return "abcdef"[int(text[0], 16) % 6] + text[1:16]


def with_sid(atoms: Atoms) -> Atoms:
    """Return a quantised copy that carries its content hash as ``info["sid"]``."""
    copy = quantise(atoms)
    copy.info["sid"] = content_hash(copy)
    return copy


def _integers(values: np.ndarray) -> np.ndarray:
    """Return coordinates as whole multiples of 1e-8."""
    return np.rint(np.asarray(values) * 10.0**DECIMALS).astype(np.int64)
