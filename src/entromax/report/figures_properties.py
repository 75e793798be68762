"""One figure per physical property: its curves where it has some, its numbers as points otherwise."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from entromax.report.style import COLOURS, CRYSTAL_COLOURS, GREY, PALE, figure, say_nothing_to_draw
from entromax.validation.properties import PROPERTIES, Property, Result

OFFSETS = {"published": 0.22, "reference": 0.0, "potential": -0.22}
MARKS = {"potential": "o", "reference": "s", "published": "D"}
POINT_COLOURS = {"potential": COLOURS["potential"], "reference": COLOURS["reference"], "published": COLOURS["wien2k"]}
REACH = 3.0
"""A curve of the potential is drawn up to this part of the range of the reference curve above and below it."""


def plot_property(metrics: str | Path, table: str | Path, path: str | Path) -> None:
    """Draw one property of a potential beside its reference and published values.

    Args:
        metrics: JSON of ``validate_property``.
        table: its CSV.
        path: PNG written, with a CSV of the same name beside it.
    """
    data = json.loads(Path(metrics).read_text())
    own, reference = Result.from_json(data["potential"]), Result.from_json(data["reference"])
    one = PROPERTIES[data["property"]]
    if own.state != "done":
        with figure(path, pd.DataFrame({"state": [own.state], "reason": [own.reason]}), height=1.6) as axes:
            say_nothing_to_draw(axes, f"{one.title}: {own.state}\n{own.reason}")
    elif len(own.curves):
        _plot_curves(one, own, reference, pd.read_csv(table), path)
    else:
        _plot_values(pd.read_csv(table), path)


def _plot_curves(one: Property, own: Result, reference: Result, values: pd.DataFrame, path: str | Path) -> None:
    data = pd.concat([own.curves.assign(source="potential"), reference.curves.assign(source="reference")])
    with figure(path, data, height=4.2) as axes:
        names = list(dict.fromkeys(own.curves["curve"]))
        several = one.name == "phases"
        for k, name in enumerate(names):
            colour = CRYSTAL_COLOURS[k % len(CRYSTAL_COLOURS)] if several else COLOURS["potential"]
            label = name if several else ("potential" if k == 0 else None)
            part = own.curves[own.curves["curve"] == name]
            axes.plot(part["x"], part["y"], color=colour, label=label, zorder=2)
        _plot_reference(axes, one, reference, names, several=several)
        _mark_ticks(axes, own, values)
        if one.name == "dimer":
            axes.set_yscale("symlog", linthresh=5)
            axes.set_yticks([-5, 0, 5, 10, 100, 1000], ["−5", "0", "5", "10", "100", "1000"])
            axes.set_ylim(min(-5.0, 1.3 * data["y"].min()), max(10.0, 2 * data["y"].max()))
        elif reference.state == "done":
            _limit(axes, data)
        axes.axhline(0, color=GREY, lw=0.8, zorder=1)
        axes.set(xlabel=one.x_label, ylabel=one.y_label)
        if several or reference.state == "done":
            axes.legend(ncols=3 if several else 1)


def _plot_reference(axes: Axes, one: Property, reference: Result, names: list[str], *, several: bool) -> None:
    """Draw the reference curves: lines for dense ones (phonons), markers for points that were calculated."""
    for k, (name, part) in enumerate(reference.curves.groupby("curve", sort=False)):
        dense = len(part) > 40
        colour = COLOURS["reference"]
        if several and name in names:
            colour = CRYSTAL_COLOURS[names.index(str(name)) % len(CRYSTAL_COLOURS)]
        label = None if k else ("reference")
        if dense:
            axes.plot(part["x"], part["y"], color=colour, lw=1.2, ls="--", label=label, zorder=3)
        else:
            axes.plot(part["x"], part["y"], "o", ms=6, mfc="white", mec=colour, mew=1.5, label=label, zorder=3)


def _mark_ticks(axes: Axes, own: Result, values: pd.DataFrame) -> None:
    """Draw the named places of the x axis, and published numbers of the form "lowest at X" there."""
    if not own.ticks:
        return
    for _, place in own.ticks:
        axes.axvline(place, color=GREY, lw=0.9, ls=(0, (4, 3)), zorder=1)
    if len(own.ticks) > 3:  # a path through the Brillouin zone has no other coordinate worth reading
        merged: dict[float, str] = {}
        for name, place in own.ticks:
            merged[place] = f"{merged[place]}|{name}" if place in merged else name
        axes.set_xticks(list(merged), list(merged.values()))
        axes.set_xlim(min(merged), max(merged))
        axes.grid(axis="x", visible=False)
    else:
        top = axes.secondary_xaxis("top")
        top.set_xticks([place for _, place in own.ticks], [name for name, _ in own.ticks])
        top.tick_params(length=0, labelsize=11)
        top.spines[:].set_visible(False)
    known = values[values["published"].notna()]
    for row in known.to_dict("records"):
        label = str(row["quantity"]).rpartition(" at ")[2]
        places = [place for name, place in own.ticks if name == label]
        axes.plot(places, [row["published"]] * len(places), "D", ms=6, color=POINT_COLOURS["published"], zorder=4)


def _limit(axes: Axes, data: pd.DataFrame) -> None:
    """Keep a potential that is far off from squeezing the reference curve into a line."""
    reference = data.loc[data["source"] == "reference", "y"]
    width = max(float(np.ptp(reference)), 1e-9)
    low = max(float(data["y"].min()), float(reference.min()) - REACH * width)
    high = min(float(data["y"].max()), float(reference.max()) + REACH * width)
    pad = 0.08 * (high - low)
    axes.set_ylim(low - pad, high + pad)


def _plot_values(values: pd.DataFrame, path: str | Path) -> None:
    """Draw the numbers of a property as points, one row each; of several units as parts of the right value."""
    sources = list(OFFSETS)
    part, label = values, f"[{values['unit'].iloc[0]}]"
    if values["unit"].nunique() > 1:
        right = values["reference"].fillna(values["published"])
        part = values.assign(**{source: values[source] / right for source in sources})[right.notna()]
        label = "value / reference (else published)"
    part = part.reset_index(drop=True)
    with figure(path, values, height=1.25 + 0.42 * max(len(part), 1)) as axes:
        if part.empty:
            say_nothing_to_draw(axes, "nothing to compare with")
            return
        rows = np.arange(len(part))[::-1]
        for source in sources:
            known = part[source].notna().to_numpy()
            if known.any():
                axes.plot(
                    part.loc[known, source],
                    rows[known] + OFFSETS[source],
                    MARKS[source],
                    ms=8,
                    color=POINT_COLOURS[source],
                    label=source,
                )
        axes.set_yticks(rows, part["quantity"])
        axes.set_ylim(-0.6, len(part) - 0.4)
        axes.grid(axis="y", visible=False)
        for row in rows[:-1]:
            axes.axhline(row - 0.5, color=PALE, lw=0.8)
        axes.set_xlabel(label)
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderpad=0, handletextpad=0.1)
