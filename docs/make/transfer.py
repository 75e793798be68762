"""Transfer of aluminium by real DFT: the library against a conventional set, each tested on both.

    ./run --configfile config/aluminium.yaml                    # the campaign
    python -m docs.make.transfer results/aluminium [--potential gap]

Reads what the campaign has written. Writes docs/results/transfer.json (of the named potential, with the errors of the
other families under ``families``) and docs/pictures/transfer.png.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.common import PICTURES, RESULTS
from benchmarks.sheet import sheet
from entromax.report.results import read_ledgers
from entromax.report.topics.transfer import MEASURES, draw_learning_curve
from entromax.runtime import write_json

CELLS = ("a_on_a", "a_on_b", "b_on_a", "b_on_b")
KEPT = ["training", "percent", "labels", "tested_on", "energy_rmse", "energy_mae", "force_rmse", "force_mae"]


def states(folder: Path) -> dict[str, int]:
    """Return how the structures of a set ended, from its ledgers."""
    table = read_ledgers(list(folder.glob("shard_*.parquet")))
    return {str(state): int(count) for state, count in table["state"].value_counts().items()}


def draw(curve: pd.DataFrame, path: Path) -> None:
    """Draw the learning curves of energies and forces side by side."""
    with sheet(path, 9.6, 4.6) as drawing:
        panels = drawing.subplots(1, 2)
        for axes, (column, label) in zip(panels, MEASURES.values(), strict=True):
            draw_learning_curve(axes, curve, column, label)
        handles, names = panels[0].get_legend_handles_labels()
        drawing.legend(handles, names, title="fitted to … tested on", loc="outside upper center", ncols=2)


def main() -> None:
    """Read, gather, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--potential", default="gap")
    options = parser.parse_args()
    element = options.results / "Al"
    tests = element / "validation" / options.potential
    curve = pd.read_csv(tests / "transfer.csv")
    data: dict[str, Any] = json.loads((tests / "transfer.json").read_text())
    families = {
        path.parent.name: {cell: json.loads(path.read_text())[cell] for cell in CELLS}
        for path in sorted(element.glob("validation/*/transfer.json"))
    }
    data |= {
        "potential": options.potential,
        "families": families,
        "label_states": {"a": states(element / "labels"), "b": states(element / "conventional/labels")},
        "learning_curve": curve[KEPT].to_dict("records"),
        "provenance": json.loads((options.results / "provenance.json").read_text()),
    }
    write_json(RESULTS / "transfer.json", data)
    draw(curve, PICTURES / "transfer.png")
    print(json.dumps(data, indent=2))


if __name__ == "__main__":
    main()
