"""Structures that a reader can turn: plain data for a small canvas viewer inside the page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

MIN_ATOMS = 24
"""Smaller cells are repeated to at least so many atoms, or nobody would see a crystal in them."""


@dataclass(frozen=True)
class Viewer:
    """Data of the viewer: names and, as JSON, positions and cell edges of every structure."""

    names: list[str]
    data: str


def view(structures: Mapping[str, Atoms]) -> Viewer:
    """Return the viewer of some structures.

    Positions are centred [Å]; ``lines`` are the twelve edges of the cell; ``radius`` is a third of the covalent
    diameter, so that neighbours stay apart.
    """
    data = []
    for name, atoms in structures.items():
        repeats = np.ones(3, dtype=int)
        while len(atoms) * repeats.prod() < MIN_ATOMS:
            lengths = atoms.cell.lengths() * repeats
            repeats[np.isclose(lengths, lengths.min())] += 1
        shown = atoms.copy()
        shown.wrap()
        shown = shown.repeat(tuple(map(int, repeats)))
        corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        edges = [(p, q) for p in range(8) for q in range(p) if np.abs(corners[p] - corners[q]).sum() == 1]
        centre = shown.positions.mean(axis=0)
        places = corners @ atoms.cell.array - centre
        data.append(
            {
                "name": name,
                "atoms": len(atoms),
                "positions": np.round(shown.positions - centre, 2).tolist(),
                "lines": [np.round(places[[p, q]], 2).tolist() for p, q in edges],
                "radius": round(float(covalent_radii[atoms.numbers[0]]) * 2 / 3, 2),
            }
        )
    return Viewer(list(structures), json.dumps(data, separators=(",", ":")))
