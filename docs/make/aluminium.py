"""The potentials of the campaign config/aluminium.yaml side by side, against DFT and published values.

    ./run --configfile config/aluminium.yaml                    # the campaign
    python -m docs.make.aluminium results/aluminium

Reads the results only. Writes docs/results/aluminium.json and the table of docs/validation.md.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.common import RESULTS, ROOT
from docs.make.pages import write_table
from entromax.report.kit import number
from entromax.report.results import PotentialResults, load_potential_results
from entromax.report.topics.properties import load_properties
from entromax.runtime import write_json

PAGE = ROOT / "docs/validation.md"
SHOWN = {
    "lattice": ["volume", "bulk modulus"],
    "phases": ["bcc − fcc", "hcp − fcc", "sc − fcc", "diamond − fcc"],
    "elastic": ["C11", "C12", "C44"],
    "phonons": ["lowest at L", "highest at L", "lowest at X", "highest at X"],
    "vacancy": ["formation energy"],
    "surfaces": ["(111)", "(100)", "(110)"],
    "stacking_fault": None,
    "expansion": None,
    "bain": None,
    "dimer": None,
    "melt": None,
}
"""Quantities in the table, by property; None: all of them."""


def errors(potential: PotentialResults) -> Iterator[tuple[str, float | None]]:
    """Yield errors on both held-out sets, and robustness."""
    for split, name in (("test", "library"), ("conventional", "conventional set")):
        own = potential.errors.get(split)
        yield f"energy RMSE, unseen structures of the {name} [meV/atom]", own and own.energy_rmse
        yield f"force RMSE, unseen structures of the {name} [eV/Å]", own and own.force_rmse
    robust = potential.robustness
    if robust is None or robust.fraction is None:
        return
    yield "hot and compressed runs that stay physical [%]", 100 * robust.fraction
    relaxed = robust.relaxations
    yield "relaxations of random cells that stay physical [%]", 100 * relaxed.physical / relaxed.runs


def properties(potential: PotentialResults) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the quantities of the properties: value of the potential, of DFT, published with source."""
    for one in load_properties(potential):
        wanted = SHOWN.get(one.definition.name, [])
        for row in one.table.to_dict("records"):
            if wanted is None or row["quantity"] in wanted:
                unit = "" if row["unit"] == "1" else f" [{row['unit']}]"
                keys = ("potential", "reference", "published", "source")
                values = {key: None if pd.isna(row[key]) else row[key] for key in keys}
                yield f"{one.definition.title}: {row['quantity']}{unit}", values


def gather(results: Path, names: list[str]) -> dict[str, Any]:
    """Return rows of the table, by what they show: a value per potential, ``dft``, ``published``, ``source``."""
    rows: dict[str, dict[str, Any]] = {}
    for potential in (load_potential_results(results / "Al", name) for name in names):
        for what, value in errors(potential):
            rows.setdefault(what, {})[potential.name] = value
        for what, values in properties(potential):
            row = rows.setdefault(what, {})
            row[potential.name] = values["potential"]
            row |= {"dft": values["reference"], "published": values["published"], "source": values["source"]}
    return rows


def page_table(rows: dict[str, dict[str, Any]], names: list[str]) -> str:
    """Return the rows as a Markdown table."""
    columns = [*names, "dft", "published"]
    lines = [
        f"| | {' | '.join(map(str.upper, names))} | DFT, same settings | published |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for what, row in rows.items():
        lines.append(f"| {what} | {' | '.join(number(row.get(column)) for column in columns)} |")
    return "\n".join(lines)


def main() -> None:
    """Read, gather, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--potentials", nargs="+", default=["gap", "snap", "ace"])
    options = parser.parse_args()
    rows = gather(options.results, options.potentials)
    provenance = json.loads((options.results / "provenance.json").read_text())
    write_json(RESULTS / "aluminium.json", {"rows": rows, "provenance": provenance})
    table = page_table(rows, options.potentials)
    write_table(PAGE, "aluminium", table)
    print(table)


if __name__ == "__main__":
    main()
