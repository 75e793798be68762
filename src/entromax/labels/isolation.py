"""Run attempts in processes that may die: one worker process per slot, one forked child per attempt.

The engine is imported once per worker (GPAW: 1.4 s); a fork costs a few milliseconds and leaves no memory behind.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from types import TracebackType

from threadpoolctl import threadpool_info

from entromax.config.models import ReferenceSettings
from entromax.labels.worker import Outcome, Task

SINGLE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
}
"""One thread per engine process: cells are small, and parallel work comes from many structures at once."""


def processor_kernels() -> dict[str, str]:
    """Return the variable that makes every OpenBLAS use the kernels that numpy's has chosen for this processor.

    Numpy brings a new OpenBLAS. Engines are linked to that of the system, and one that is older than the processor
    falls back to kernels of 2004: Debian 12's on a Xeon of 2023 multiplies matrices five times slower, and labels of
    tungsten take a third longer. Nothing, where numpy has no OpenBLAS or the user has chosen.
    """
    if "OPENBLAS_CORETYPE" in os.environ:
        return {}
    chosen = {
        library["architecture"]
        for library in threadpool_info()
        if library["internal_api"] == "openblas" and "numpy.libs" in library["filepath"]
    }
    return {"OPENBLAS_CORETYPE": chosen.pop()} if len(chosen) == 1 else {}


class WorkerStoppedError(RuntimeError):
    """The worker was stopped by ``Worker.stop`` while it had a task."""


class Worker:
    """A process that runs one attempt at a time, restarted when it dies.

    Args:
        settings: settings of the engine, which is imported when the process starts.
    """

    def __init__(self, settings: ReferenceSettings) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def run(self, task: Task) -> Outcome:
        """Run one attempt and return how it ended.

        Raises:
            WorkerStoppedError: ``stop`` was called, possibly from another thread.
        """
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        try:
            pickle.dump(task, process.stdin)
            process.stdin.flush()
            outcome: Outcome = pickle.load(process.stdout)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            code = self._discard(process)
            if self._stopped:
                raise WorkerStoppedError from None
            died = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            return Outcome("killed", f"the process around the engine was {died}", 0.0)
        return outcome

    def stop(self) -> None:
        """End the process and whatever it runs; safe from any thread, any number of times."""
        with self._lock:
            self._stopped = True
            process = self._process
        if process is not None:
            self._hang_up(process)

    @staticmethod
    def _hang_up(process: "subprocess.Popen[bytes]") -> None:
        """Close stdin: the worker kills its child and exits; kill it when it does not."""
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # already gone
            process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _running(self) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._stopped:
                raise WorkerStoppedError
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", "from entromax.labels.worker import main; main()"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    # The path of this process, so that an uninstalled source tree works in the worker too.
                    env={
                        **os.environ,
                        **SINGLE_THREAD,
                        **processor_kernels(),
                        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                    },
                )
                assert self._process.stdin is not None
                pickle.dump(self._settings, self._process.stdin)
                self._process.stdin.flush()
            return self._process

    def _discard(self, process: "subprocess.Popen[bytes]") -> int:
        process.kill()
        code = process.wait()
        with self._lock:
            self._process = None
        return code

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
