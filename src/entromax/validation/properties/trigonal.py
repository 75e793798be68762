"""Trigonal path from bcc through sc to fcc."""

from typing import ClassVar

import numpy as np
from ase import Atoms

from entromax.validation.properties.paths import Path


class Trigonal(Path):
    """Trigonal path: bcc stretched along a space diagonal becomes sc at 2 and fcc at 4."""

    name = "trigonal"
    title = "Trigonal path"
    x_label = "stretch along [111] of bcc"
    explanation = "Strain along [111] at constant volume; by symmetry the curve is flat at bcc, sc and fcc."
    stops: ClassVar = {"bcc": 1.0, "sc": 2.0, "fcc": 4.0}
    limits = (0.8, 4.8)
    place = 11

    def structure(self, parameter: float, symbol: str, volume: float) -> Atoms:
        """Return the rhombohedral cell; see ``Path.structure``."""
        edge = (2 * volume) ** (1 / 3)
        vectors = 0.5 * edge * np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1]])
        along = np.full((3, 3), 1 / 3)
        strain = parameter ** (2 / 3) * along + parameter ** (-1 / 3) * (np.eye(3) - along)
        return Atoms(symbol, positions=[[0, 0, 0]], cell=vectors @ strain, pbc=True)


PROPERTY = Trigonal()
