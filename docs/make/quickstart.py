"""README's table of the quickstart, from docs/results/quickstart.json, and the pictures of its run.

Its scorecards go to the key ``quickstart`` of docs/results/scorecard.json, too.

    python -m docs.make.quickstart [--clone FOLDER]

FOLDER is the clone in which `benchmarks/workflow/quickstart.py` has run the quickstart; without it no picture changes.
"""

import argparse
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import PICTURES, RESULTS, ROOT
from docs.make.pages import read_json, write_table
from entromax.runtime import write_json

SHOWN = {
    "gallery": "library/figures/gallery.png",
    "eos": "Al/validation/ace/eos_ground_state.png",
}


def keep_pictures(clone: Path) -> None:
    """Copy pictures of the run to docs/pictures and draw the pipeline (needs graphviz)."""
    for name, path in SHOWN.items():
        shutil.copy(clone / "results" / path, PICTURES / f"{name}.png")
    graph = subprocess.run(
        [clone / ".venv/bin/snakemake", "--rulegraph", "--forceall"], cwd=clone, check=True, capture_output=True
    )
    subprocess.run(["dot", "-Tsvg", "-o", PICTURES / "pipeline.svg"], input=graph.stdout, check=True)


def spread(cards: list[dict[str, Any]], row: str, digits: int = 0) -> str:
    """Return mean and standard deviation of a row of several scorecards."""
    values = [card["values"][row] for card in cards]
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def page_table(data: dict[str, Any]) -> str:
    """Return the table of README."""
    fcc, random, maximised = data["al_fcc"], data["quests_random"], data["quests_maximised"]
    card, cards = data["scorecard"], [data["scorecard"], *data["repeats"]]
    seeds = ", ".join(str(seed) for seed in (data["provenance"]["seed"], *(one["seed"] for one in data["repeats"])))
    passes = [str(one["rows"] - len(one["failed"])) for one in cards]
    states = ", ".join(f"{count} {state}" for state, count in data["label_states"].items())
    crystals = " / ".join(f"{fcc[name]['v0']:.2f}, {fcc[name]['b']:.0f}" for name in ("potential", "dft", "literature"))
    rows = {
        "wall time of `./run`, set-up included": f"{data['wall_s'] / 60:.0f} min",
        "plan of the whole campaign (`--dry-run`)": f"{data['dry_run_s']['local']:.0f} s",
        f"entropy H, {data['environments']} environments, random → maximised": (
            f"{data['h_random']:.1f} → {data['h_maximised']:.1f} nats"
        ),
        f"QUESTS entropy at bandwidth {' / '.join(name.split('_')[1] for name in random)}": " / ".join(
            f"{random[name]:.2f} → {maximised[name]:.2f}" for name in random
        ),
        "labels": f"{states}; {data['label_wall_s_mean']:.1f} s each",
        "linear ACE, unseen structures": f"{data['energy_rmse_mev']:.0f} meV/atom, {data['force_rmse_ev_a']:.2f} eV/Å",
        "fcc Al, V₀ [Å³] and B [GPa]: potential / DFT / WIEN2k": crystals,
        f"rows of the scorecard that pass, of {card['rows']}; seeds of split and fit {seeds}": ", ".join(passes),
        "unseen structures below 1 eV/atom above E(V), the same seeds": f"{spread(cards, 'unseen_energy')} meV/atom",
        "vacancy, the same seeds": f"{spread(cards, 'vacancy: formation energy', 2)} eV",
        "hot and compressed dynamics that stay physical": "{physical} of {runs}".format(**data["robustness"]),
        "cases of wrong input that the tests refuse": str(data["bad_input_cases"]),
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows.items())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clone", type=Path, help="clone with a finished quickstart")
    clone: Path | None = parser.parse_args().clone
    if clone:
        keep_pictures(clone)
    data = read_json(RESULTS / "quickstart.json")
    write_table(ROOT / "README.md", "quickstart", page_table(data))
    cards = {key: data[key] for key in ("wall_s", "labels_by_kind", "scorecard", "repeats", "provenance")}
    write_json(RESULTS / "scorecard.json", read_json(RESULTS / "scorecard.json") | {"quickstart": cards})


if __name__ == "__main__":
    main()
