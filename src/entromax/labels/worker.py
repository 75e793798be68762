"""Worker process: imports the engine once and forks a child for every attempt.

Started by ``isolation.Worker``; tasks come in on stdin, outcomes go out on stdout,
both as pickles. A child may be killed by its engine, by the kernel or by the clock; the worker reports which. The
worker is a process of its own, not the job itself, because a fork is only safe where there are no threads, and because
the number of threads of the linear algebra is fixed when it is loaded.
"""

import contextlib
import ctypes
import os
import pickle
import select
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn

from ase import Atoms

from entromax.config.models import ReferenceSettings
from entromax.labels.engines import preload, resolve
from entromax.labels.engines.base import EngineUnavailableError, Label, UnconvergedError

State = Literal["converged", "unconverged", "crashed", "killed", "timeout", "unavailable"]
PR_SET_PDEATHSIG = 1
"""``prctl(2)``: the signal that a process gets when its parent dies."""


@dataclass(frozen=True)
class Task:
    """One attempt at one structure; ``text`` receives everything that the engine of the settings prints."""

    settings: ReferenceSettings
    atoms: Atoms
    rung: int
    timeout: float
    text: Path


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended; ``label`` only when it is ``converged``, ``cpu_seconds`` of all its processes if known."""

    state: State
    reason: str
    seconds: float
    label: Label | None = None
    cpu_seconds: float | None = None


def attempt(task: Task) -> Outcome:
    """Run one attempt in this process."""
    started = time.monotonic()

    def outcome(state: State, reason: str = "", label: Label | None = None) -> Outcome:
        return Outcome(state, reason, time.monotonic() - started, label)

    try:
        engine, settings = resolve(task.settings)
        return outcome("converged", label=engine.label(task.atoms, settings, task.rung, task.text))
    except UnconvergedError as error:
        return outcome("unconverged", str(error))
    except (EngineUnavailableError, ImportError) as error:
        return outcome("unavailable", str(error))
    except Exception as error:  # the boundary: whatever an engine raises ends one attempt, not the job
        return outcome("crashed", f"{type(error).__name__}: {error}".strip())


def _die_with(parent: int) -> None:
    """End this process when ``parent`` is killed, so that nobody calculates what nobody will hear of."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _run_child(task: Task, channel: int, inherited: Iterable[int], parent: int) -> NoReturn:
    """Be the child: run the attempt, send its outcome through ``channel``, and vanish without any clean-up."""
    _die_with(parent)
    for descriptor in inherited:  # else our parent's parent would wait for us after our parent has died
        os.close(descriptor)
    os.setsid()  # a group of its own, so that programs started by the engine die with it
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")  # short of memory, the kernel should take us, not the worker
    output = os.open(task.text, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    outcome = attempt(task)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with os.fdopen(channel, "wb") as pipe:
        pickle.dump(outcome, pipe)
    os._exit(0)


def run_isolated(task: Task, lifeline: int | None = None, inherited: Iterable[int] = ()) -> Outcome:
    """Fork, run one attempt in the child, and return how it ended, whatever happens to the child.

    Args:
        task: the attempt.
        lifeline: file descriptor that becomes readable when the parent of this process is gone; the child is then
            killed and this process ends.
        inherited: file descriptors the child must not keep open.
    """
    started = time.monotonic()
    receive, send = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(receive)
        try:
            _run_child(task, send, inherited, parent)
        finally:
            os._exit(70)  # not reached unless reporting itself failed
    os.close(send)
    watched = [receive] if lifeline is None else [receive, lifeline]
    data, timed_out, orphaned, finished = b"", False, False, False
    while not finished:
        left = started + task.timeout - time.monotonic()
        ready = select.select(watched, [], [], max(left, 0.0))[0] if left > 0 else []
        if receive in ready:
            chunk = os.read(receive, 1 << 20)
            data += chunk
            finished = not chunk
        elif ready:
            orphaned = finished = True
        elif left <= 0:
            timed_out = finished = True
    os.close(receive)
    for group in (os.killpg, os.kill):  # the child may die before it has its own group
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if timed_out or orphaned:
                group(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    if orphaned:
        os._exit(0)
    seconds = time.monotonic() - started
    if timed_out:
        outcome = Outcome("timeout", f"not finished after {task.timeout:.0f} s", seconds)
    else:
        outcome = _outcome_of(data, status, seconds)
    return replace(outcome, cpu_seconds=usage.ru_utime + usage.ru_stime)


def _outcome_of(data: bytes, status: int, seconds: float) -> Outcome:
    """Return the outcome a child has sent, or what its exit status says when it could not."""
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0 and data:
        outcome = pickle.loads(data)
        return Outcome(outcome.state, outcome.reason, seconds, outcome.label)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        if name == "SIGKILL":  # no engine does that to itself: the kernel, the batch system or a person
            return Outcome("killed", "killed by SIGKILL (out of memory?)", seconds)
        return Outcome("crashed", f"killed by {name}", seconds)
    return Outcome("crashed", f"engine process ended with exit code {os.WEXITSTATUS(status)}", seconds)


def _serve(tasks: BinaryIO, outcomes: BinaryIO) -> None:
    """Answer tasks until stdin closes; the engine of the settings that come first is imported before the first fork."""
    settings = pickle.load(tasks)
    with contextlib.suppress(Exception):  # each attempt will say it again, with its reason
        preload(settings)
    while True:
        try:
            task: Any = pickle.load(tasks)
        except EOFError:
            return
        pipes = tasks.fileno(), outcomes.fileno()
        pickle.dump(run_isolated(task, pipes[0], pipes), outcomes)
        outcomes.flush()


def main() -> None:
    """Serve stdin/stdout; anything else that is printed goes to stderr, never between the answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the job, which closes our stdin
    answers, tasks = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _serve(tasks, answers)
