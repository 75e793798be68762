"""What an export format is, and what all of them need."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from entromax.labels.engines.base import ISOLATED
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


def is_free(atoms: Atoms) -> bool:
    """Tell whether a structure is a free atom."""
    return atoms.info.get("config_type") == ISOLATED


def bare(atoms: Atoms) -> Atoms:
    """Return the structure alone, in a right-handed cell: FitSNAP and pacemaker refuse others."""
    cell = atoms.cell.array if np.linalg.det(atoms.cell.array) > 0 else atoms.cell.array[[1, 0, 2]]
    return Atoms(atoms.numbers, positions=atoms.positions, cell=cell, pbc=atoms.pbc)
