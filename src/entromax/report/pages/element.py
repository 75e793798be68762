"""The report of one element: one self-contained HTML page."""

from pathlib import Path

from ase.data import atomic_names, atomic_numbers

from entromax.config.models import CampaignSettings
from entromax.report.kit import Fact, Summary, Verdict, number, worst, write_page
from entromax.report.pages.verdict import judge
from entromax.report.results import ElementResults, load_element_results
from entromax.report.topics import (
    active,
    eos,
    error_bars,
    errors,
    labels,
    lammps,
    library,
    properties,
    provenance,
    regime,
    robustness,
    scorecard,
    sweep,
    transfer,
)
from entromax.runtime import package_version

TOPICS = (regime, errors, error_bars, sweep, transfer, eos, robustness, lammps, active, properties, labels)
"""Topics of one element, in the order of its report."""


def report_element(
    element: str, settings: CampaignSettings, *, library_folder: str | Path, folder: str | Path, output: str | Path
) -> None:
    """Write the report of one element as one HTML file without outside references.

    Args:
        element: chemical symbol.
        settings: merged configuration; its thresholds colour the lights.
        library_folder: folder ``results/library`` (figures, tables).
        folder: folder ``results/<element>`` (labels, dataset, potentials, validation, figures).
        output: HTML file written.
    """
    results = load_element_results(folder, element, settings)
    sections = [
        *(topic.section(results) for topic in TOPICS),
        library.section(Path(library_folder), settings.library),
        provenance.what_was_run(settings, [element]),
        provenance.section(settings, [element]),
    ]
    number_ = atomic_numbers[element]
    name, version = atomic_names[number_], package_version("entromax")
    write_page(
        output,
        "report.html.j2",
        title=f"{name}: labels, potentials and how far to trust them",
        subtitle=f"Campaign {settings.campaign} · {results.ground_state} ground state · entromax {version}",
        campaign=settings.campaign,
        tile={"number": number_, "symbol": element},
        summary=_summary(results, [judge(results, potential) for potential in results.potentials]),
        sections=[section for section in sections if section.blocks],
        footer="Made by entromax. All figures and tables are files beside this page, each figure with its data as CSV.",
    )


def _summary(results: ElementResults, verdicts: list[Verdict]) -> Summary:
    """Return the opening of the report: a sentence, the largest numbers, scorecard, verdicts."""
    ledger = results.ledger
    hours = float(ledger["seconds"].sum()) / 3600 if "seconds" in ledger else 0.0
    cards = [Fact(f"{results.labelled} of {len(ledger)}", "structures labelled")]
    cards.append(Fact(_hours(hours), "time spent on labels"))
    opening = {
        "green": "The scorecard is passed.",
        "red": "The scorecard is not passed: what fails stands below it, and a user of the potential must know it.",
        "none": "The scorecard is not complete.",
    }[worst(verdict.light for verdict in verdicts).colour]
    return Summary(opening, cards, verdicts, scorecard.blocks(results))


def _hours(hours: float) -> str:
    if hours >= 1:
        return f"{number(hours)} h"
    return f"{number(hours * 60)} min" if hours >= 1 / 60 else f"{number(hours * 3600)} s"
