"""Hexagonal (Burgers) path from bcc to hcp."""

from typing import ClassVar

import numpy as np
from ase import Atoms

from entromax.validation.properties.paths import Path

HEXAGONAL = np.array([1.0, np.sqrt(3.0), np.sqrt(8.0 / 3.0)])
"""Edges of the orthorhombic cell of hcp."""
ORTHORHOMBIC_BCC = np.array([1.0, np.sqrt(2.0), np.sqrt(2.0)])
"""Edges of the same cell, [001] [110] [1-10], of bcc."""


class Hexagonal(Path):
    """Hexagonal (Burgers) path: strain and shuffle of (110) planes, coupled linearly, turn bcc into hcp."""

    name = "hexagonal"
    title = "Hexagonal path"
    x_label = "progress of strain and shuffle"
    explanation = "Burgers' path from bcc to ideal hcp at constant volume, strain and shuffle in proportion."
    stops: ClassVar = {"bcc": 0.0, "hcp": 1.0}
    limits = (-0.2, 1.3)
    place = 12

    def structure(self, parameter: float, symbol: str, volume: float) -> Atoms:
        """Return the primitive cell of two atoms; see ``Path.structure``."""
        edges = ORTHORHOMBIC_BCC ** (1 - parameter) * HEXAGONAL**parameter
        a, b, c = edges * (4 * volume / edges.prod()) ** (1 / 3)
        cell = [[a / 2, b / 2, 0], [-a / 2, b / 2, 0], [0, 0, c]]
        positions = [[0, 0, 0], [0, (1 / 2 + parameter / 6) * b, c / 2]]
        return Atoms([symbol] * 2, positions=positions, cell=cell, pbc=True)


PROPERTY = Hexagonal()
