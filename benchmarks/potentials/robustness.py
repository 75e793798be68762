"""Robustness of the two potentials of the transfer test: 160 hot runs and 40 relaxations of random cells each.

    ./run --configfile config/aluminium.yaml                    # the campaign
    python -m benchmarks.potentials.robustness results/aluminium [--potential ace]

More and longer runs than the campaign makes, with one family. Writes docs/results/robustness.json (``runs``: dynamics
and relaxations together; ``stable``: those that stay physical; ``campaign``: the runs of the campaign, all families)
and docs/pictures/robustness.png. About half an hour of CPU time with ACE; interrupted, it goes on where it was.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from matplotlib.axes import Axes

from benchmarks.common import PICTURES, RESULTS
from benchmarks.sheet import sheet
from entromax.config.models import RobustnessSettings
from entromax.potentials import load_potential
from entromax.report.topics.robustness import draw_robustness
from entromax.report.topics.transfer import TRAINING
from entromax.runtime import config_hash, provenance, write_json
from entromax.validation.robustness import Task, lowest_crystal, run_task, summarise_runs, tasks
from entromax.validation.transfer import SETS

SEED = 2026
SETTINGS = RobustnessSettings(
    temperatures=[300.0, 1000.0, 3000.0, 6000.0],  # aluminium melts at 933 K
    compressions=[1.2, 1.0, 0.85, 0.7],
    repeats=10,
    relaxations=40,
    atoms=32,
    steps=400,
    timestep=2.5,
)


def runs_of(potential: Path, crystal: Atoms, workers: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run everything with one potential; each run is written down when it ends, and none is made again."""
    card = json.loads((potential / "potential.json").read_text())
    key = config_hash({"training": card["training_hash"], "settings": SETTINGS.model_dump(mode="json"), "seed": SEED})
    path = potential.with_name(f"{potential.name}.robustness.{key}.jsonl")  # beside the potential, in the results
    everything = tasks(SETTINGS)
    known = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    rows = {entry["task"]: entry["row"] for entry in known}
    missing = [number for number in range(len(everything)) if number not in rows]
    with ProcessPoolExecutor(workers, mp_context=get_context("fork"), initializer=_load, initargs=(potential,)) as pool:
        futures = {pool.submit(_run, everything[number], crystal): number for number in missing}
        for future in as_completed(futures):
            rows[futures[future]] = future.result()
            with path.open("a") as file:
                file.write(json.dumps({"task": futures[future], "row": future.result()}) + "\n")
    return summarise_runs([rows[number] for number in range(len(everything))], SETTINGS.timestep)


_CALCULATOR: list[BaseCalculator] = []
"""The potential of a worker process."""


def _load(potential: Path) -> None:
    _CALCULATOR.append(load_potential(potential))


def _run(task: Task, crystal: Atoms) -> dict[str, Any]:
    return run_task(task, crystal, _CALCULATOR[0], SETTINGS, SEED)


def survival(axes: Axes, tables: dict[str, pd.DataFrame]) -> None:
    """Draw the part of the hot runs that is still physical against time."""
    for name, table in tables.items():
        hot = table[(table["kind"] == "hot") & (table["state"] != "skipped")]
        failures = np.sort(hot.loc[hot["state"] == "failed", "time"].to_numpy())
        times = np.concatenate([[0.0], failures, [SETTINGS.steps * SETTINGS.timestep]])
        alive = 100 * (1 - np.concatenate([[0], np.arange(1, len(failures) + 1), [len(failures)]]) / len(hot))
        words, colour = TRAINING[name]
        axes.step(times, alive, where="post", color=colour, lw=2, label=words)
    axes.set(xlabel="time [fs]", ylabel="runs still physical [%]", ylim=(-3, 103))
    axes.legend(loc="lower left")


def draw(tables: dict[str, pd.DataFrame], path: Path) -> None:
    """Draw both maps and the survival curves."""
    with sheet(path, 10.5, 10.4, dpi=110) as drawing:
        panels = drawing.subplot_mosaic([["entropy"], ["conventional"], ["time"]], height_ratios=[1, 1, 0.7])
        for name, table in tables.items():
            draw_robustness(panels[name], table)
            panels[name].set_title(f"fitted to the {TRAINING[name][0]}", loc="left")
        survival(panels["time"], tables)


def figures(table: pd.DataFrame, summary: dict[str, Any]) -> dict[str, Any]:
    """Return what docs/results keeps of one potential."""
    tested = table[table["state"] != "skipped"]
    hot = tested[tested["kind"] == "hot"]
    return {
        "runs": len(tested),
        "stable": int((tested["state"] == "physical").sum()),
        "dynamics": {"runs": len(hot), "stable": int((hot["state"] == "physical").sum())},
        "relaxations": summary["relaxations"],
        "median_time_to_failure_fs": summary["median_failure"],
        "failures": {
            str(reason): int(n)
            for reason, n in tested.loc[tested["state"] == "failed", "reason"].value_counts().items()
        },
        "nve": {key: summary["nve"][key] for key in ("state", "drift", "fluctuation")},
        "seconds": round(summary["seconds"]),
    }


def of_campaign(element: Path) -> dict[str, Any]:
    """Return the runs that the campaign made of either set with every family."""
    found: dict[str, Any] = {}
    for family in sorted(path.parent.name for path in element.glob("validation/*/robustness_entropy.json")):
        for name, letter in SETS.items():
            tests = element / "validation" / family
            summary = json.loads((tests / f"robustness_{name}.json").read_text())
            table = pd.read_csv(tests / f"robustness_{name}_runs.csv")
            found.setdefault(family, {})[letter] = figures(table, summary)
    return found


def main() -> None:
    """Run, gather, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--potential", default="ace")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    element = options.results / "Al"
    crystal = lowest_crystal(element / "labels/reference.extxyz", "fcc")
    data: dict[str, Any] = {"potential": options.potential, "a": {}, "b": {}}
    tables = {}
    for name, letter in SETS.items():
        tables[name], summary = runs_of(element / f"transfer/{options.potential}/{name}_100", crystal, options.workers)
        data[letter] = {"set": TRAINING[name][0]} | figures(tables[name], summary)
    settings = SETTINGS.model_dump(mode="json")
    data |= {
        "settings": settings,
        "campaign": of_campaign(element),
        "provenance": provenance(config=config_hash(settings), seed=SEED),
    }
    write_json(RESULTS / "robustness.json", data)
    draw(tables, PICTURES / "robustness.png")
    print(json.dumps(data, indent=2))


if __name__ == "__main__":
    main()
