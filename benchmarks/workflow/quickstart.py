"""Run README's first command in a fresh clone and write the figures of the quickstart to docs/results/quickstart.json.

    python -m benchmarks.workflow.quickstart [FOLDER]

FOLDER (default: a temporary one) receives the clone. Takes as long as the quickstart: set-up and campaign, and some
minutes for the scorecards of two more seeds of split and fit, which share labels and batch of the run (``repeats``).
Afterwards `docs/make/quickstart.py` makes README's table and pictures of it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from benchmarks.common import RESULTS, ROOT
from entromax.active.batches import write_batches
from entromax.layout import CampaignFolder
from entromax.runtime import write_json
from entromax.structures import read_structures

POTENTIAL = "ace"
"""Name of the potential in config/config.yaml."""
SEEDS = (2027, 2028)
"""Of split and fit, beside that of config/config.yaml."""


def timed(command: list[str], folder: Path) -> float:
    """Run a command and return its wall time [s]."""
    started = time.monotonic()
    subprocess.run(command, cwd=folder, check=True)
    return time.monotonic() - started


def bad_input_cases() -> int:
    """Count the cases of wrong input in the tests."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "tests/unit/test_config.py", "-k", "refused"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return sum("::" in line for line in run.stdout.splitlines())


def equilibrium(table: pd.DataFrame, source: str) -> dict[str, float]:
    """Return V0 [Å^3/atom] and B [GPa] of fcc from the parameters of one source."""
    row = table[(table["crystal"] == "fcc") & (table["source"] == source)].iloc[0]
    return {"v0": round(row["volume"], 3), "b": round(row["bulk_modulus"], 1)}


def figures(results: Path) -> dict[str, Any]:
    """Gather the figures of a finished quickstart."""
    diversity = pd.read_csv(results / "library/diversity.csv").set_index("set")
    labels = pd.read_parquet(results / "Al/dataset/manifest.parquet")
    validation = results / "Al/validation" / POTENTIAL
    test = json.loads((validation / "errors.json").read_text())["splits"]["test"]
    parameters = pd.read_csv(validation / "eos_parameters.csv")
    robustness = json.loads((validation / "robustness.json").read_text())
    quests = [name for name in diversity.columns if name.startswith("quests")]
    return {
        "environments": int(diversity.loc["maximised", "n_environments"]),
        "h_random": round(diversity.loc["random", "h_nats"], 2),
        "h_maximised": round(diversity.loc["maximised", "h_nats"], 2),
        "quests_random": {name: round(diversity.loc["random", name], 3) for name in quests},
        "quests_maximised": {name: round(diversity.loc["maximised", name], 3) for name in quests},
        "label_states": {state: int(n) for state, n in labels["state"].value_counts().items()},
        "labels_by_kind": {kind: int(n) for kind, n in labels["config_type"].value_counts().items()},
        "label_wall_s_mean": round(labels["seconds"].mean(), 2),
        "energy_rmse_mev": round(test["energy_rmse"], 2),
        "force_rmse_ev_a": round(test["force_rmse"], 4),
        "al_fcc": {
            name: equilibrium(parameters, source)
            for name, source in (("potential", "potential"), ("dft", "reference"), ("literature", "wien2k"))
        },
        "robustness": {"runs": robustness["runs"], "physical": robustness["physical"]},
        "scorecard": scorecard(results),
        "provenance": json.loads((results / "provenance.json").read_text()),
    }


def scorecard(results: Path) -> dict[str, Any]:
    """Return which rows of a campaign's scorecard do not pass, and the values of all."""
    card = json.loads((results / "Al/validation" / POTENTIAL / "scorecard.json").read_text())
    return {
        "passed": card["passed"],
        "rows": len(card["rows"]),
        "failed": [f"{row['metric']}: {row['quantity']}" for row in card["rows"] if row["passes"] is not True],
        "values": {
            row["metric"] if row["metric"].startswith("unseen") else f"{row['metric']}: {row['quantity']}": row[
                "potential"
            ]
            for row in card["rows"]
        },
    }


def repeat(clone: Path, seed: int) -> dict[str, Any]:
    """Return the scorecard of another seed, with the labels and the batch of a finished quickstart."""
    batch = [
        atoms
        for path in CampaignFolder(clone / "results").element("Al").active(1).structure_files
        for atoms in read_structures(path)
    ]
    write_batches(clone / "batches", "Al", {1: batch})
    results = f"results_{seed}"
    overlay = clone / f"seed_{seed}.yaml"
    overlay.write_text(yaml.safe_dump({"seed": seed, "results": results, "active": {"batches": "batches"}}))
    target = f"{results}/Al/validation/{POTENTIAL}/scorecard.json"
    files = ["config/config.yaml", overlay.name]
    command = [clone / ".venv/bin/snakemake", f"{results}/config.yaml", target, "--profile", "profiles/local"]
    subprocess.run([*command, "--configfile", *files], cwd=clone, check=True)
    return {"seed": seed, **scorecard(clone / results)}


def main() -> None:
    """Clone, run, time, gather, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    folder = parser.parse_args().folder or Path(tempfile.mkdtemp(prefix="quickstart"))
    clone = folder / "entromax"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    wall = timed(["./run"], clone)
    snakemake = str(clone / ".venv/bin/snakemake")
    plan = [
        timed([snakemake, "--dry-run", "--quiet", "all", "--forceall", "--profile", f"profiles/{name}"], clone)
        for name in ("local", "slurm")
    ]
    data = {
        "wall_s": round(wall),
        "dry_run_s": {"local": round(plan[0], 1), "slurm": round(plan[1], 1)},
        "bad_input_cases": bad_input_cases(),
        **figures(clone / "results"),
        "repeats": [repeat(clone, seed) for seed in SEEDS],
    }
    write_json(RESULTS / "quickstart.json", data)
    print(json.dumps(data, indent=2))
    print(f"pictures and table: python -m docs.make.quickstart --clone {clone}")


if __name__ == "__main__":
    main()
