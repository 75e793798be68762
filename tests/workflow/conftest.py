"""Campaigns that really run, each in a folder of its own."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EMT = Path(__file__).with_name("emt.yaml")


def snakemake(directory: Path, *options: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run this repository's workflow in ``directory`` and return what it printed."""
    return subprocess.run(
        [
            Path(sys.executable).with_name("snakemake"),
            "--snakefile",
            ROOT / "Snakefile",
            "--directory",
            directory,
            *options,
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


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
