"""Physical properties: curves or numbers of each beside reference and published values, and the verdict on them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from entromax.config.models import Thresholds
from entromax.report.kit import (
    COLOURS,
    CRYSTAL_COLOURS,
    GREY,
    PALE,
    Block,
    Cell,
    Finding,
    Light,
    Section,
    Table,
    embed,
    figure,
    light,
    number,
    present,
    say_nothing_to_draw,
    signed,
    view,
    worst,
)
from entromax.report.results import ElementResults, PotentialResults
from entromax.validation.properties import PROPERTIES, Property, Result, in_order

OFFSETS = {"published": 0.22, "reference": 0.0, "potential": -0.22}
MARKS = {"potential": "o", "reference": "s", "published": "D"}
POINT_COLOURS = {"potential": COLOURS["potential"], "reference": COLOURS["reference"], "published": COLOURS["wien2k"]}
REACH = 3.0
"""A curve of the potential is drawn up to this part of the range of the reference curve above and below it."""
MISSING = "A missing reference is calculated when validation.properties_by_dft names the property."
AGAINST = {"reference": "the reference", "published": "published values"}


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
        _plot_curves(one, own, reference, path)
    else:
        _plot_values(pd.read_csv(table), path)


def _plot_curves(one: Property, own: Result, reference: Result, path: str | Path) -> None:
    data = pd.concat([own.curves.assign(source="potential"), reference.curves.assign(source="reference")])
    with figure(path, data, height=4.2) as axes:
        names = list(dict.fromkeys(own.curves["curve"]))
        several = one.curves_are_crystals
        for k, name in enumerate(names):
            colour = CRYSTAL_COLOURS[k % len(CRYSTAL_COLOURS)] if several else COLOURS["potential"]
            label = name if several else ("potential" if k == 0 else None)
            part = own.curves[own.curves["curve"] == name]
            axes.plot(part["x"], part["y"], color=colour, label=label, zorder=2)
        _plot_reference(axes, one, reference, names, several=several)
        _mark_ticks(axes, own)
        if one.shows_repulsion:
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
        label = None if k else "reference"
        if dense:
            axes.plot(part["x"], part["y"], color=colour, lw=1.2, ls="--", label=label, zorder=3)
        else:
            axes.plot(part["x"], part["y"], "o", ms=6, mfc="white", mec=colour, mew=1.5, label=label, zorder=3)


def _mark_ticks(axes: Axes, own: Result) -> None:
    """Draw the named places of the x axis."""
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


@dataclass(frozen=True)
class PropertyResults:
    """One property of one potential: what ``validate_property`` has written."""

    definition: Property
    own: Result
    reference: Result
    table: pd.DataFrame
    seconds: float
    figure: Path

    @property
    def flags(self) -> list[str]:
        """What is unphysical about the potential and not about its reference."""
        return [flag for flag in self.own.flags if flag not in self.reference.flags]


def load_properties(potential: PotentialResults) -> list[PropertyResults]:
    """Return all properties of a potential that were calculated, in the order of ``in_order``."""
    folder = potential.folder / "properties"
    found = []
    for definition in in_order():
        name = definition.name
        file = folder / f"{name}.json"
        if file.is_file():
            data = json.loads(file.read_text())
            own, reference = Result.from_json(data["potential"]), Result.from_json(data["reference"])
            table = pd.read_csv(folder / f"{name}_values.csv", keep_default_na=False, na_values=[""])
            found.append(PropertyResults(definition, own, reference, table, data["seconds"], folder / f"{name}.png"))
    return found


def judge_rows(one: PropertyResults, limits: Thresholds) -> list[Light]:
    """Return a light for every row of the table of a property; none for those that the scorecard judges."""
    if one.definition.on_card:
        return [Light("none")] * len(one.table)
    return [
        light(None if pd.isna(row["error"]) else float(row["error"]), _allowed(row["error_unit"], limits))
        for row in one.table.to_dict("records")
    ]


def _allowed(unit: str, limits: Thresholds) -> Sequence[float]:
    return limits.path_error if unit == "meV/atom" else limits.property_error


def judge_property(one: PropertyResults, limits: Thresholds) -> Light | None:
    """Return the worst light of a property; none where it does not apply, or the scorecard judges it."""
    if one.own.state == "not applicable" or (one.definition.on_card and one.own.state == "done" and not one.flags):
        return None
    if one.own.state == "failed" or one.flags:
        return Light("red")
    judged = [light_ for light_ in judge_rows(one, limits) if light_.colour != "none"]
    return worst(judged) if judged else Light("none")


def findings(results: ElementResults, potential: PotentialResults) -> list[Finding]:
    """Return the weaknesses that the properties show."""
    red, found, limits = Light("red"), [], results.thresholds
    for one in load_properties(potential):
        title, verdict = one.definition.title, judge_property(one, limits)
        if one.own.state == "failed":
            found.append(Finding(red, f"{title}: no value, {one.own.reason}."))
        elif one.flags:
            found += [Finding(red, f"It {flag}.") for flag in one.flags]
        elif verdict is not None and verdict.colour in ("amber", "red"):
            found.append(Finding(verdict, f"{title}: {largest_deviation(one, limits)}."))
    return found


def largest_deviation(one: PropertyResults, limits: Thresholds) -> str:
    """Return the quantity with the worst light, its deviation and against what; an empty string without any."""
    order = {"red": 3, "amber": 2, "green": 1, "none": 0}
    rows = [
        (order[verdict.colour], abs(row["error"]), row)
        for row, verdict in zip(one.table.to_dict("records"), judge_rows(one, limits), strict=True)
        if pd.notna(row["error"])
    ]
    if not rows:
        return ""
    row = max(rows, key=lambda entry: entry[:2])[2]
    change = f"{signed(row['error'])} {row['error_unit']}"
    if row["unit"] == row["error_unit"] and row["quantity"].startswith("curve"):
        change = f"{number(row['error'])} {row['error_unit']}"
    return f"{row['quantity']} {change} against {AGAINST[row['against']]}"


def overview(properties: list[PropertyResults], limits: Thresholds, caption: str) -> Table:
    """Return one row per property: verdict, largest deviation, state of its reference, what is wrong."""
    rows: list[Sequence[Cell | str]] = []
    for one in properties:
        verdict = judge_property(one, limits)
        state = {"done": "calculated", "failed": "failed", "missing": "missing", "not applicable": "–"}[
            one.reference.state
        ]
        if one.own.state == "not applicable":
            rows.append([one.definition.title, "not applicable", "–", one.own.reason])
            continue
        remark = "; ".join(one.flags) or (one.own.reason if one.own.state == "failed" else "")
        text = "no value" if one.own.state == "failed" else largest_deviation(one, limits) or "nothing to compare with"
        remark = remark or (f"reference: {one.reference.reason}" if one.reference.state == "failed" else "")
        rows.append([one.definition.title, Cell(text, verdict), state, remark])
    return Table(("property", "largest deviation", "reference", "remarks"), rows, caption, wide=(1, 3))


def all_numbers(properties: list[PropertyResults], limits: Thresholds) -> Table:
    """Return every quantity of every property; a number that the reference does not have is said to be missing."""
    rows: list[Sequence[Cell | str]] = []
    for one in properties:
        missing = {"missing": "missing", "failed": "failed"}.get(one.reference.state, "–")
        for row, verdict in zip(one.table.to_dict("records"), judge_rows(one, limits), strict=True):
            is_curve = str(row["quantity"]).startswith("curve")
            reference = number(row["reference"]) if pd.notna(row["reference"]) else "–" if is_curve else missing
            unit = "" if row["unit"] == "1" else f" [{row['unit']}]"
            deviation = f"{signed(row['error'])} {row['error_unit']}" if pd.notna(row["error"]) else "–"
            shown = Cell(deviation, verdict if verdict.colour != "none" else None)
            label = f"{one.definition.title}: {row['quantity']}{unit}"
            rows.append([label, number(row["potential"]), reference, number(row["published"]), shown])
    return Table(("quantity", "potential", "reference", "published", "deviation"), rows)


def _blocks(potential: PotentialResults, prefix: str, limits: Thresholds) -> list[Block]:
    """Return verdicts, figures, numbers and structures of the properties of one potential."""
    properties = load_properties(potential)
    if not properties:
        return []
    figures = []
    for one in properties:
        if one.own.state != "not applicable":
            note = f" Reference: {one.reference.reason}." if one.reference.state == "failed" else ""
            caption = f"{one.definition.title}. {one.definition.explanation}{note}"
            figures += embed(one.figure, f"{one.definition.title} of the potential", caption)
    sources = sorted({source for one in properties for source in one.table["source"].dropna().unique()})
    seconds = sum(one.seconds for one in properties)
    structures = {name: atoms for one in properties for name, atoms in one.own.structures.items()}
    return [
        Block(table=overview(properties, limits, f"{prefix}physical properties")),
        Block(text=f"All by the potential took {number(seconds)} s on one core. {MISSING}", note=True),
        *present(figures),
        Block(fold="All numbers", table=all_numbers(properties, limits)),
        *([Block(viewer=view(structures))] if structures else []),
        *([Block(text=f"Published values: {'; '.join(sources)}.", note=True)] if sources else []),
    ]


def section(results: ElementResults) -> Section:
    """Return the section on physical properties of all potentials of an element."""
    blocks = [block for one in results.potentials for block in _blocks(one, results.prefix(one), results.thresholds)]
    return Section(
        "properties",
        "Physical properties",
        "What a user of the potential will calculate. The reference is the method of the labels with its settings, "
        "where it was asked for; elsewhere published values stand in, which judge that method as well. A deviation "
        "counts in per cent of the value, at least of a tenth of the largest of its kind; of energies per atom it is "
        "a difference.",
        blocks,
    )
