"""Ways to kill a labelling campaign at a random moment."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import psutil

from tests.support.kills.campaign import KillCampaign

CHANCE = random.Random(4)


def processes(campaign: KillCampaign, word: str) -> list[psutil.Process]:
    """Return the processes of a campaign whose command line contains ``word``, wherever they were started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("ATTEMPTS") == str(campaign.diary) and word in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill(found: list[psutil.Process], how: int = signal.SIGKILL) -> None:
    for process in found:
        try:
            process.send_signal(how)
        except psutil.Error:
            continue


def group(campaign: KillCampaign, run: subprocess.Popen[bytes]) -> None:
    """SIGKILL to Snakemake, its jobs and their workers at once."""
    os.killpg(run.pid, signal.SIGKILL)


def snakemake(campaign: KillCampaign, run: subprocess.Popen[bytes]) -> None:
    """SIGKILL to Snakemake alone; the next one starts at once."""
    run.kill()


def job(campaign: KillCampaign, run: subprocess.Popen[bytes]) -> None:
    """SIGKILL to one label job alone."""
    kill(CHANCE.sample(processes(campaign, "label_shard.py"), 1))


def worker(campaign: KillCampaign, run: subprocess.Popen[bytes]) -> None:
    """SIGKILL to one process around or below an engine; everything else goes on."""
    kill(CHANCE.sample(processes(campaign, "entromax.labels.worker"), 1))


def wall_time(campaign: KillCampaign, run: subprocess.Popen[bytes]) -> None:
    """What a batch system does at the end of the wall time: SIGTERM to every process, SIGKILL after a grace."""
    os.killpg(run.pid, signal.SIGTERM)
    time.sleep(CHANCE.uniform(0.1, 1.0))
    os.killpg(run.pid, signal.SIGKILL)


def full_disk(campaign: KillCampaign, run: subprocess.Popen[bytes]) -> None:
    """The disk of the label store fills up, the jobs fail; later there is room again."""
    disk = campaign.folder / "label_store"
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * CHANCE.randint(100, 4096))
        except OSError:
            pass
    run.wait()
    filler.unlink()


def truncated(campaign: KillCampaign, run: subprocess.Popen[bytes]) -> None:
    """SIGKILL to all, and the last line of the newest file of the store has not reached the disk as a whole."""
    group(campaign, run)
    run.wait()
    newest = max(campaign.store.folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    content = newest.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    os.truncate(newest, CHANCE.randint(last, len(content) - 1))


def cancel(campaign: KillCampaign, run: subprocess.Popen[bytes]) -> None:
    """``scancel`` of one job; Snakemake submits it again."""
    listing = ["squeue", "--me", "--noheader", "--states=RUNNING", "--format=%i"]
    running = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(["scancel", CHANCE.choice(running)], check=True)


def node_daemon(campaign: KillCampaign, run: subprocess.Popen[bytes]) -> None:
    """SIGKILL to slurmd, which comes back; its jobs go on."""
    _restart_slurmd(campaign.folder.parent / "cluster")


def node(campaign: KillCampaign, run: subprocess.Popen[bytes]) -> None:
    """SIGKILL to slurmd and everything it has started, as when a node loses power; it comes back."""
    jobs = processes(campaign, "slurm-jobstep")
    steps = [process.parent() for process in jobs]
    kill([step for step in steps if step is not None and step.name() == "slurmstepd"])
    kill([*jobs, *processes(campaign, "label_shard"), *processes(campaign, "entromax.labels.worker")])
    _restart_slurmd(campaign.folder.parent / "cluster")


def _restart_slurmd(cluster: Path) -> None:
    pid_file = cluster / "slurmd.pid"
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    pid_file.unlink()
    time.sleep(CHANCE.uniform(0, 2))
    subprocess.run(["/usr/sbin/slurmd"], check=True)
