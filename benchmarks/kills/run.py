"""Kill labelling campaigns in every way there is, at random moments, and count what is lost or calculated twice.

    python benchmarks/kill_test.py [--only KIND ...]     (root: it mounts a small disk and starts a one-node Slurm)

Every campaign runs through Snakemake and the committed profiles, is killed a number of times and then left to finish.
``lost``: structures whose label was in the store and is gone or another one, and structures without a label at the end.
``duplicated``: structures whose calculation began, by the diary that the workers keep beside the store, when their
label was there already, or with two labels in the store. ``repeated_attempts`` were cut off by a kill and had no label.
Writes docs/results/kill_test.json, in which kinds that were not run keep their counts.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from kill_campaign import ROOT, KillCampaign

from entromax.runtime import provenance, write_json

EMT: dict[str, object] = {"engine": "emt"}
GPAW: dict[str, object] = {"engine": "gpaw", "ecut": 150.0, "kspacing": 0.8}
CLUSTER = ROOT / "tests/slurm/cluster.sh"
LOCAL = ROOT / "profiles/local"
RESULT = ROOT / "docs/results/kill_test.json"
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


Kill = Callable[[KillCampaign, "subprocess.Popen[bytes]"], None]
KINDS: dict[str, tuple[Kill, int, bool, dict[str, object], float]] = {
    "group": (group, 8, False, EMT, 0.1),
    "job": (job, 8, False, EMT, 0.1),
    "worker": (worker, 12, False, EMT, 0.1),
    "snakemake": (snakemake, 8, False, EMT, 0.1),
    "wall_time": (wall_time, 6, False, EMT, 0.1),
    "full_disk": (full_disk, 6, False, EMT, 0.1),
    "truncated_line": (truncated, 6, False, EMT, 0.1),
    "gpaw_group": (group, 5, False, GPAW, 0.0),
    "slurm_scancel": (cancel, 2, True, EMT, 0.2),
    "slurm_slurmd": (node_daemon, 2, True, EMT, 0.2),
    "slurm_node": (node, 2, True, EMT, 0.2),
    "slurm_snakemake": (snakemake, 2, True, EMT, 0.2),
}
"""What kills, how often, whether on Slurm, the engine, and the seconds by which it is slowed."""


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 4 MB where the campaign has its label store."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def slurm(folder: Path) -> Iterator[Path]:
    """A one-node Slurm in ``folder / "cluster"``; yields the profile for it."""
    text = (ROOT / "profiles/slurm/config.yaml").read_text()
    text = text.replace("slurm_partition: CHANGE_ME", "slurm_partition: cpu").replace("CHANGE_ME", "root")
    text = text.replace("status-checks: 10", "status-checks: 1").replace("retries: 2", "retries: 20")
    (folder / "profile").mkdir()
    (folder / "profile/config.yaml").write_text(text)
    subprocess.run([CLUSTER, "start", folder / "cluster"], check=True)
    try:
        yield folder / "profile"
    finally:
        subprocess.run([CLUSTER, "stop", folder / "cluster"], check=True)


def torture(campaign: KillCampaign, profile: Path, kills: Sequence[Kill]) -> dict[str, int]:
    """Kill a campaign in the given ways, one after the other, let it finish and return the counts."""
    run, done, lost, safe = campaign.start(profile), 0, set[str](), dict[str, float | None]()
    while done < len(kills) or run.poll() is None or run.returncode:
        if done < len(kills) and _has_progressed(campaign, run):
            kills[done](campaign, run)
            done += 1
        elif run.poll() is None:
            time.sleep(0.2)
        if run.poll() is not None and (done < len(kills) or run.returncode):
            found = {sid: record.energy for sid, record in campaign.labels().items()}
            lost |= {sid for sid, energy in safe.items() if found.get(sid) != energy}
            safe = found
            if len(found) == len(campaign.sids) and done < len(kills):
                raise RuntimeError(f"{campaign.folder}: finished after {done} kills; give it more structures")
            run = campaign.start(profile)
    if len(campaign.labels()) < len(
        campaign.sids
    ):  # killed as often as it may be in one run: run again, as a user does
        campaign.start(profile, "--forcerun", "label_shard").wait()
    labels = campaign.labels()
    lost |= set(campaign.sids) - set(labels)
    return {
        "kills": done,
        "structures": len(campaign.sids),
        "labels": len(labels),
        "lost": len(lost),
        "duplicated": len(campaign.repeated()),
        "repeated_attempts": len(campaign.starts()) - len(labels),
    }


def _has_progressed(campaign: KillCampaign, run: "subprocess.Popen[bytes]") -> bool:
    """Wait for a new label and then for a random while; return whether the campaign still runs."""
    before = campaign.lines().total()
    while campaign.lines().total() == before and run.poll() is None:
        time.sleep(0.02)
    time.sleep(CHANCE.uniform(0, 1.0))
    return run.poll() is None and bool(processes(campaign, "entromax.labels.worker"))


def run_kind(kind: str, folder: Path, profile: Path) -> dict[str, int]:
    """Make the campaign of a kind of kill and torture it."""
    how, kills, _, reference, seconds = KINDS[kind]
    count = kills * (6 if reference is GPAW else 30)
    campaign = KillCampaign(folder, structures=count, shards=2, reference=reference, seconds=seconds)
    return torture(campaign, profile, [how] * kills)


def save(kind: str, counts: dict[str, int]) -> None:
    """Put the counts of one kind into the result file, with new totals."""
    found = json.loads(RESULT.read_text())["kinds"] if RESULT.exists() else {}
    found[kind] = {**counts, "what": KINDS[kind][0].__doc__}
    kinds = {name: found[name] for name in KINDS if name in found}
    totals = {name: sum(entry[name] for entry in kinds.values()) for name in counts}
    write_json(RESULT, {**totals, "kinds": kinds, **provenance(config="", seed=4)})
    print(kind, counts, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    chosen = parser.parse_args().only
    with tempfile.TemporaryDirectory(prefix="entromax-kill-") as scratch:
        for kind in (kind for kind in chosen if not KINDS[kind][2]):
            folder = Path(scratch, kind)
            with small_disk(folder / "label_store"):
                save(kind, run_kind(kind, folder, LOCAL))
            shutil.rmtree(folder)
        on_slurm = [kind for kind in chosen if KINDS[kind][2]]
        if on_slurm:
            with slurm(Path(scratch)) as profile:
                for kind in on_slurm:
                    save(kind, run_kind(kind, Path(scratch, kind), profile))


if __name__ == "__main__":
    main()
