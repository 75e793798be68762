"""Time by stage of the batch route: a stop watch around the functions of `entromax` that do the work."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from entromax.entropy import objective, optimiser, rounds
from entromax.entropy.functional import EntropyFunctional
from entromax.entropy.objective import Objective
from entromax.features.bispectrum import Bispectrum
from entromax.features.moments import PairMoments
from entromax.features.slots import SlottedNeighbours
from entromax.features.triple import TripleCorrelation

SEEDS, CHECK, MERGE = "seeds and core relaxation", "check of stored structures", "greedy merge"
HARVEST = "harvests"
_WHOLE = (SEEDS, CHECK, MERGE, HARVEST)  # what happens inside is theirs
_STAGES: list[tuple[Any, str, str]] = [
    (rounds, "relaxed_seeds", SEEDS),
    (rounds, "allowed", CHECK),
    (optimiser, "_harvest", HARVEST),
    (rounds, "merge_round", MERGE),
    (SlottedNeighbours, "_renewed", "neighbour search"),
    (SlottedNeighbours, "__call__", "neighbour slots"),
    (Bispectrum, "__call__", "features, forward"),
    (TripleCorrelation, "backward", "features, adjoint"),
    (PairMoments, "backward", "features, adjoint"),
    (EntropyFunctional, "__call__", "log-det algebra"),
    (Objective, "_penalty", "constraints"),
    (objective, "shortest_distances", "constraints"),
    (objective, "hard_violations", "constraints"),
    (objective, "_chain", "chain rule to positions and strain"),
    (optimiser, "maximise", "optimiser bookkeeping"),
    (rounds, "maximise", "optimiser bookkeeping"),
]


class Stopwatch:
    """Exclusive seconds by stage, CPU time by default; functions called inside a stage count for their own."""

    def __init__(self, clock: Callable[[], float] = time.process_time) -> None:
        self._clock = clock
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._last = 0.0

    def _switch(self) -> None:
        now = self._clock()
        self.seconds[self._open[-1] if self._open else "files and the rest"] += now - self._last
        self._last = now

    def _watched(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if self._open and self._open[-1] in _WHOLE:
                return function(*arguments, **keywords)
            self._switch()
            self._open.append(stage)
            try:
                return function(*arguments, **keywords)
            finally:
                self._switch()
                self._open.pop()

        return call

    @contextmanager
    def running(self) -> Iterator[None]:
        """Watch what happens in the block."""
        with ExitStack() as stack:
            for owner, name, stage in _STAGES:
                stack.enter_context(patch.object(owner, name, self._watched(getattr(owner, name), stage)))
            self._last = self._clock()
            yield
            self._switch()

    def per_cent(self) -> dict[str, float]:
        """Return the share of each stage, largest first."""
        total = sum(self.seconds.values())
        return {k: 100 * v / total for k, v in sorted(self.seconds.items(), key=lambda item: -item[1])}
