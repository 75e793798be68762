"""Transfer of aluminium by real DFT: the library against a conventional set, each tested on both.

    .venv/bin/python benchmarks/transfer.py FOLDER

Runs the campaign below in FOLDER as far as the transfer test (a label store that stands there is used; from nothing it
takes about an hour of CPU time) and writes docs/results/transfer.json and docs/pictures/transfer.png. What the labels
of both sides cost in CPU time (``label_cpu_s``) is read from the store; of labels made before the store knew it, a
sample of either set is calculated again. ``benchmarks/robustness.py FOLDER`` goes on from there.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.style import context
from pydantic import TypeAdapter

from entromax.config import load_campaign
from entromax.config.models import ReferenceSettings, Settings
from entromax.labels.engines import load_engine
from entromax.report.figures_transfer import MEASURES, draw_learning_curve
from entromax.report.style import DPI, SHEET
from entromax.runtime import atomic_path, config_hash, provenance, write_json, write_yaml
from entromax.structures import read_structures
from entromax.validation.transfer import SETS

ROOT = Path(__file__).parents[1]
CAMPAIGN: dict[str, Any] = {
    "campaign": "al_transfer",
    "seed": 2026,
    "elements": {"Al": {"reference": {"ecut": 200, "kspacing": 0.4, "width": 0.2}}},
    "library": {
        "cells": {"atoms": [1, 4], "volume": [0.5, 3.5]},
        "reference_structures": 128,
        "rounds": 3,
        "batches": 3,
        "structures_per_batch": 96,
    },
    "labels": {"structures": 320, "shard_size": 40},
    "dataset": {"validation_fraction": 0.0, "test_fraction": 0.1667},
    "validation": {"transfer": {"structures": 182, "atoms": 6, "percents": [25, 50, 100]}},
}
COST_SAMPLE = 16
"""Labels of either set whose CPU time is measured, evenly spread over the training set."""


def run_campaign(folder: Path, cores: int) -> Path:
    """Run the campaign up to the transfer test; return its results of aluminium."""
    config = folder / "transfer.yaml"
    write_yaml(config, CAMPAIGN)
    command = ["snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder, "--cores", str(cores)]
    target = "results/Al/validation/gap/transfer.json"
    subprocess.run([*command, "--rerun-triggers", "mtime", "--configfile", config, "--", target], cwd=ROOT, check=True)
    return folder / "results/Al"


def merged() -> dict[str, Any]:
    """Return the whole configuration of the campaign."""
    return dict(load_campaign(CAMPAIGN, origin=__file__, element_dirs=[ROOT / "config/elements"]))


def sample(structures: list[Atoms], number: int) -> list[Atoms]:
    """Return structures spread evenly over a training set, free atoms left out."""
    bulk = [atoms for atoms in structures if atoms.info.get("config_type") != "isolated_atom"]
    return [bulk[k] for k in np.linspace(0, len(bulk) - 1, number).round().astype(int)]


def label_cost(training: dict[str, list[Atoms]], reference: Settings) -> dict[str, float]:
    """Return the mean CPU time of a label [s] of each set, measured alternately in this process."""
    engine = load_engine(reference)
    spent: dict[str, list[float]] = {name: [] for name in training}
    chosen = {name: sample(structures, COST_SAMPLE) for name, structures in training.items()}
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch, "engine.txt")
        engine.label(chosen["entropy"][0], reference, 0, text)  # imports and caches count for neither
        for k in range(COST_SAMPLE):
            for name, structures in chosen.items():
                started = time.process_time()
                engine.label(structures[k], reference, 0, text)
                spent[name].append(time.process_time() - started)
    return {SETS[name]: round(float(np.mean(seconds)), 2) for name, seconds in spent.items()}


def states(folder: Path) -> dict[str, int]:
    """Return how the structures of a set ended, from its ledgers."""
    table = pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("shard_*.parquet"))])
    return {str(state): int(count) for state, count in table["state"].value_counts().items()}


def draw(curve: pd.DataFrame, path: Path) -> None:
    """Draw the learning curves of energies and forces side by side."""
    with context(SHEET):
        drawing = Figure(figsize=(9.6, 4.6), layout="constrained")
        FigureCanvasAgg(drawing)
        panels = drawing.subplots(1, 2)
        for axes, (column, label) in zip(panels, MEASURES.values(), strict=True):
            draw_learning_curve(axes, curve, column, label)
        handles, names = panels[0].get_legend_handles_labels()
        drawing.legend(handles, names, title="fitted to … tested on", loc="outside upper center", ncols=2)
        with atomic_path(path) as temporary:
            drawing.savefig(temporary, dpi=DPI, format="png", metadata={"Software": None})


def main() -> None:
    """Run, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--no-cost", action="store_true", help="measure no CPU time of labels (the machine is busy)")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    results = run_campaign(folder, options.cores)
    settings = merged()
    reference = TypeAdapter[Settings](ReferenceSettings).validate_python(settings["elements"]["Al"]["reference"])
    training = {name: read_structures(results / f"transfer/sets/{name}_100.extxyz") for name in SETS}
    curve = pd.read_csv(results / "validation/gap/transfer.csv")
    data = json.loads((results / "validation/gap/transfer.json").read_text())
    data.pop("label_seconds")  # of a busy machine; what follows is CPU time
    cost = data.pop("label_cpu_s", dict.fromkeys(SETS.values()))
    measured = None
    if None in cost.values() and not options.no_cost:
        measured = label_cost(training, reference)
        cost = {letter: round(mean * data["n_labels"], 1) for letter, mean in measured.items()}
    kept = ["training", "percent", "labels", "tested_on", "energy_rmse", "energy_mae", "force_rmse", "force_mae"]
    data |= {
        "label_cpu_s": cost,
        "label_cpu_s_mean_of_sample": measured,
        "label_states": {"a": states(results / "labels"), "b": states(results / "conventional/labels")},
        "learning_curve": curve[kept].to_dict("records"),
        "provenance": provenance(config=config_hash(settings), seed=settings["seed"]),
    }
    write_json(ROOT / "docs/results/transfer.json", data)
    draw(curve, ROOT / "docs/pictures/transfer.png")
    print(json.dumps(data, indent=2))


if __name__ == "__main__":
    main()
