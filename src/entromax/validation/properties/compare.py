"""A property by potential, by DFT and as published, side by side."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from entromax.validation.properties.base import Result
from entromax.validation.references import Number

COLUMNS = ["quantity", "unit", "potential", "reference", "published", "source", "error", "error_unit", "against"]
FLOOR = 0.1
"""An error counts in per cent of its own value, at least of this part of the largest value of the same unit."""


def compare(own: Result, reference: Result, published: Mapping[str, Number], *, curve_unit: str = "") -> pd.DataFrame:
    """Return one row per quantity.

    Args:
        own: by the potential.
        reference: by DFT; any state but ``done`` leaves its column empty.
        published: published numbers by the name of the quantity.
        curve_unit: unit of the RMS difference between the curves; empty for none.

    Returns:
        Columns ``COLUMNS``; ``error`` is against DFT where there is one, else against the published number
        (``against`` says which): a difference for energies per atom (``error_unit`` meV/atom), else in per cent.
    """
    mine = {one.name: (one.value, one.unit) for one in own.quantities}
    theirs = {one.name: (one.value, one.unit) for one in reference.quantities if reference.state == "done"}
    units = {name: unit for name, (_, unit) in {**theirs, **mine}.items()}
    units |= {name: number.unit for name, number in published.items() if name not in units}
    rows: list[dict[str, Any]] = []
    for name, unit in units.items():
        number = published.get(name)
        row = {
            "quantity": name,
            "unit": unit,
            "potential": mine.get(name, (np.nan, ""))[0],
            "reference": theirs.get(name, (np.nan, ""))[0],
            "published": np.nan if number is None else number.value,
            "source": "" if number is None else number.source,
        }
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS[:6])
    known = table["reference"].notna()
    right = table["reference"].where(known, table["published"])
    table["against"] = np.where(known, "reference", np.where(table["published"].notna(), "published", ""))
    difference = table["potential"] - right
    absolute = table["unit"] == "meV/atom"
    size = right.abs()
    scale = size.clip(lower=FLOOR * size.groupby(table["unit"]).transform("max"))
    table["error"] = np.where(absolute, difference, 100 * difference / scale.where(scale > 0))
    table["error_unit"] = np.where(absolute, "meV/atom", "%")
    if curve_unit and own.state == reference.state == "done":
        row = {"quantity": "curve, RMS difference", "unit": curve_unit, "potential": curve_difference(own, reference)}
        row |= {"error": row["potential"], "error_unit": curve_unit, "against": "reference", "source": ""}
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
    return table[COLUMNS]


def curve_difference(own: Result, reference: Result) -> float:
    """Return the RMS difference of the curves at the abscissae that both have."""
    both = own.curves.merge(reference.curves, on=["curve", "x"], suffixes=("", "_reference"))
    return float(np.sqrt(np.mean((both["y"] - both["y_reference"]) ** 2)))
