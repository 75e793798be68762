"""Energies through the label store: an interrupted search goes on where it was."""

from collections.abc import Sequence
from dataclasses import dataclass

from ase import Atoms

from entromax.config.models import LabelSettings, ReferenceSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.run import label_structures

LIMITS = LabelSettings(max_force=1e4, min_distance=0.0)
"""Nothing is rejected: the cells are known, and a strained one is a point of a curve like any other."""


@dataclass(frozen=True)
class Labeller:
    """What all labels of one element share.

    Attributes:
        symbol: chemical symbol.
        d_nn: nearest-neighbour distance [Å].
        budget: label store and workers.
    """

    symbol: str
    d_nn: float
    budget: LabelBudget

    def energies(self, structures: Sequence[Atoms], reference: ReferenceSettings) -> list[float | None]:
        """Return the energy per atom of every structure [eV/atom]; None for one without a label.

        Raises:
            EngineUnavailableError: the engine cannot work here, or not with this element.
        """
        records = label_structures(
            structures, element=self.symbol, d_nn=self.d_nn, reference=reference, limits=LIMITS, budget=self.budget
        )
        return [None if record.energy is None else record.energy / len(record.numbers) for record in records]
