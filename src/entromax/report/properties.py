"""The section of the element report on physical properties."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from entromax.config.models import Thresholds
from entromax.report.html import Block, Cell, Section, Table, embed, number, signed
from entromax.report.lights import Light, light, worst
from entromax.report.results import ElementResults, PotentialResults
from entromax.report.sections import present
from entromax.report.viewer import view
from entromax.validation.properties import PROPERTIES, Property, Result

MISSING = "A missing reference is calculated when validation.properties_by_dft names the property."
AGAINST = {"reference": "the reference", "published": "published values"}


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
    """Return all properties of a potential that were calculated, in the order of ``PROPERTIES``."""
    folder = potential.folder / "properties"
    found = []
    for name, definition in PROPERTIES.items():
        file = folder / f"{name}.json"
        if file.is_file():
            data = json.loads(file.read_text())
            own, reference = Result.from_json(data["potential"]), Result.from_json(data["reference"])
            table = pd.read_csv(folder / f"{name}_values.csv", keep_default_na=False, na_values=[""])
            found.append(PropertyResults(definition, own, reference, table, data["seconds"], folder / f"{name}.png"))
    return found


def limits_of(quantity: str, unit: str, limits: Thresholds) -> Sequence[float]:
    """Return the thresholds that judge the deviation of a quantity."""
    if unit == "meV/atom":
        return limits.phase_energy_error
    by_name = {"bulk modulus": limits.bulk_modulus_error}
    lattice = ("volume", "a", "c/a", "nearest neighbours", "volume at 300 K")
    return limits.volume_error if quantity in lattice else by_name.get(quantity, limits.property_error)


def judge_rows(one: PropertyResults, limits: Thresholds) -> list[Light]:
    """Return a light for every row of the table of a property."""
    lights = []
    for row in one.table.to_dict("records"):
        error = None if pd.isna(row["error"]) else float(row["error"])
        lights.append(light(error, limits_of(row["quantity"], row["error_unit"], limits)))
    return lights


def judge_property(one: PropertyResults, limits: Thresholds) -> Light | None:
    """Return the worst light of a property; none where it does not apply."""
    if one.own.state == "not applicable":
        return None
    if one.own.state == "failed" or one.flags:
        return Light("red")
    judged = [light_ for light_ in judge_rows(one, limits) if light_.colour != "none"]
    return worst(judged) if judged else Light("none")


def property_findings(potential: PotentialResults, limits: Thresholds) -> list[tuple[Light, str]]:
    """Return the weaknesses that the properties show, one sentence each with its light."""
    red, found = Light("red"), []
    for one in load_properties(potential):
        title, verdict = one.definition.title, judge_property(one, limits)
        if one.own.state == "failed":
            found.append((red, f"{title}: no value, {one.own.reason}."))
        elif one.flags:
            found += [(red, f"It {flag}.") for flag in one.flags]
        elif verdict is not None and verdict.colour in ("amber", "red") and one.definition.name != "lattice":
            # Volume and bulk modulus are among the findings on E(V) already.
            found.append((verdict, f"{title}: {largest_deviation(one, limits)}."))
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


def property_blocks(potential: PotentialResults, prefix: str, limits: Thresholds) -> list[Block]:
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


def property_section(results: ElementResults, limits: Thresholds) -> Section:
    """Return the section on physical properties of all potentials of an element."""
    blocks: list[Block] = []
    for potential in results.potentials:
        prefix = "" if len(results.potentials) == 1 else f"{potential.name}: "
        blocks += property_blocks(potential, prefix, limits)
    return Section(
        "properties",
        "Physical properties",
        "What a user of the potential will calculate. The reference is the method of the labels with its settings, "
        "where it was asked for; elsewhere published values stand in, which judge that method as well. A deviation "
        "counts in per cent of the value, at least of a tenth of the largest of its kind; of energies per atom it is "
        "a difference.",
        blocks,
    )
