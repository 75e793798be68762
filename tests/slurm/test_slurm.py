"""The Slurm profile, adapted as profiles/README.md says, runs on a real Slurm."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
CLUSTER = Path(__file__).with_name("cluster.sh")
EMT = ROOT / "tests/workflow/emt.yaml"
ONE_ROUND = Path(__file__).with_name("one_round.yaml")
NAMES = {"slurm_partition: CHANGE_ME": "slurm_partition: cpu", "slurm_account: CHANGE_ME": "slurm_account: none"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of a running one-node Slurm."""
    directory = tmp_path_factory.mktemp("slurm")
    subprocess.run([CLUSTER, "start", directory], check=True)
    yield directory
    subprocess.run([CLUSTER, "stop", directory], check=True)


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """The committed profile with names of this cluster, and times that suit a test."""
    text = (ROOT / "profiles/slurm/config.yaml").read_text()
    for placeholder, name in NAMES.items():
        text = text.replace(placeholder, name)
    assert "CHANGE_ME" not in text.split("set-resources")[0]
    text = text.replace("slurm_partition: cpu\n    gpu: 1", "slurm_partition: gpu\n    gpu: 1")
    text = text.replace("slurm-init-seconds-before-status-checks: 10", "slurm-init-seconds-before-status-checks: 2")
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(text)
    return tmp_path / "profile"


def test_labels_are_made_by_slurm_jobs(cluster: Path, profile: Path, tmp_path: Path) -> None:
    command = [
        Path(sys.executable).with_name("snakemake"),
        "--snakefile", ROOT / "Snakefile", "--profile", profile, "--configfile", EMT, ONE_ROUND,
        "--directory", tmp_path, "--", "results/Al/dataset/manifest.parquet",
    ]  # fmt: skip
    run = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    accounting = subprocess.run(
        ["scontrol", "show", "job", "--oneliner"], capture_output=True, text=True, check=True
    ).stdout
    assert run.returncode == 0, run.stdout + run.stderr + accounting
    jobs = [line for line in accounting.splitlines() if "JobName=entromax" in line]
    assert jobs and all("JobState=COMPLETED" in job for job in jobs)
    assert ["Partition=gpu" in job for job in jobs] == ["TresPerJob=gres:gpu:1" in job for job in jobs]
    assert sum("Partition=gpu" in job for job in jobs) == 1, "one GPU job per batch"
    manifest = pd.read_parquet(tmp_path / "results/Al/dataset/manifest.parquet")
    assert (manifest.state == "converged").all()


def test_slurm_is_here() -> None:
    """A missing Slurm must fail loudly instead of leaving the profile untested."""
    assert shutil.which("sbatch")
