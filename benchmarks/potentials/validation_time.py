"""Time of the whole validation of one potential of one element, from the benchmark files of a finished campaign.

    python -m benchmarks.potentials.validation_time results --element Al --potential gap

Writes docs/results/validation_time.json: CPU time of every test, their sum, and the time from the start of the first
to the end of the last (the end is the time of the benchmark file, so copy campaigns with ``cp -p``). What that time is
worth depends on what else the machine did meanwhile: ``load`` is CPU time over time of the jobs, 1 on a quiet machine.
"""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import yaml

from benchmarks.common import RESULTS
from entromax.runtime import write_json

TESTS = ("validate_errors", "validate_eos", "validate_robustness", "validate_property", "validate_error_bars")


def times(benchmarks: Path, element: str, potential: str) -> list[dict[str, Any]]:
    """Return one row per job: ``test``, ``seconds`` passed, ``cpu_s``, ``end`` [s since the epoch]."""
    rows = []
    for rule in TESTS:
        folder = benchmarks / rule / element
        for path in sorted([*folder.glob(f"{potential}.tsv"), *folder.glob(f"{potential}/*.tsv")]):
            *_, job = csv.DictReader(path.read_text().splitlines(), delimiter="\t")
            name = rule.removeprefix("validate_") if path.stem == potential else path.stem
            seconds, processor = float(job["s"]), float(job["cpu_time"])
            rows.append({"test": name, "seconds": seconds, "cpu_s": processor, "end": path.stat().st_mtime})
    return rows


def main() -> None:
    """Read, add up, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--element", default="Al")
    parser.add_argument("--potential", default="gap")
    options = parser.parse_args()
    jobs = times(options.results / "benchmarks", options.element, options.potential)
    settings = yaml.safe_load((options.results / "config.yaml").read_text())
    provenance = json.loads((options.results / "provenance.json").read_text())
    processor = sum(job["cpu_s"] for job in jobs)
    data = {
        "campaign": settings["campaign"],
        "element": options.element,
        "potential": options.potential,
        "jobs": len(jobs),
        "wall_s": round(max(job["end"] for job in jobs) - min(job["end"] - job["seconds"] for job in jobs)),
        "cpu_s": round(processor),
        "load": round(processor / sum(job["seconds"] for job in jobs), 2),
        "cpu_s_by_test": {job["test"]: round(job["cpu_s"], 1) for job in jobs},
        "robustness": settings["validation"]["robustness"],
        "provenance": {key: provenance[key] for key in ("commit", "date", "packages") if key in provenance},
    }
    write_json(RESULTS / "validation_time.json", data)
    print(data)


if __name__ == "__main__":
    main()
