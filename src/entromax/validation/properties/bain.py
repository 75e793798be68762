"""Tetragonal (Bain) path between bcc and fcc."""

from typing import ClassVar

import numpy as np
from ase import Atoms

from entromax.validation.properties.paths import Path


class Bain(Path):
    """Tetragonal (Bain) path: bcc stretched along a cube axis becomes fcc at c/a = √2."""

    name = "bain"
    title = "Bain path"
    x_label = "c/a of the body-centred tetragonal cell"
    explanation = "Tetragonal strain of bcc at constant volume; by symmetry the curve is flat at bcc and at fcc."
    stops: ClassVar = {"bcc": 1.0, "fcc": float(np.sqrt(2.0))}
    limits = (0.85, 1.75)
    place = 10

    def structure(self, parameter: float, symbol: str, volume: float) -> Atoms:
        """Return the body-centred tetragonal cell; see ``Path.structure``."""
        a = (2 * volume / parameter) ** (1 / 3)
        cell = 0.5 * np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) * [a, a, a * parameter]
        return Atoms(symbol, positions=[[0, 0, 0]], cell=cell, pbc=True)


PROPERTY = Bain()
