"""Seconds and memory to plan a campaign of 100 000 structures per element, and of eight such elements.

    python -m benchmarks.workflow.plan                                # writes docs/results/plan_100k.json
    python -m benchmarks.workflow.plan --config config/production.yaml --json docs/results/plan_production.json

Each plan is a dry run of the committed workflow with shards of 100 structures, the fastest of three; with --config, of
that campaign, and of the same with ten times the library and the labels in shards ten times as large.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.common import RESULTS, ROOT
from entromax.runtime import provenance, write_json

LIBRARY = {"source": "made", "rounds": 10, "batches": 50, "structures_per_batch": 200}
LABELS = {"structures": 100_000, "shard_size": 100}
ELEMENTS = {"one": ["Al"], "eight": ["Al", "W", "Be", "Re", "Os", "C", "Sb", "Te"]}


def plan(settings: dict[str, Any]) -> dict[str, float]:
    """Dry-run a campaign once; return wall and CPU seconds, memory [MB] and the number of jobs."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "campaign.yaml")
        config.write_text(yaml.safe_dump(settings))
        # fmt: off
        command: list[str | Path] = [
            Path(sys.executable).with_name("snakemake"), "--snakefile", ROOT / "workflow/Snakefile",
            "--directory", folder, "--configfile", config, "--cores", "2", "--dry-run", "--quiet", "rules",
        ]
        # fmt: on
        started, before = time.monotonic(), os.times()
        with open(Path(folder, "log"), "w+") as log:
            run = subprocess.Popen(command, stdout=log, stderr=log)
            memory = 0
            while run.poll() is None:
                try:
                    memory = max(memory, psutil.Process(run.pid).memory_info().rss)
                except psutil.NoSuchProcess:
                    break
                time.sleep(0.05)
            run.wait()
            seconds, after = time.monotonic() - started, os.times()
            log.seek(0)
            text = log.read()
    if run.returncode:
        raise RuntimeError(text)
    *_, total = re.findall(r"^total\s+(\d+)", text, re.MULTILINE)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": round(seconds, 2), "cpu_s": round(cpu, 2), "memory_mb": round(memory / 1e6), "jobs": int(total)}


def best(settings: dict[str, Any], repeats: int) -> dict[str, float]:
    """Return the fastest of some plans, with the number of structures planned for."""
    runs = [plan(settings) for _ in range(repeats)]
    structures = settings["labels"]["structures"] * len(settings["elements"])
    return {"structures": structures, **min(runs, key=lambda run: run["seconds"])}


def enlarged(settings: dict[str, Any], factor: int) -> dict[str, Any]:
    """Return a campaign with so many times the batches per round and labels per element, in as many label jobs."""
    library, labels = settings["library"], settings["labels"]
    return settings | {
        "library": library | {"batches": factor * library["batches"]},
        "labels": labels | {key: factor * labels[key] for key in ("structures", "shard_size")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, help="a campaign to plan instead")
    parser.add_argument("--json", type=Path, default=RESULTS / "plan_100k.json")
    parser.add_argument("--repeats", type=int, default=3, help="the fastest counts")
    arguments = parser.parse_args()
    repeats: int = arguments.repeats
    if arguments.config:
        settings = yaml.safe_load(arguments.config.read_text())
        plans = {"as_written": best(settings, repeats), "ten_times": best(enlarged(settings, 10), repeats)}
        found: dict[str, Any] = {"campaign": str(arguments.config), **plans}
    else:
        one, eight = (
            best({"elements": elements, "library": LIBRARY, "labels": LABELS}, repeats)
            for elements in ELEMENTS.values()
        )
        found = {**one, "eight_elements": eight}
    print(found)
    write_json(arguments.json, {**found, **provenance(config="", seed=0)})


if __name__ == "__main__":
    main()
