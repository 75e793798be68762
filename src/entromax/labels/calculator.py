"""The labelling engine as an ASE calculator: what the store holds costs nothing, what it lacks is labelled and kept."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.geometry import get_distances

from entromax.config.models import ElementSettings, LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.record import Record
from entromax.labels.run import label_structures
from entromax.structures import with_sid
from entromax.structures.geometry import bare
from entromax.structures.kinds import PROPERTY


class NoLabelError(RuntimeError):
    """The engine gave no label for a structure; the message names its state and reason."""


class LabelCalculator(Calculator):
    """Energy, forces and stress by the engine and settings of an element's labels, through its label store.

    A relaxation that is killed repeats its finished steps from the store. ``info["kpts"]`` of a structure overrides
    its k-point mesh, as everywhere. Distances and forces are not limited: here compressed structures are wanted.

    Args:
        element: chemical symbol.
        settings: settings of the element.
        limits: time and attempts per structure.
        budget: label store, workers that :meth:`label` may use, and the time of all calls together.
    """

    def __init__(
        self,
        element: str,
        settings: ElementSettings,
        limits: LabelSettings,
        budget: LabelBudget,
    ) -> None:
        super().__init__()
        self.implemented_properties = ["energy", "free_energy", "forces", "stress"]
        self.element, self.settings, self.budget = element, settings, budget
        self.limits = limits.model_copy(update={"min_distance": 0.0, "max_force": float("inf")})
        self.deadline = None if budget.wall_time is None else time.monotonic() + budget.wall_time

    def label(self, structures: Sequence[Atoms]) -> list[Record]:
        """Return the records of several structures, which are labelled at the same time where there are workers.

        Raises:
            OutOfTimeError: the wall time is nearly over; call again to go on.
            EngineUnavailableError: the engine cannot work here.
        """
        prepared = []
        for atoms in structures:
            one = with_sid(bare(atoms))
            one.info |= {"element": self.element, "config_type": PROPERTY, "library_sid": ""}
            if "kpts" in atoms.info:
                one.info["kpts"] = atoms.info["kpts"]
            prepared.append(one)
        left = None if self.deadline is None else self.deadline - time.monotonic()
        return label_structures(
            prepared,
            element=self.element,
            d_nn=self.settings.d_nn,
            reference=self.settings.reference,
            limits=self.limits,
            budget=replace(self.budget, wall_time=left),
        )

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Label one structure; see ``ase.calculators.calculator.Calculator``.

        Raises:
            NoLabelError: the engine failed on this structure.
        """
        super().calculate(atoms, properties, system_changes)
        record = self.label([self.atoms])[0]
        if record.energy is None or record.forces is None or record.stress is None:
            raise NoLabelError(f"{record.state}: {record.reason}")
        self.results: dict[str, Any] = {
            "energy": record.energy,
            "free_energy": record.energy,
            "forces": np.array(record.forces)[_same_order(record, self.atoms)],
            "stress": np.array(record.stress),
        }


def _same_order(record: Record, atoms: Atoms) -> np.ndarray:
    """Return which atom of the record each atom is: structures that differ by their order share a record."""
    distances = get_distances(atoms.positions, np.array(record.positions), cell=atoms.cell, pbc=True)[1]
    return np.asarray(distances.argmin(axis=1))
