"""The report of a campaign: all elements side by side, and the library they share."""

from collections.abc import Sequence
from pathlib import Path

from entromax.config.models import CampaignSettings
from entromax.report.kit import Block, Cell, Fact, Summary, Table, Verdict, worst, write_page
from entromax.report.pages.verdict import judge
from entromax.report.results import ElementResults, load_element_results
from entromax.report.topics import labels, library, provenance, scorecard
from entromax.runtime import package_version
from entromax.validation.scorecard import METRICS


def overview(results: Sequence[ElementResults]) -> Block:
    """Return one line of the scorecard for every element and potential."""
    rows = [
        [Cell(f"{one.element} {own.name}", judge(one, own).light), *scorecard.line(own)]
        for one in results
        for own in one.potentials
    ]
    headings = [metric.title for metric in METRICS.values()]
    return Block(table=Table(["potential", *headings], rows, "Scorecards: rows that pass"))


def element_verdict(one: ElementResults) -> Verdict:
    """Return the worst findings of an element's potentials, at most three, with a pointer to its report."""
    verdicts = [judge(one, potential) for potential in one.potentials]
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    state = worst(verdict.light for verdict in verdicts)
    titles = {
        "green": "passes",
        "red": "does not pass",
        "none": "not fully tested",
    }
    count = len(findings) - 3
    more = (
        f"{count} more {'finding' if count == 1 else 'findings'} in the report of {one.element}." if count > 0 else ""
    )
    return Verdict(state, f"{one.element}: {titles[state.colour]}", findings[:3], more)


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
    loaded = [load_element_results(root / element, element, settings) for element in elements]
    verdicts = [element_verdict(one) for one in loaded]
    cards = [
        Fact(str(len(elements)), "element" if len(elements) == 1 else "elements"),
        Fact(str(len(elements) * len(settings.potentials)), "potentials fitted"),
        Fact(str(sum(one.labelled for one in loaded)), "structures labelled"),
    ]
    good = sum(verdict.light.colour == "green" for verdict in verdicts)
    sections = [
        library.section(root / "library", settings.library),
        labels.campaign_section(loaded, Path(figure)),
        provenance.what_was_run(settings, elements),
        provenance.section(settings, elements),
    ]
    write_page(
        output,
        "report.html.j2",
        title=f"Campaign {settings.campaign}",
        subtitle=f"One library for {', '.join(elements)} · entromax {package_version('entromax')}",
        campaign=settings.campaign,
        tile=None,
        summary=Summary(
            f"{good} of {len(elements)} passed the scorecard. What follows says where the others are weak. "
            "Each element has a report of its own, report.html in the folder of its name.",
            cards,
            verdicts,
            [overview(loaded)],
        ),
        sections=[section for section in sections if section.blocks],
        footer="Made by entromax. All figures and tables are files below this page, each figure with its data as CSV.",
    )
