"""A campaign that is killed at any moment goes on where it was and ends with the same library, to the bit."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.campaigns import EMT, ROOT, snakemake

TARGET = "results/library/library.extxyz"
OPTIONS = ("--cores", "2", "--configfile", str(EMT), "--rerun-incomplete")


def kill_during(directory: Path, log: str, delay: float) -> None:
    """Start the workflow, kill -9 all of its processes ``delay`` seconds after a job has begun to write its log."""
    run = subprocess.Popen(
        [
            Path(sys.executable).with_name("snakemake"),
            "--snakefile",
            ROOT / "workflow/Snakefile",
            "--directory",
            directory,
            *OPTIONS,
            "--",
            TARGET,
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    begun = time.monotonic()
    while not ((directory / log).exists() and (directory / log).stat().st_size):
        assert run.poll() is None, f"the workflow ended before {log} was written"
        assert time.monotonic() - begun < 600
        time.sleep(0.02)
    time.sleep(delay)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL, "the workflow was over before it was killed"


@pytest.mark.parametrize("seed", [1])
def test_killed_rounds_resume_and_give_the_same_library(emt_campaign: Path, tmp_path: Path, seed: int) -> None:
    moments = random.Random(seed)
    for log in ("logs/maximise_batch/round_1/batch_1.log", "logs/merge_round/round_1.log"):
        kill_during(tmp_path, log, moments.uniform(0, 0.5))
        assert not (tmp_path / TARGET).exists()
        unlock = snakemake(tmp_path, "--unlock", "--configfile", str(EMT))
        assert unlock.returncode == 0, unlock.stderr
    run = snakemake(tmp_path, *OPTIONS, "--", TARGET)
    assert run.returncode == 0, run.stderr
    for name in (TARGET, "results/library/library.csv", "results/library/round_2/accepted.extxyz"):
        assert (tmp_path / name).read_bytes() == (emt_campaign / name).read_bytes()
