"""Label a list of structures: store first, then the engine, in isolated processes, within the time that is left."""

import logging
import queue
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ase import Atoms

from entromax.config.models import LabelSettings, ReferenceSettings
from entromax.labels.budget import Clock, LabelBudget
from entromax.labels.engines import (
    engine_available,
    engine_version,
    load_engine,
    numerical_settings,
    physics_hash,
)
from entromax.labels.engines.base import EngineUnavailableError, Rung
from entromax.labels.isolation import Worker, WorkerStoppedError
from entromax.labels.record import Attempt, Record, State, judge, new_record, next_rung, too_close, wanted_mesh
from entromax.labels.store import LabelStore
from entromax.labels.worker import Task
from entromax.structures.kinds import kind_of

logger = logging.getLogger("entromax.labels")

FAILURES: dict[str, State] = {
    "unconverged": "unconverged",
    "timeout": "timeout",
    "crashed": "crashed",
    "killed": "crashed",
}
"""State of a structure, from the outcome of its last attempt."""
TAIL_LINES = 12
"""Lines of the engine's output that go into the record of a failure."""


class OutOfTimeError(RuntimeError):
    """The job stops before its wall time; what it has labelled is in the store."""


def label_structures(
    structures: Sequence[Atoms],
    *,
    element: str,
    d_nn: float,
    reference: ReferenceSettings,
    limits: LabelSettings,
    budget: LabelBudget,
) -> list[Record]:
    """Return one record in a final state for every structure, in their order; label only what the store lacks.

    Args:
        structures: with ``sid``, ``element``, ``config_type`` in their info [Å].
        element: chemical symbol; names the folder in the store.
        d_nn: nearest-neighbour distance of the element [Å], unit of ``limits.min_distance``.
        reference: settings of the engine.
        limits: what is rejected, how long and how often an attempt is made.
        budget: label store, workers and time of this call.

    Raises:
        EngineUnavailableError: the engine cannot work here.
        OutOfTimeError: the wall time is nearly over; call again to go on.
        ValueError: structures without ``sid``.
    """
    clock = Clock(budget.wall_time)
    _require_sids(structures)
    message = engine_available(reference)
    if message:
        raise EngineUnavailableError(message)
    if limits.structure_timeout > clock.budget:
        logger.warning(
            "labels.structure_timeout = %.0f s does not fit into the wall time: cut to %.0f s; give the job more time",
            *(limits.structure_timeout, clock.budget),
        )
        limits = limits.model_copy(update={"structure_timeout": clock.budget})
    rungs = load_engine(reference).rungs
    settings, version = physics_hash(reference), engine_version(reference)
    results: dict[str, Record] = {}
    todo: dict[str, tuple[Atoms, Record | None]] = {}
    with LabelStore(budget.store, element, settings, budget.packs) as labels:
        labels.describe(reference.model_dump(mode="json"))
        known = {
            sid: record
            for sid, record in labels.read({atoms.info["sid"]: wanted_mesh(atoms) for atoms in structures}).items()
            if record.energy is not None or not record.attempts or record.numerical == numerical_settings(reference)
        }
        for atoms in structures:
            sid = atoms.info["sid"]
            reason = too_close(atoms, limits.min_distance * d_nn)
            judged = judge(known[sid], atoms, limits, len(rungs)) if sid in known else None
            if reason:
                results[sid] = new_record(atoms, settings, version, "rejected", reason=reason)
                if sid not in known:
                    labels.append(results[sid])
            elif judged is not None:
                results[sid] = judged
            else:
                todo[sid] = atoms, known.get(sid)
        logger.info(
            "%s, %s, settings %s: %d structures, %d of them in the store or rejected, %d to label",
            *(element, version, settings, len(structures), len(results), len(todo)),
        )
        job = _Job(reference, limits, rungs, settings, version, clock, labels)
        for number, record in enumerate(job.label(list(todo.values()), budget.workers), start=1):
            atoms = todo[record.sid][0]
            results[record.sid] = judge(record, atoms, limits, len(rungs)) or record
            _log_progress(results[record.sid], number, len(todo), clock)
    left = len({atoms.info["sid"] for atoms in structures}) - len(results)
    if left:
        raise OutOfTimeError(
            f"{element}: stopped before the wall time of {budget.wall_time:.0f} s with {left} of {len(structures)} "
            f"structures to go; everything labelled so far is in {labels.folder}: run the job again to continue"
        )
    return [_for_this_purpose(results[atoms.info["sid"]], atoms) for atoms in structures]


def _for_this_purpose(record: Record, atoms: Atoms) -> Record:
    """Return the record under the names it goes by here: the store may hold it from another use of the structure."""
    return replace(
        record,
        library_sid=str(atoms.info.get("library_sid", "")),
        config_type=kind_of(atoms),
    )


def _require_sids(structures: Sequence[Atoms]) -> None:
    for number, atoms in enumerate(structures):
        if "sid" not in atoms.info:
            raise ValueError(f"structure {number} has no sid in its info: make structures with entromax.structures")


def _log_progress(record: Record, number: int, total: int, clock: Clock) -> None:
    elapsed = time.monotonic() - clock.started
    logger.info(
        "%d/%d %s %s %.1f s, %d attempt%s%s, %.0f min to go",
        *(number, total, record.sid, record.state, record.seconds, len(record.attempts)),
        *("" if len(record.attempts) == 1 else "s", f" ({record.reason})" if record.reason else ""),
        elapsed / number * (total - number) / 60,
    )


@dataclass
class _Job:
    """What the threads of one call share; each thread drives one worker process."""

    reference: ReferenceSettings
    limits: LabelSettings
    rungs: Sequence[Rung]
    settings: str
    version: str
    clock: Clock
    store: LabelStore
    durations: list[float] = field(default_factory=list)
    writing: threading.Lock = field(default_factory=threading.Lock)

    def label(self, todo: Sequence[tuple[Atoms, Record | None]], workers: int) -> Iterator[Record]:
        """Yield the records of ``todo`` once they are on the disk; none for what there was no time for."""
        if not todo:
            return
        crew = [Worker(self.reference) for _ in range(max(1, min(workers, len(todo))))]
        free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in crew:
            free.put(worker)
        with tempfile.TemporaryDirectory(prefix="entromax-") as scratch, ThreadPoolExecutor(len(crew)) as pool:
            futures = [pool.submit(self._label_one, atoms, known, free, Path(scratch)) for atoms, known in todo]
            try:
                yield from _results(futures)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                for worker in crew:
                    worker.stop()

    def _label_one(
        self, atoms: Atoms, known: Record | None, free: "queue.SimpleQueue[Worker]", scratch: Path
    ) -> Record | None:
        """Climb the recovery ladder with one structure; None when there is no time for it.

        The worker gets nothing new to do before the record is on the disk: on a slow one, labels that are
        calculated but not yet kept would pile up otherwise, and be lost with the job.
        """
        worker = free.get()
        try:
            record = self._climb(atoms, list(known.attempts) if known else [], worker, scratch)
            if record is not None:
                with self.writing:
                    self.store.append(record)
            return record
        except WorkerStoppedError:
            return None
        finally:
            free.put(worker)

    def _climb(self, atoms: Atoms, attempts: list[Attempt], worker: Worker, scratch: Path) -> Record | None:
        text = scratch / f"{atoms.info['sid']}.txt"
        texts: list[str] = []
        kills = 0
        while (number := next_rung(attempts)) < min(self.limits.max_attempts, len(self.rungs)):
            expected = sum(self.durations) / len(self.durations) if self.durations else 0.0
            if self.clock.left <= expected:
                return None
            timeout = min(self.limits.structure_timeout, self.clock.left)
            outcome = worker.run(Task(self.reference, atoms, number, timeout, text))
            if outcome.state == "unavailable":
                raise EngineUnavailableError(outcome.reason)
            if outcome.state == "timeout" and timeout < self.limits.structure_timeout:
                return None  # cut by the end of the job, not by its own limit
            self.durations.append(outcome.seconds)
            rung, label = self.rungs[number], outcome.label
            iterations = label.iterations if label else None
            attempts.append(
                Attempt(
                    rung=number,
                    name=rung.name,
                    changes=rung.changes,
                    outcome=outcome.state,
                    reason=outcome.reason,
                    seconds=outcome.seconds,
                    iterations=iterations,
                    timeout=timeout,
                    cpu_seconds=outcome.cpu_seconds,
                )
            )
            texts.append(_read_text(text))
            if label is not None:
                self._failure(atoms).unlink(missing_ok=True)
                changed = f"{rung.name}: {rung.changes}" if rung.changed_physics else ""
                return self._record(atoms, "converged", attempts, label=label, changed_physics=changed)
            kills += outcome.state == "killed"
            if outcome.state == "timeout" or kills == self.limits.max_attempts:
                break
        _keep(self._failure(atoms), attempts[-len(texts) :], texts)
        tail = "\n".join(texts[-1].splitlines()[-TAIL_LINES:])[-2000:]
        last = attempts[-1]
        return self._record(atoms, FAILURES[last.outcome], attempts, reason=last.reason, tail=tail)

    def _record(self, atoms: Atoms, state: State, attempts: list[Attempt], **values: Any) -> Record:
        seconds = sum(attempt.seconds for attempt in attempts)
        known = [attempt.cpu_seconds for attempt in attempts if attempt.cpu_seconds is not None]
        values |= {"seconds": seconds, "cpu_seconds": sum(known) if len(known) == len(attempts) else None}
        values |= {"attempts": attempts, "numerical": numerical_settings(self.reference)}
        return new_record(atoms, self.settings, self.version, state, **values)

    def _failure(self, atoms: Atoms) -> Path:
        return self.store.failures / f"{atoms.info['sid']}.txt"


def _results(futures: Sequence["Future[Record | None]"]) -> Iterator[Record]:
    for future in as_completed(futures):
        record = future.result()
        if record is not None:
            yield record


def _read_text(path: Path) -> str:
    """Return and remove what the engine has printed."""
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""
    finally:
        path.unlink(missing_ok=True)


def _keep(path: Path, attempts: Sequence[Attempt], texts: Sequence[str]) -> None:
    """Keep the output of failed attempts where a person finds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        for attempt, text in zip(attempts, texts, strict=True):
            file.write(
                f"=== {attempt.name} ({attempt.changes or 'as configured'}): {attempt.outcome} {attempt.reason}\n"
            )
            file.write(text)
