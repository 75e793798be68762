"""The Slurm profile, adapted as profiles/README.md says, runs on a real Slurm, whatever goes wrong there."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests.support.kills.campaign import KillCampaign

ROOT = Path(__file__).parents[2]

CLUSTER = Path(__file__).with_name("cluster.sh")
EMT = ROOT / "tests/workflow/emt.yaml"
ONE_ROUND = Path(__file__).with_name("one_round.yaml")
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
CHANGES = {
    "slurm_partition: CHANGE_ME": "slurm_partition: cpu",
    "slurm_account: CHANGE_ME": "slurm_account: root",  # the one that every accounting has
    # What follows is to make the tests short.
    "status-checks: 10": "status-checks: 2",
    "latency-wait: 30": "latency-wait: 5",
}
ALIVE = ("PENDING", "RUNNING")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of a running one-node Slurm."""
    directory = tmp_path_factory.mktemp("slurm")
    subprocess.run([CLUSTER, "start", directory], check=True)
    yield directory
    subprocess.run([CLUSTER, "stop", directory], check=True)


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed profile with names of this cluster, and times that suit a test."""
    text = (ROOT / "profiles/slurm/config.yaml").read_text()
    for written, changed in CHANGES.items():
        assert written in text, written
        text = text.replace(written, changed)
    assert "CHANGE_ME" not in text
    text = text.replace("slurm_partition: cpu\n    gpu: 1", "slurm_partition: gpu\n    gpu: 1")
    directory = tmp_path_factory.mktemp("profile")
    (directory / "config.yaml").write_text(text)
    return directory


@pytest.fixture(scope="module")
def failures(cluster: Path, profile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which every job of failures.smk has failed once and was cured; the campaign below runs meanwhile."""
    directory = tmp_path_factory.mktemp("failures")
    command = [
        SNAKEMAKE, "--snakefile", Path(__file__).with_name("failures.smk"), "--profile", profile,
        "--directory", directory,
    ]  # fmt: skip
    with open(directory / "snakemake.log", "wb") as log:
        run = subprocess.Popen(command, stdout=log, stderr=log)
    wait_for(lambda: (directory / "cancelled.attempts").exists())
    (job,) = jobs(directory, comment="rule_cancelled")
    subprocess.run(["scancel", job["JobId"]], check=True)
    assert run.wait(timeout=600) == 0, (directory / "snakemake.log").read_text()
    return directory


@pytest.fixture(scope="module")
def stopped(cluster: Path, profile: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillCampaign]:
    """A running campaign whose one job has more to do than its first wall time of a minute allows."""
    directory = tmp_path_factory.mktemp("stopped")
    campaign = KillCampaign(directory, structures=70, reference={"engine": "emt"}, seconds=1.0)
    run = campaign.start(profile, "--set-resources", "label_shard:runtime=attempt")
    yield campaign
    assert run.wait(timeout=600) == 0, (directory / "snakemake.log").read_text()


def wait_for(condition: Callable[[], object], seconds: float = 400) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def jobs(directory: Path, comment: str = "") -> list[dict[str, str]]:
    """Return all jobs that were ever submitted for a campaign, as Slurm remembers them."""
    text = subprocess.run(["scontrol", "show", "job", "--oneliner"], capture_output=True, text=True, check=True).stdout
    found = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in text.splitlines()]
    return [job for job in found if job.get("WorkDir") == str(directory) and job.get("Comment", "").startswith(comment)]


def accounted(directory: Path) -> list[str]:
    """Return the states of all jobs that were ever submitted for a campaign, as the accounting remembers them."""
    command = [
        "sacct",
        "--allocations",
        "--parsable2",
        "--noheader",
        "--format",
        "State,WorkDir",
        "--starttime",
        "now-1day",
    ]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sorted(state for state, folder in (row.split("|") for row in text.splitlines()) if folder == str(directory))


def attempts(directory: Path, rule: str) -> list[int]:
    return [int(word) for word in (directory / f"{rule}.attempts").read_text().split()]


def restart(cluster: Path, daemon: str, *options: str) -> None:
    """Start a daemon again after it was killed."""
    (cluster / f"{daemon}.pid").unlink(missing_ok=True)
    subprocess.run([daemon, *options], check=True, env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin"})


def kill(cluster: Path, daemon: str) -> None:
    os.kill(int((cluster / f"{daemon}.pid").read_text()), signal.SIGKILL)


def test_labels_are_made_by_slurm_jobs(cluster: Path, profile: Path, tmp_path: Path) -> None:
    command = [
        SNAKEMAKE, "--snakefile", ROOT / "workflow/Snakefile", "--profile", profile, "--configfile", EMT, ONE_ROUND,
        "--directory", tmp_path, "--", "results/Al/dataset/manifest.parquet",
    ]  # fmt: skip
    run = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    submitted = jobs(tmp_path)
    assert run.returncode == 0, f"{run.stdout}{run.stderr}{submitted}"
    assert submitted and {job["JobState"] for job in submitted} == {"COMPLETED"}
    assert all(job["JobName"].startswith("entromax-") for job in submitted)
    on_gpu = [job for job in submitted if job["Partition"] == "gpu"]
    assert len(on_gpu) == 1, "one GPU job per batch"
    assert on_gpu == [job for job in submitted if job.get("TresPerJob") == "gres:gpu:1"]
    manifest = pd.read_parquet(tmp_path / "results/Al/dataset/manifest.parquet")
    assert (manifest.state == "converged").all()


def test_a_job_out_of_time_or_memory_gets_more_of_it(stopped: KillCampaign, failures: Path) -> None:
    assert attempts(failures, "out_of_time") == [1, 2]
    assert {job["JobState"] for job in jobs(failures, "rule_out_of_time")} == {"TIMEOUT", "COMPLETED"}
    assert attempts(failures, "out_of_memory") == [500, 2000]


def test_a_job_that_somebody_cancels_is_submitted_again(failures: Path) -> None:
    assert attempts(failures, "cancelled") == [1, 2]
    assert {job["JobState"] for job in jobs(failures, "rule_cancelled")} == {"CANCELLED", "COMPLETED"}


def test_a_job_that_fails_is_submitted_again(failures: Path) -> None:
    assert attempts(failures, "fails") == [1, 2]


def test_a_job_gets_the_gpu_and_the_mpi_tasks_it_asks_for(failures: Path) -> None:
    assert (failures / "gpu.done").read_text().strip() == "0"
    assert sorted((failures / "mpi.done").read_text().splitlines()) == ["0 of 2", "1 of 2"]


def test_a_label_job_stops_before_its_wall_time_and_goes_on_in_the_next_attempt(stopped: KillCampaign) -> None:
    wait_for(lambda: (stopped.folder / "results/Al/labels/shard_1.parquet").exists())
    assert set(stopped.labels()) == set(stopped.sids)
    assert not stopped.repeated() and len(stopped.starts()) <= len(stopped.sids) + 1
    wait_for(lambda: not {job["JobState"] for job in jobs(stopped.folder)} & set(ALIVE))
    first, *_, last = [job["JobState"] for job in jobs(stopped.folder)]
    assert (first, last) == ("FAILED", "COMPLETED")
    assert "stopped before the wall time" in (stopped.folder / "snakemake.log").read_text()


def test_a_restarted_snakemake_leaves_no_job_running_twice(cluster: Path, profile: Path, tmp_path: Path) -> None:
    # So slow that no job is done before the second Snakemake looks, however busy the machine; the rest is quick.
    campaign = KillCampaign(tmp_path, structures=80, shards=2, reference={"engine": "emt"}, seconds=3)
    first = campaign.start(profile)
    wait_for(lambda: len(campaign.labels()) >= 4)
    first.kill()
    first.wait()
    orphans = {job["JobId"] for job in jobs(tmp_path) if job["JobState"] in ALIVE}
    assert orphans, "nothing was left running: the test shows nothing"
    before = campaign.labels()
    campaign.seconds = 0.1
    assert campaign.start(profile).wait(timeout=600) == 0, (tmp_path / "snakemake.log").read_text()
    assert {job["JobState"] for job in jobs(tmp_path) if job["JobId"] in orphans} <= {"CANCELLED", "COMPLETED"}
    assert len(jobs(tmp_path)) == 4, "each shard is submitted once by each Snakemake"
    after = campaign.labels()
    assert set(after) == set(campaign.sids) and before.items() <= after.items()
    assert not campaign.repeated()
    assert len(campaign.starts()) <= len(campaign.sids) + 6, "only what was at work or being written is repeated"


def test_a_node_that_goes_down_and_comes_back_costs_its_jobs_one_attempt(
    cluster: Path, profile: Path, tmp_path: Path
) -> None:
    campaign = KillCampaign(tmp_path, structures=20, reference={"engine": "emt"}, seconds=0.5)
    run = campaign.start(profile)
    wait_for(lambda: len(campaign.labels()) >= 2)
    node = os.uname().nodename.split(".")[0]
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"], check=True)
    wait_for(lambda: "NODE_FAIL" in {job["JobState"] for job in jobs(tmp_path)})
    # Not checked: the node may have come back by itself already.
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], check=False)
    assert run.wait(timeout=600) == 0, (tmp_path / "snakemake.log").read_text()
    assert set(campaign.labels()) == set(campaign.sids) and not campaign.repeated()
    # Without cgroups Slurm loses sight of what is left of a job on a node that was down.
    for process in psutil.process_iter(["cwd"]):
        if process.info["cwd"] == str(tmp_path):
            process.kill()


def test_jobs_outlive_the_controller_and_the_node_daemon(cluster: Path, profile: Path, tmp_path: Path) -> None:
    """Twenty seconds without slurmctld are many failed status queries, with a job running and one to be submitted."""
    campaign = KillCampaign(tmp_path, structures=40, shards=2, reference={"engine": "emt"}, seconds=1.0)
    run = campaign.start(profile, "--jobs", "1")
    wait_for(lambda: len(campaign.labels()) >= 2)
    kill(cluster, "slurmctld")
    kill(cluster, "slurmd")
    time.sleep(20)
    restart(cluster, "slurmctld")
    restart(cluster, "slurmd")
    assert run.wait(timeout=600) == 0, (tmp_path / "snakemake.log").read_text()
    assert [job["JobState"] for job in jobs(tmp_path)] == ["COMPLETED", "COMPLETED"]
    assert set(campaign.labels()) == set(campaign.sids) and len(campaign.starts()) == len(campaign.sids)
    assert "does not answer" in (tmp_path / "snakemake.log").read_text()


def test_what_the_queue_has_forgotten_is_found_in_the_accounting(cluster: Path, profile: Path, tmp_path: Path) -> None:
    """While Snakemake sleeps one job is cancelled and one ends; then the controller loses its memory of both.

    The last test on this cluster: nobody else's jobs are remembered either.
    """
    campaign = KillCampaign(tmp_path, structures=30, shards=2, reference={"engine": "emt"}, seconds=1.0)
    run = campaign.start(profile)
    wait_for(lambda: [job["JobState"] for job in jobs(tmp_path)] == ["RUNNING", "RUNNING"])
    run.send_signal(signal.SIGSTOP)
    subprocess.run(["scancel", jobs(tmp_path)[0]["JobId"]], check=True)
    wait_for(lambda: accounted(tmp_path) == ["CANCELLED by 0", "COMPLETED"])
    kill(cluster, "slurmctld")
    restart(cluster, "slurmctld", "-c")
    wait_for(lambda: subprocess.run(["squeue"], capture_output=True, check=False).returncode == 0)
    assert not jobs(tmp_path)
    run.send_signal(signal.SIGCONT)
    assert run.wait(timeout=600) == 0, (tmp_path / "snakemake.log").read_text()
    assert "has ended: CANCELLED" in (tmp_path / "snakemake.log").read_text()
    assert accounted(tmp_path) == ["CANCELLED by 0", "COMPLETED", "COMPLETED"]
    assert set(campaign.labels()) == set(campaign.sids) and not campaign.repeated()


def test_slurm_is_here() -> None:
    """A missing Slurm must fail loudly instead of leaving the profile untested."""
    assert shutil.which("sbatch")
