"""The scorecards of all elements in one file: what every potential was fitted to, what it cost, how it is judged.

    python -m docs.make.scorecard results/aluminium results/eight_elements

Reads results only; of several campaigns with the same element the last one counts. Writes the key ``elements`` of
docs/results/scorecard.json, and adds to ``learning_curve``; with --key another key, for another potential on the same
labels, without curves. ``labels`` counts labels by pool, the ``config_type`` of the structures that the potential could
be fitted to; ``dft_cpu_h`` are CPU hours of these and of the reference crystals, not those of properties by DFT.
``repeats`` (--repeats) are the same campaign with other seeds of split and fit. Of several potentials of a campaign the
first one counts (or --potential).

The key ``learning_curve`` keeps what every number of labels gave, by element and for all seeds: an entry that more
labels replace stays there as a point. --earlier takes the points of older versions of the file.
"""

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.common import RESULTS
from docs.make.pages import read_json
from entromax.config.load import read_yaml
from entromax.layout import CampaignFolder, ElementFolder
from entromax.report.results import read_ledgers
from entromax.runtime import provenance, write_json

FIELDS = ("metric", "quantity", "potential", "reference", "source", "unit", "threshold", "passes", "reason", "required")


def labels_by_pool(ledger: pd.DataFrame) -> dict[str, int]:
    """Return the number of labels of each kind, the largest pool first."""
    made = ledger[ledger["state"] == "converged"]
    return {str(kind): int(count) for kind, count in made["config_type"].value_counts().items()}


def cpu_hours(ledgers: list[pd.DataFrame]) -> float | None:
    """Return the CPU time of all labels [h]; None where none is known."""
    spent = [table["cpu_seconds"].sum(min_count=1) for table in ledgers if "cpu_seconds" in table]
    known = [float(seconds) for seconds in spent if pd.notna(seconds)]
    return round(sum(known) / 3600, 4) if known else None


def element_entry(folder: ElementFolder, potential: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of one element.

    Raises:
        SystemExit: the campaign has no scorecard of it (yet).
    """
    path = folder.validation(potential) / "scorecard.json"
    if not path.is_file():
        raise SystemExit(f"{path}: is not there; finish the campaign, or name another --potential")
    card = read_json(path)
    ledger = read_ledgers([file for part in folder.trained_on for file in part.ledgers])
    about = read_json(folder.potential(potential) / "potential.json")
    return {
        "campaign": config["campaign"],
        "labels": labels_by_pool(ledger),
        "training_structures": about["training_structures"],
        "dft_cpu_h": cpu_hours([ledger, read_ledgers([folder.reference_ledger])]),
        "family": config["potentials"][potential]["family"],
        "potential": potential,
        "hidden_units": about["facts"].get("hidden_units", 0),
        "left_out_scores": about["facts"].get("left_out_scores", {}),
        "metrics": [{key: row[key] for key in FIELDS} for row in card["rows"]],
        "passed": card["passed"],
    }


def collect(results: Path, potential: str | None) -> dict[str, Any]:
    """Return the entries of all elements of a campaign."""
    config = read_yaml(results / "config.yaml")
    name = potential or next(iter(config["potentials"]))
    found = {}
    for element in config["elements"]:
        found[element] = element_entry(CampaignFolder(results).element(element), name, config)
        found[element]["provenance"] = read_json(results / "provenance.json")
    return found


def curve_point(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what one set of labels gave: rows that pass, of those judged, and all values, one for each seed."""
    cards = [card["metrics"] for card in (entry, *entry.get("repeats", []))]
    values: dict[str, list[float | None]] = {}
    for row in (row for card in cards for row in card):
        unseen = row["metric"].startswith("unseen")  # its quantity says how many structures, and they differ by seed
        values.setdefault(row["metric"] if unseen else f"{row['metric']}: {row['quantity']}", []).append(
            row["potential"]
        )
    return {
        "labels": entry["labels"],
        "training_structures": entry["training_structures"],
        "commit": entry["provenance"]["commit"],
        "passes": [sum(row["passes"] is True for row in card) for card in cards],
        "judged": [sum(row["passes"] is not None for row in card) for card in cards],
        "values": values,
    }


def extend_curves(
    curves: dict[str, list[dict[str, Any]]], elements: dict[str, dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Return the learning curves with a point of every entry, fewest labels first; it replaces one of equal labels."""
    found = dict(curves)
    for symbol, entry in elements.items():
        others = [one for one in found.get(symbol, []) if one["labels"] != entry["labels"]]
        found[symbol] = sorted([*others, curve_point(entry)], key=lambda one: sum(one["labels"].values()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="folders of results")
    parser.add_argument("--repeats", type=Path, nargs="*", default=[], help="results of the same with other seeds")
    parser.add_argument("--earlier", type=Path, nargs="*", default=[], help="older versions of the file, oldest first")
    parser.add_argument("--potential", help="name of the potential; default: the first of each campaign")
    parser.add_argument("--key", default="elements", help="where the entries go; default: elements")
    parser.add_argument("--json", type=Path, default=RESULTS / "scorecard.json")
    options = parser.parse_args()
    known = read_json(options.json)
    elements = dict(known.get(options.key, {}))
    curves = known.get("learning_curve", {})
    for older in [*map(read_json, options.earlier), known]:
        curves = extend_curves(curves, older.get("elements", {}))
    for folder in options.results:
        elements |= collect(folder, options.potential)
    for folder in options.repeats:
        for symbol, entry in collect(folder, options.potential).items():
            kept = {"seed": read_yaml(folder / "config.yaml")["seed"]} | entry
            others = [one for one in elements[symbol].get("repeats", []) if one["seed"] != kept["seed"]]
            elements[symbol]["repeats"] = [*others, kept]
    made = provenance(config="docs/make/scorecard.py", seed=0)
    if options.key == "elements":
        curves = extend_curves(curves, elements)
    write_json(options.json, known | {options.key: elements, "learning_curve": curves, "provenance": made})
    for name, one in elements.items():
        failing = [row["metric"] for row in one["metrics"] if row["passes"] is False]
        print(f"{name}: {'passes' if one['passed'] else 'does not pass'} {sorted(set(failing)) or ''}")


if __name__ == "__main__":
    main()
