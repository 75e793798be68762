"""What an export format is, and what all of them need."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from ase import Atoms

from entromax.registry import Entry

Parts = Mapping[str, Sequence[Atoms]]
"""Structures with ``REF_`` keys by the part of the dataset: train, validation, test."""
Energies = Mapping[str, float]
"""Energies of the free atoms by chemical symbol [eV]."""


class ExportFormat(Entry, ABC):
    """A format in which a dataset is written for people who train elsewhere."""

    @abstractmethod
    def write(self, parts: Parts, energies: Energies, folder: Path) -> None:
        """Write all parts of a dataset into ``folder``, which exists and is empty."""
