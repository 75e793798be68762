"""One line of the label store: everything that is known about one structure, and what it counts for."""

import dataclasses
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from ase import Atoms

from entromax.config.models import LabelSettings
from entromax.labels.engines.base import Label
from entromax.structures.geometry import shortest_distance
from entromax.structures.kinds import is_isolated, kind_of

State = Literal["converged", "unconverged", "timeout", "crashed", "rejected"]
STATES: tuple[State, ...] = ("converged", "unconverged", "timeout", "crashed", "rejected")
FORGOTTEN = "forgotten"
"""State of a tombstone: everything older about this structure no longer counts."""


@dataclass(frozen=True)
class Attempt:
    """One attempt: rung of the engine's ladder, what was changed there, how it ended."""

    rung: int
    name: str
    changes: str
    outcome: str
    reason: str
    seconds: float
    iterations: int | None = None
    timeout: float | None = None
    cpu_seconds: float | None = None


@dataclass(frozen=True)
class Record:
    """One structure in one final state; plain JSON data, units as in ``Label``.

    The structure itself is kept: its ``sid`` does not fix the order of the atoms, the forces do. ``numerical`` holds
    the settings that are no part of the physics hash.
    """

    sid: str
    state: str
    reason: str = ""
    element: str = ""
    library_sid: str = ""
    config_type: str = ""
    settings: str = ""
    numbers: list[int] = field(default_factory=list)
    cell: list[list[float]] = field(default_factory=list)
    positions: list[list[float]] = field(default_factory=list)
    kpts: list[int] | None = None
    energy: float | None = None
    forces: list[list[float]] | None = None
    stress: list[float] | None = None
    changed_physics: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float | None = None
    engine: str = ""
    numerical: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    tail: str = ""
    host: str = field(default_factory=socket.gethostname)
    time: float = field(default_factory=time.time)

    def to_json(self) -> dict[str, Any]:
        """Return plain data; ``sid`` comes first, which lets a reader skip lines it does not want."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Record":
        """Return the record written by ``to_json``; keys of a newer version are ignored.

        Raises:
            KeyError, TypeError: the data are no record.
        """
        known = {entry.name for entry in dataclasses.fields(cls)}
        attempts = [Attempt(**attempt) for attempt in data.get("attempts", [])]
        values = {key: value for key, value in data.items() if key in known}
        return cls(**{**values, "sid": data["sid"], "state": data["state"], "attempts": attempts})

    @property
    def max_force(self) -> float | None:
        """Largest force on an atom [eV/Å]."""
        return None if self.forces is None else float(np.linalg.norm(self.forces, axis=1).max())

    def atoms(self) -> Atoms:
        """Return the labelled structure with its ``REF_`` keys.

        Raises:
            ValueError: the record holds no label.
        """
        if self.energy is None or self.forces is None or self.stress is None:
            raise ValueError(f"{self.sid}: {self.state}, there is no label")
        atoms = Atoms(self.numbers, positions=self.positions, cell=self.cell, pbc=True)
        atoms.arrays["REF_forces"] = np.array(self.forces)
        atoms.info = {
            "REF_energy": self.energy,
            "REF_stress": np.array(self.stress),
            "sid": self.sid,
            "library_sid": self.library_sid,
            "element": self.element,
            "settings": self.settings,
            "config_type": self.config_type,
        }
        if self.changed_physics:
            atoms.info["changed_physics"] = self.changed_physics
        return atoms


def new_record(atoms: Atoms, settings: str, engine: str, state: State, **values: Any) -> Record:
    """Return a record of ``atoms`` (with ``sid``, ``element``, ``config_type`` in its info)."""
    label: Label | None = values.pop("label", None)
    if label is not None:
        values |= {
            "energy": label.energy,
            "forces": np.asarray(label.forces).tolist(),
            "stress": np.asarray(label.stress).tolist(),
            "info": label.info,
        }
    return Record(
        sid=str(atoms.info["sid"]),
        state=state,
        element=str(atoms.info.get("element", "")),
        library_sid=str(atoms.info.get("library_sid", "")),
        config_type=kind_of(atoms),
        settings=settings,
        numbers=atoms.numbers.tolist(),
        cell=atoms.cell.array.tolist(),
        positions=atoms.positions.tolist(),
        kpts=wanted_mesh(atoms),
        engine=engine,
        **values,
    )


def wanted_mesh(atoms: Atoms) -> list[int] | None:
    """Return the k-point mesh that a structure asks for, if it does."""
    return [int(count) for count in atoms.info["kpts"]] if "kpts" in atoms.info else None


def too_close(atoms: Atoms, min_distance: float) -> str:
    """Return why a structure is rejected before any calculation, or ``""``.

    Overlapping atoms mostly do not make DFT fail: they converge to forces of 1e3 eV/Å.

    Args:
        atoms: structure; a free atom is never rejected.
        min_distance: smallest distance allowed, also between periodic images [Å].
    """
    if is_isolated(atoms) or min_distance <= 0:
        return ""
    distance = shortest_distance(atoms, min_distance)
    if distance == np.inf:
        return ""
    return f"atoms {distance:.3f} Å apart, closer than min_distance = {min_distance:.3f} Å"


def judge(record: Record, atoms: Atoms, limits: LabelSettings, rungs: int) -> Record | None:
    """Return what a stored record counts for under the present limits; None: the structure has to be labelled (again).

    A label that was rejected for its forces counts again when ``max_force`` is raised, without any new calculation.
    A failure is final only within the limits it was met with: more attempts or more time are a reason to go on.

    Args:
        record: what the store holds about the structure.
        atoms: the structure.
        limits: present limits.
        rungs: length of the engine's recovery ladder.
    """
    if record.energy is not None:
        force = record.max_force or 0.0
        if force > limits.max_force and not is_isolated(atoms):
            reason = f"largest force {force:.1f} eV/Å, above max_force = {limits.max_force:g} eV/Å"
            return dataclasses.replace(record, state="rejected", reason=reason)
        return dataclasses.replace(record, state="converged", reason="")
    if not record.attempts:
        return None  # rejected before any calculation, by limits that have changed since
    if record.state == "timeout":
        return record if limits.structure_timeout <= (record.attempts[-1].timeout or 0.0) else None
    if record.attempts[-1].outcome == "killed":
        return None  # a matter of memory, nodes and people, not of the structure
    return record if next_rung(record.attempts) >= min(limits.max_attempts, rungs) else None


def next_rung(attempts: Sequence[Attempt]) -> int:
    """Return the rung to try after these attempts; one that ran out of time or was killed from outside is repeated."""
    if not attempts:
        return 0
    return attempts[-1].rung + (attempts[-1].outcome not in ("timeout", "killed"))
