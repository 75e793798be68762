"""A campaign that several tests look at."""

import fcntl
from pathlib import Path

import pytest

from tests.support.campaigns import EMT, ROOT, snakemake


@pytest.fixture(scope="session")
def emt_campaign(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Folder of a finished campaign with EMT labels: run by the worker that needs it first, for all of them."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    directory, done = shared / "emt", shared / "emt.done"
    options = ("--profile", str(ROOT / "profiles/local"), "--configfile", str(EMT))
    with open(shared / "emt.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            run = snakemake(directory, *options, timeout=1800)
            assert run.returncode == 0, run.stdout + run.stderr
            done.touch()
    return directory
