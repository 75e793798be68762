"""Tables and picture of docs/eight_elements.md from docs/results/scorecard.json, which ``docs.make.scorecard`` writes.

    python -m docs.make.eight_elements

The first table has a row for every element of the campaign, with or without labels, the second one for every element
with a scorecard of Gaussian units; the others, one for every element with a scorecard, have all its rows by seed. The
picture, docs/pictures/learning.png, shows how many rows do not pass with so many labels.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common import PICTURES, RESULTS, ROOT
from benchmarks.sheet import sheet
from docs.make.pages import read_json, write_table
from entromax.config.load import read_yaml
from entromax.report.kit import number
from entromax.report.kit.style import CRYSTAL_COLOURS, CRYSTAL_MARKERS
from entromax.runtime import atomic_path

PAGE = ROOT / "docs/eight_elements.md"
PICTURE = PICTURES / "learning.png"
POOLS = ("library", "low_energy", "near_equilibrium", "active")


def cards(entry: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
    """Return the rows of an element's scorecards by seed; the first one has the seed of the campaign."""
    first = int(entry["provenance"]["seed"])
    return {first: entry["metrics"]} | {one["seed"]: one["metrics"] for one in entry.get("repeats", [])}


def fits(entry: dict[str, Any]) -> str:
    """Return what the left-out structures chose, by seed where they do not agree."""
    made = [entry, *entry.get("repeats", [])]
    names = ["units" if one.get("hidden_units") else "linear" for one in made]
    return names[0] if len(set(names)) == 1 else ", ".join(names)


def passing(card: list[dict[str, Any]]) -> str:
    """Return how many rows pass of those that can be judged."""
    return f"{sum(row['passes'] is True for row in card)} of {sum(row['passes'] is not None for row in card)}"


def failing(card: list[dict[str, Any]]) -> str:
    """Return the rows that do not pass, in words."""
    rows = [row for row in card if row["passes"] is False]
    return "; ".join(f"{name(row)} {shown(row)} {row['unit']}" for row in rows) or "–"


def name(row: dict[str, Any]) -> str:
    """Return what a row is about; the number of unseen structures differs by seed, so it stands with the value."""
    return {"unseen_energy": "unseen energies", "unseen_forces": "unseen forces", "vacancy": "vacancy"}.get(
        row["metric"], row["quantity"]
    )


def shown(row: dict[str, Any]) -> str:
    """Return the value of a row for people."""
    if row["potential"] is None:
        return "–"
    text = digits(row, "potential")
    return f"{text} ({row['quantity'].split()[2]})" if row["metric"] == "unseen_energy" else text


def digits(row: dict[str, Any], key: str) -> str:
    """Return a number of a row: volumes with four digits, nothing smaller than 0.0001."""
    return number(round(row[key], 4), 4 if row["metric"] == "volume" else 3)


def summary(elements: dict[str, Any], symbols: list[str], fit: Callable[[dict[str, Any]], str]) -> str:
    """Return the table of all elements; ``fit`` names the kind of fit of an entry."""
    lines = [
        "| element | labels: library + low + near equilibrium + uncertain | CPU h | fit | rows that pass "
        "| what does not |",
        "|---|---|---|---|---|---|",
    ]
    for symbol in symbols:
        if symbol not in elements:
            lines.append(f"| **{symbol}** | no scorecard yet ([labels so far](../data/README.md)) | | | | |")
            continue
        entry = elements[symbol]
        by_seed = cards(entry)
        pools = " + ".join(str(entry["labels"].get(pool, 0)) for pool in POOLS)
        faults = "; ".join(f"{seed}: {failing(card)}" for seed, card in by_seed.items() if failing(card) != "–")
        passed = ", ".join(f"{passing(card)} ({seed})" for seed, card in by_seed.items())
        hours = f"{entry['dft_cpu_h']:.1f}"
        lines.append(f"| **{symbol}** | {pools} | {hours} | {fit(entry)} | {passed} | {faults or 'nothing'} |")
    return "\n".join(lines)


def details(entry: dict[str, Any]) -> str:
    """Return the table of all rows of an element, one column per seed; what does not pass is bold."""
    by_seed = cards(entry)
    lines = [
        "| row | reference | allowed | " + " | ".join(map(str, by_seed)) + " |",
        "|---|---|---|" + "---|" * len(by_seed),
    ]
    for rows in zip(*by_seed.values(), strict=True):
        values = [f"**{shown(row)}**" if row["passes"] is False else shown(row) for row in rows]
        first = rows[0]
        reference = "–" if first["reference"] is None else digits(first, "reference")
        unit = f" [{first['unit']}]" if first["unit"] else ""
        allowed = first["threshold"] if any(row["passes"] is not None for row in rows) else "not judged"
        lines.append(f"| {name(first)}{unit} | {reference} | {allowed} | {' | '.join(values)} |")
    lines.append("| **rows that pass** | | | " + " | ".join(map(passing, by_seed.values())) + " |")
    return "\n".join(lines)


def draw_learning(curves: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Draw how many rows do not pass over the number of labels, mean and range of the seeds; writes a CSV, too."""
    data = pd.DataFrame(
        [
            {"element": symbol, "labels": sum(point["labels"].values()), "seed": k, "failing": judged - passes}
            for symbol, points in curves.items()
            for point in points
            for k, (passes, judged) in enumerate(zip(point["passes"], point["judged"], strict=True))
        ]
    )
    with sheet(path, 7, 4.2) as drawing:
        axes = drawing.subplots()
        styles = zip(CRYSTAL_COLOURS, CRYSTAL_MARKERS.values(), strict=True)
        for (symbol, part), (colour, marker) in zip(data.groupby("element"), styles, strict=False):
            found = part.groupby("labels")["failing"].agg(["mean", "min", "max"])
            spread = np.abs(found[["min", "max"]].sub(found["mean"], axis=0).to_numpy().T)
            axes.errorbar(
                found.index, found["mean"], spread, color=colour, marker=marker, capsize=3, lw=1.6, label=symbol
            )
        axes.set(xlabel="labels", ylabel="rows of the scorecard that do not pass", ylim=(-0.3, None))
        axes.legend()
    with atomic_path(path.with_suffix(".csv")) as temporary:
        data.to_csv(temporary, index=False)


def main() -> None:
    """Write the tables and the picture."""
    results = read_json(RESULTS / "scorecard.json")
    symbols = list(read_yaml(ROOT / "config/eight_elements.yaml")["elements"])
    write_table(PAGE, "eight", summary(results["elements"], symbols, fits))
    units = results["gaussian_units"]
    write_table(PAGE, "gaussian_units", summary(units, [one for one in symbols if one in units], lambda _: "units"))
    for symbol in (one for one in symbols if one in results["elements"]):
        write_table(PAGE, symbol, details(results["elements"][symbol]))
    draw_learning(results["learning_curve"], PICTURE)


if __name__ == "__main__":
    main()
