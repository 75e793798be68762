"""The report of a campaign: all elements side by side, and the library they share."""

from pathlib import Path
from typing import Any

from entromax.config.models import CampaignSettings
from entromax.report.figures_labels import plot_states
from entromax.report.findings import Finding, Verdict, headline_values, judge
from entromax.report.html import Block, Cell, Section, Table, embed, number, signed, write_page
from entromax.report.lights import light, worst
from entromax.report.results import ElementResults, load_element_results
from entromax.report.sections import library_section, present, provenance_section, what_was_run
from entromax.runtime import package_version

COLUMNS = {
    "energy_rmse": "energy RMSE [meV/atom]",
    "force_rmse": "force RMSE [eV/Å]",
    "volume_error": "volume [%]",
    "bulk_modulus_error": "bulk modulus [%]",
    "unphysical_runs": "unphysical runs [%]",
    "failed_labels": "no label [%]",
}


def overview(results: list[ElementResults], settings: CampaignSettings) -> Block:
    """Return the traffic lights of every element and potential in one table."""
    rows = []
    for one in results:
        ground_state = settings.elements[one.element].ground_state
        for potential in one.potentials:
            values = headline_values(one, potential, ground_state)
            no_minimum = potential.eos.get(ground_state, {}).get("potential") == "none"
            cells: list[Cell | str] = [f"{one.element} {potential.name}"]
            for key in COLUMNS:
                value, limits = values[key], getattr(settings.thresholds, key)
                if no_minimum and key in ("volume_error", "bulk_modulus_error"):
                    cells.append(Cell("no minimum", light(float("inf"), limits)))
                else:
                    text = (signed if key.endswith("_error") else number)(value)
                    cells.append(Cell(text, light(value, limits)))
            rows.append(cells)
    return Block(table=Table(("potential", *COLUMNS.values()), rows, "Every potential against the thresholds"))


def element_verdict(one: ElementResults, settings: CampaignSettings) -> Verdict:
    """Return the worst findings of an element's potentials, at most three, with a pointer to its report."""
    ground_state = settings.elements[one.element].ground_state
    verdicts = [judge(one, potential, ground_state, settings.thresholds) for potential in one.potentials]
    findings: list[Finding] = [finding for verdict in verdicts for finding in verdict.findings]
    state = worst(verdict.light for verdict in verdicts)
    titles = {
        "green": "no weakness in these tests",
        "amber": "usable with care",
        "red": "weak",
        "none": "not fully tested",
    }
    count = len(findings) - 3
    more = (
        f"{count} more {'finding' if count == 1 else 'findings'} in the report of {one.element}." if count > 0 else ""
    )
    return Verdict(state, f"{one.element}: {titles[state.colour]}", findings[:3], more)


def labels_section(results: list[ElementResults], figure: Path) -> Section:
    """Return how the labels of all elements ended."""
    ledgers = {one.element: one.ledger for one in results if len(one.ledger)}
    if not ledgers:
        return Section("labels", "Labels", "", [])
    plot_states(ledgers, figure)
    images = embed(figure, "Final states of the structures by element", "How the calculations ended, by element.")
    rows = []
    for element, ledger in ledgers.items():
        seconds = ledger["seconds"]
        labelled = int((ledger["state"] == "converged").sum())
        rows.append((element, str(len(ledger)), str(labelled), number(seconds.median()), number(seconds.sum() / 3600)))
    columns = ("element", "structures", "labelled", "median time [s]", "total time [h]")
    lead = "The same library, scaled to each element. Reasons of failures stand in the reports of the elements."
    return Section("labels", "Labels", lead, [Block(table=Table(columns, rows)), *present(images)])


def report_campaign(settings: CampaignSettings, *, results: str | Path, figure: str | Path, output: str | Path) -> None:
    """Write the report of the campaign as one HTML file without outside references.

    Args:
        settings: merged configuration; its thresholds colour the lights.
        results: folder of all results (``library/`` and one folder per element).
        figure: PNG written: final states of the structures by element.
        output: HTML file written.
    """
    root = Path(results)
    elements = list(settings.elements)
    loaded = [load_element_results(root / element, element, list(settings.potentials)) for element in elements]
    verdicts = [element_verdict(one, settings) for one in loaded]
    labelled = sum(int((one.ledger["state"] == "converged").sum()) for one in loaded)
    cards: list[dict[str, Any]] = [
        {"value": str(len(elements)), "label": "element" if len(elements) == 1 else "elements"},
        {"value": str(len(elements) * len(settings.potentials)), "label": "potentials fitted"},
        {"value": str(labelled), "label": "structures labelled"},
    ]
    good = sum(verdict.light.colour == "green" for verdict in verdicts)
    sections = [
        library_section(root / "library", settings),
        labels_section(loaded, Path(figure)),
        what_was_run(settings, elements),
        provenance_section(settings, elements),
    ]
    write_page(
        output,
        "report.html.j2",
        title=f"Campaign {settings.campaign}",
        subtitle=f"One library for {', '.join(elements)} · entromax {package_version('entromax')}",
        campaign=settings.campaign,
        tile=None,
        summary={
            "lead": f"{good} of {len(elements)} passed every test of this report. What follows says where the others "
            "are weak. Each element has a report of its own, report.html in the folder of its name.",
            "cards": cards,
            "verdicts": verdicts,
            "blocks": [overview(loaded, settings)],
        },
        sections=[section for section in sections if section.blocks],
        footer="Made by entromax. All figures and tables are files below this page, each figure with its data as CSV.",
    )
