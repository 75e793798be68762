"""What a job may spend on labels: where it keeps them, how many it makes at a time, how long."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from entromax.config.models import LabelSettings
from entromax.runtime import seconds_left

RESERVE = 60.0
"""Seconds kept back at the end of the wall time for writing the outputs; 10 % of a wall time below 10 minutes."""
LEAST_RESERVE = 5.0
"""Seconds kept back of a short wall time, most of which start-up may have taken; never more than a quarter of it."""


@dataclass(frozen=True)
class LabelBudget:
    """What a job may spend on labels.

    Attributes:
        store: folder of the label store.
        workers: structures labelled at the same time, one process each.
        wall_time: seconds the job may take, it stops by itself before; None: as many as it needs.
        packs: folders of labels made before, see :mod:`entromax.labels.packs`; never written to.
    """

    store: str | Path
    workers: int = 1
    wall_time: float | None = None
    packs: Sequence[str | Path] = ()

    @classmethod
    def of_job(cls, labels: LabelSettings, *, threads: int, minutes: float) -> "LabelBudget":
        """Return the budget of a job of the workflow, which has so many threads and at most so many minutes."""
        return cls(labels.store, threads, seconds_left(minutes), tuple(labels.packs))


@dataclass
class Clock:
    """Time that is left; ``wall_time`` [s] None: for ever."""

    wall_time: float | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def budget(self) -> float:
        """Seconds that may be spent on labelling in all."""
        if self.wall_time is None:
            return float("inf")
        return self.wall_time - min(RESERVE, max(0.1 * self.wall_time, min(LEAST_RESERVE, 0.25 * self.wall_time)))

    @property
    def left(self) -> float:
        """Seconds left for labelling."""
        return self.budget - (time.monotonic() - self.started)
