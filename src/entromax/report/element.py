"""The report of one element: one self-contained HTML page."""

from pathlib import Path
from typing import Any

import pandas as pd
from ase.data import atomic_names, atomic_numbers

from entromax.config.models import CampaignSettings, Thresholds
from entromax.report.figures_active import active_section
from entromax.report.figures_labels import shorten, state_table
from entromax.report.findings import Verdict, judge, summary_rows
from entromax.report.html import Block, Cell, Section, Table, embed, number, write_page
from entromax.report.lights import light, worst
from entromax.report.properties import property_section
from entromax.report.results import ElementResults, load_element_results
from entromax.report.sections import library_section, present, provenance_section, what_was_run
from entromax.report.sections_potential import potential_sections
from entromax.runtime import package_version

MAX_ROWS = 25
"""Failures and outliers listed; the tables on disk hold all of them."""


def summary_context(results: ElementResults, settings: CampaignSettings, verdicts: list[Verdict]) -> dict[str, Any]:
    """Return the opening of the report: a sentence, the largest numbers, verdicts, traffic lights."""
    element, thresholds = settings.elements[results.element], settings.thresholds
    ledger = results.ledger
    labelled = int((ledger["state"] == "converged").sum())
    hours = float(ledger["seconds"].sum()) / 3600 if "seconds" in ledger else 0.0
    cards = [{"value": f"{labelled} of {len(ledger)}", "label": "structures labelled"}]
    cards.append({"value": _hours(hours), "label": "time spent on labels"})
    if len(results.potentials) == 1 and results.potentials[0].test.get("energy_rmse") is not None:
        test = results.potentials[0].test
        cards.append({"value": f"{number(test['energy_rmse'])} meV/atom", "label": "energy RMSE, unseen structures"})
        cards.append({"value": f"{number(test['force_rmse'])} eV/Å", "label": "force RMSE, unseen structures"})
    overall = worst(verdict.light for verdict in verdicts)
    opening = {
        "green": "Every test in this report was passed.",
        "amber": "Some tests gave doubtful results; they are listed first.",
        "red": "Some tests failed. What failed is listed first, because it is what a user of the potential must know.",
        "none": "Not every test could be made.",
    }[overall.colour]
    blocks = [Block(table=threshold_table(results, element.ground_state, thresholds))] if results.potentials else []
    return {"lead": opening, "cards": cards, "verdicts": verdicts, "blocks": blocks}


def threshold_table(results: ElementResults, ground_state: str, thresholds: Thresholds) -> Table:
    """Return what the thresholds of the configuration judge, a column for each potential."""
    columns = [summary_rows(results, potential, ground_state, thresholds) for potential in results.potentials]
    rows = [
        (own[0].quantity, *(Cell(row.value, row.light) for row in own), own[0].limits)
        for own in zip(*columns, strict=True)
    ]
    names = [potential.name for potential in results.potentials]
    return Table(("quantity", *names, "green / amber up to"), rows, "Against the thresholds of the configuration")


def _hours(hours: float) -> str:
    if hours >= 1:
        return f"{number(hours)} h"
    return f"{number(hours * 60)} min" if hours >= 1 / 60 else f"{number(hours * 3600)} s"


def labels_section(results: ElementResults, settings: CampaignSettings) -> Section:
    """Return how the labels ended, what failed and why, and what quality control removed."""
    figures = results.folder / "figures"
    failed = results.failed_fraction
    verdict = light(None if failed is None else 100 * failed, settings.thresholds.failed_labels)
    states = state_table(results.ledger) if len(results.ledger) else pd.DataFrame()
    rows = [
        (row["state"], str(row["structures"]), row["reasons"] or "–")
        for row in states.to_dict("records")
        if row["structures"]
    ]
    lead = (
        "Every structure ends in one state with a reason; none is dropped in silence. "
        f"Without a label: {'–' if failed is None else f'{failed:.1%}'} of the structures ({verdict.word})."
    )
    images = embed(figures / "states.png", "Structures by final state", "How the calculations ended.")
    images += embed(
        figures / "seconds.png",
        "Seconds per label against atoms in the cell",
        "Cost of each structure, all attempts together.",
    )
    images += embed(
        figures / "energy_volume.png",
        "Energy of the labels against their volume",
        "What the potential is fitted to: every labelled structure, and the reference crystals as lines.",
    )
    blocks = [Block(table=Table(("state", "structures", "most frequent reasons"), rows, wide=(2,)))] if rows else []
    blocks += present(images)
    blocks += _listing(results.ledger[results.ledger["state"] != "converged"], "structures without a label")
    blocks += _outliers(results.manifest)
    return Section("labels", "Labels", lead, blocks)


def _listing(table: pd.DataFrame, what: str) -> list[Block]:
    if table.empty:
        return []
    known = [name for name in ("sid", "state", "atoms", "volume", "attempts", "seconds") if name in table]
    headings = {"volume": "volume [Å³/atom]", "seconds": "time [s]"}
    rows = []
    for row in table.head(MAX_ROWS).to_dict("records"):
        rows.append([*(number(row[name]) for name in known), shorten(str(row.get("reason") or ""), 160)])
    columns = [*(headings.get(name, name) for name in known), "reason"]
    more = f", first {MAX_ROWS}" if len(table) > MAX_ROWS else ""
    return [Block(fold=f"{len(table)} {what}{more}", table=Table(columns, rows, wide=(len(columns) - 1,)))]


def _outliers(manifest: pd.DataFrame) -> list[Block]:
    """Return the labelled structures that quality control left out of the dataset, with the rule they broke."""
    if manifest.empty:
        return []
    removed = manifest[manifest["role"].isin(("outlier", "duplicate"))]
    removed = removed.assign(state=removed["role"], reason=removed["rule"])
    return _listing(removed, "labelled structures left out by quality control")


def report_element(
    element: str, settings: CampaignSettings, *, library: str | Path, folder: str | Path, output: str | Path
) -> None:
    """Write the report of one element as one HTML file without outside references.

    Args:
        element: chemical symbol.
        settings: merged configuration; its thresholds colour the lights.
        library: folder ``results/library`` (figures, diversity.csv).
        folder: folder ``results/<element>`` (labels, dataset, potentials, validation, figures).
        output: HTML file written.
    """
    results = load_element_results(folder, element, list(settings.potentials))
    ground_state = settings.elements[element].ground_state
    verdicts = [judge(results, one, ground_state, settings.thresholds) for one in results.potentials]
    sections = [
        *potential_sections(results, settings),
        *([active_section(results.folder, str(settings.active.potential))] if settings.active.iterations else []),
        property_section(results, settings.thresholds),
        labels_section(results, settings),
        library_section(Path(library), settings),
        what_was_run(settings, [element]),
        provenance_section(settings, [element]),
    ]
    number_ = atomic_numbers[element]
    name = atomic_names[number_]
    write_page(
        output,
        "report.html.j2",
        title=f"{name}: labels, potentials and how far to trust them",
        subtitle=f"Campaign {settings.campaign} · {ground_state} ground state · entromax {package_version('entromax')}",
        campaign=settings.campaign,
        tile={"number": number_, "symbol": element},
        summary=summary_context(results, settings, verdicts),
        sections=[section for section in sections if section.blocks],
        footer="Made by entromax. All figures and tables are files beside this page, each figure with its data as CSV.",
    )
