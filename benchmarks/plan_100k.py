"""Seconds and memory to plan a campaign of 100 000 structures per element, and of eight such elements.

    python benchmarks/plan_100k.py

Each plan is a dry run of the committed workflow with shards of 100 structures, the best of three.
Writes docs/results/plan_100k.json.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml

from entromax.runtime import provenance, write_json

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "docs/results/plan_100k.json"
LIBRARY = {"rounds": 10, "batches": 50, "structures_per_batch": 200}
LABELS = {"structures": 100_000, "shard_size": 100}
ELEMENTS = {"one": ["Al"], "eight": ["Al", "W", "Be", "Re", "Os", "C", "Sb", "Te"]}
REPEATS = 3


def plan(elements: list[str]) -> dict[str, float]:
    """Dry-run a campaign once; return wall and CPU seconds, memory [MB] and the number of jobs."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "campaign.yaml")
        config.write_text(yaml.safe_dump({"elements": elements, "library": LIBRARY, "labels": LABELS}))
        # fmt: off
        command = [
            Path(sys.executable).with_name("snakemake"), "--snakefile", ROOT / "Snakefile", "--directory", folder,
            "--configfile", config, "--cores", "2", "--dry-run", "--quiet", "rules",
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


def main() -> None:
    plans = {}
    for name, elements in ELEMENTS.items():
        runs = [plan(elements) for _ in range(REPEATS)]
        plans[name] = {"structures": LABELS["structures"] * len(elements), **min(runs, key=lambda run: run["seconds"])}
        print(name, plans[name], flush=True)
    write_json(RESULT, {**plans["one"], "eight_elements": plans["eight"], **provenance(config="", seed=0)})


if __name__ == "__main__":
    main()
