"""Loaded by every Python that has this folder on its PYTHONPATH: the engine's workers then keep a diary.

Each attempt at a label appends one line when it starts and one when it ends to ``$ATTEMPTS``, independently of the
label store, and takes ``$ATTEMPT_SECONDS`` longer: EMT alone would be over before anything can be killed.
"""

import os
import sys
import time
from typing import Any

if "ATTEMPTS" in os.environ and any("entromax.labels.worker" in word for word in sys.orig_argv):
    from entromax.labels import worker

    label = worker.attempt

    def write(*words: object) -> None:
        """Append one line; short lines of several processes do not mix."""
        with open(os.environ["ATTEMPTS"], "a") as diary:
            diary.write(" ".join(map(str, words)) + "\n")

    def attempt(task: Any) -> Any:
        """Label as ever, and say so."""
        write("start", task.atoms.info["sid"], os.getpid(), time.time())
        time.sleep(float(os.environ.get("ATTEMPT_SECONDS", "0")))
        outcome = label(task)
        write("end", task.atoms.info["sid"], os.getpid(), time.time(), outcome.state)
        return outcome

    worker.attempt = attempt
