"""Small geometry that every stage needs: bare and reduced copies, supercells, shortest distances, volumes."""

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list


def bare(atoms: Atoms) -> Atoms:
    """Return species, cell, positions and periodicity alone: no info, no arrays, no calculator."""
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)


def reduced(atoms: Atoms, length: float) -> Atoms:
    """Return a bare copy in units of ``length`` [Å], such as d_nn."""
    copy = bare(atoms)
    copy.set_cell(atoms.cell.array / length, scale_atoms=False)
    copy.positions = atoms.positions / length
    return copy


def right_handed(atoms: Atoms) -> Atoms:
    """Return the same crystal in a right-handed cell, labels kept: some programs refuse others."""
    if atoms.cell.handedness > 0:
        return atoms
    swapped = [1, 0, 2]
    copy = atoms.copy()
    copy.set_cell(atoms.cell.array[swapped], scale_atoms=False)
    copy.pbc = atoms.pbc[swapped]
    return copy


def deformed(atoms: Atoms, deformation: np.ndarray) -> Atoms:
    """Return a bare copy after a homogeneous deformation [3, 3]; atoms follow the cell."""
    copy = bare(atoms)
    copy.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
    return copy


def supercell(atoms: Atoms, minimum: int, *, symmetric: bool) -> Atoms:
    """Return a bare supercell of at least ``minimum`` atoms, its shortest edges repeated until they are enough.

    Args:
        atoms: primitive cell.
        minimum: number of atoms.
        symmetric: edges of equal length grow together, which keeps the symmetry of the crystal; else one at a time,
            which needs fewer atoms.
    """
    repeats = np.ones(3, dtype=int)
    while len(atoms) * repeats.prod() < minimum:
        edges = atoms.cell.lengths() * repeats
        repeats[np.isclose(edges, edges.min()) if symmetric else int(np.argmin(edges))] += 1
    return bare(atoms).repeat(tuple(map(int, repeats)))


def shortest_distance(atoms: Atoms, cutoff: float | None = None) -> float:
    """Return the shortest distance between two atoms, periodic images included [Å].

    Args:
        atoms: periodic structure.
        cutoff: how far to look [Å], infinite is returned where no pair is closer; None: as far as it takes.
    """
    if cutoff is not None:
        return float(neighbor_list("d", atoms, cutoff).min(initial=np.inf))
    reach = 1.13 * reduced_volume(atoms) ** (1 / 3)  # the closest packing, fcc, has 2^(1/6) = 1.122
    while (distance := shortest_distance(atoms, reach)) == np.inf:
        reach *= 2
    return distance


def reduced_volume(atoms: Atoms) -> float:
    """Return the volume per atom [Å^3]; v* [d_nn^3] for a structure in reduced units."""
    return float(atoms.get_volume()) / len(atoms)
