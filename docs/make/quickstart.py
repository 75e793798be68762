"""README's table of the quickstart, from docs/results/quickstart.json, and the pictures of its run.

    python -m docs.make.quickstart [--clone FOLDER]

FOLDER is the clone in which `benchmarks/workflow/quickstart.py` has run the quickstart; without it no picture changes.
"""

import argparse
import shutil
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.common import PICTURES, RESULTS, ROOT
from docs.make.pages import read_json, write_table

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


def page_table(data: dict[str, Any]) -> str:
    """Return the table of README."""
    fcc, random, maximised = data["al_fcc"], data["quests_random"], data["quests_maximised"]
    card = data["scorecard"]
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
        "rows of the scorecard that pass": f"{card['rows'] - len(card['failed'])} of {card['rows']}",
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
    write_table(ROOT / "README.md", "quickstart", page_table(read_json(RESULTS / "quickstart.json")))


if __name__ == "__main__":
    main()
