"""What the workflow costs per label, beside the engine: job start, fork per attempt, fsync per label.

    python -m benchmarks.workflow.overhead        (root: it starts a one-node Slurm; both cores should be free)

A shard of EMT labels and one of GPAW labels run through the committed profiles. Workers write down when the engine
starts and ends, so the rest of a job's slot time is overhead: what lies between one label and the next
(``per_label_s``, the median: a disk that others keep busy makes a few of them long, see the mean) and what each job
needs once (``per_job_s``). The headline is for GPAW labels on Slurm in jobs of 30 minutes, as `entromax status` sizes
them. Writes docs/results/overhead.json.
"""

import argparse
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median

import yaml

from benchmarks.common import RESULTS, ROOT
from benchmarks.slurm import LOCAL, slurm
from entromax.runtime import provenance, write_json
from tests.support.kills.campaign import EMT, KillCampaign

GPAW = yaml.safe_load((ROOT / "config/config.yaml").read_text())["elements"]["Al"]["reference"]
CASES = {"emt": (EMT, 100), "gpaw": (GPAW, 10)}
MINUTES = 30.0


def slot_seconds(folder: Path) -> float:
    """Return the seconds for which Slurm gave its slots to the jobs of a campaign."""
    listing = subprocess.run(["scontrol", "show", "job", "--oneliner"], capture_output=True, text=True, check=True)
    jobs = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in listing.stdout.splitlines()]
    spans = [
        datetime.fromisoformat(job["EndTime"]) - datetime.fromisoformat(job["StartTime"])
        for job in jobs
        if job["WorkDir"] == str(folder)
    ]
    return sum(span.total_seconds() for span in spans)


def measure(name: str, folder: Path, profile: Path, on_slurm: bool) -> dict[str, float]:
    """Label one shard and return where its time went [s]."""
    reference, count = CASES[name]
    campaign = KillCampaign(folder, structures=count, reference=reference, seconds=0.0)
    started = time.monotonic()
    if campaign.start(profile).wait():
        raise RuntimeError((folder / "snakemake.log").read_text())
    wall = slot_seconds(folder) if on_slurm else time.monotonic() - started
    events = [line.split() for line in campaign.diary.read_text().splitlines()]
    starts = [float(event[3]) for event in events if event[0] == "start"]
    ends = [float(event[3]) for event in events if event[0] == "end"]
    engine = sum(ends) - sum(starts)
    gaps = [start - end for end, start in zip(ends[:-1], starts[1:], strict=True)]
    return {
        "labels": len(ends),
        "label_s": round(engine / len(ends), 4),
        "per_label_s": round(median(gaps), 4),
        "per_label_mean_s": round(sum(gaps) / len(gaps), 4),
        "per_job_s": round(wall - engine - sum(gaps), 2),
    }


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    cases: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="entromax-overhead-") as scratch, slurm(Path(scratch)) as profile:
        for name in CASES:
            cases[f"{name}_local"] = measure(name, Path(scratch, f"{name}_local"), LOCAL, False)
            cases[f"{name}_slurm"] = measure(name, Path(scratch, f"{name}_slurm"), profile, True)
            print({case: cases[case] for case in cases if case.startswith(name)}, flush=True)
    case = cases["gpaw_slurm"]
    size = round(60 * MINUTES / case["label_s"])
    overhead = case["per_label_s"] + case["per_job_s"] / size
    headline = {
        "overhead_per_label_s": round(overhead, 4),
        "label_s": case["label_s"],
        "overhead_percent": round(100 * overhead / case["label_s"], 2),
        "shard_size": size,
    }
    print(headline)
    write_json(RESULTS / "overhead.json", {**headline, "cases": cases, **provenance(config="", seed=0)})


if __name__ == "__main__":
    main()
