"""The scorecard: every row with its light, what fails, one line for a table of many potentials."""

from collections.abc import Sequence

from entromax.report.kit import Block, Cell, Finding, Light, Table, number, worst
from entromax.report.kit.html import NOTHING
from entromax.report.results import ElementResults, PotentialResults
from entromax.validation.scorecard import METRICS, Row

PLACES = 4
"""Significant digits shown: a volume may be wrong by 1.5 %."""
DIGITS = 4
"""Decimals of the values shown: the acoustic modes at Γ are zero but for rounding errors."""
EXPLANATION = (
    "A potential passes when no row fails and none is missing that is needed. Each value is held against the best "
    "reference known: published PBE, else a tight label, else experiment, else the labels of this campaign."
)


def light_of(row: Row) -> Light:
    """Return the verdict on a row."""
    return Light("none") if row.passes is None else Light("green") if row.passes else Light("red")


def blocks(results: ElementResults) -> list[Block]:
    """Return the scorecards of all potentials of an element in one table, and where the references come from."""
    judged = {one.name: one.scorecard for one in results.potentials if one.scorecard is not None}
    if not judged:
        return []
    cards = {name: {(row.metric, row.quantity): row for row in card.rows} for name, card in judged.items()}
    known: dict[tuple[str, str], Row] = {}
    for metric in METRICS:
        known |= {key: row for card in cards.values() for key, row in card.items() if key[0] == metric}
    rows: list[Sequence[Cell | str]] = [
        [_label(row), number(row.reference, PLACES), row.threshold, *(_cell(card.get(key)) for card in cards.values())]
        for key, row in known.items()
    ]
    names = [f"{name}: {'passes' if card.passed else 'does not pass'}" for name, card in judged.items()]
    sources = "; ".join(dict.fromkeys(row.source for row in known.values() if row.source))
    return [
        Block(table=Table(("quantity", "reference", "allowed", *names), rows, "Scorecard")),
        Block(text=f"{EXPLANATION} References: {sources or 'none'}.", note=True),
    ]


def findings(_: ElementResults, potential: PotentialResults) -> list[Finding]:
    """Return what fails, and what is missing."""
    card = potential.scorecard
    if card is None:
        return []
    failing = [Finding(Light("red"), f"{_label(row)}: {_failure(row)}.") for row in card.failing]
    return failing + [Finding(Light("none"), f"{_label(row)}: {row.reason}.") for row in card.missing]


def line(potential: PotentialResults) -> list[Cell]:
    """Return one cell per metric: how many of its rows pass."""
    rows = [] if potential.scorecard is None else potential.scorecard.rows
    return [_count([row for row in rows if row.metric == metric]) for metric in METRICS]


def _count(rows: Sequence[Row]) -> Cell:
    decided = [row for row in rows if row.passes is not None]
    needed = [row for row in rows if row.passes is not None or row.required]
    if not needed:
        return Cell(NOTHING)
    return Cell(f"{sum(bool(row.passes) for row in decided)} of {len(needed)}", worst(map(light_of, needed)))


def _label(row: Row) -> str:
    unit = "" if row.unit == "1" else f" [{row.unit}]"
    title = METRICS[row.metric].title
    return f"{title}{unit}" if row.quantity == title else f"{title}: {row.quantity}{unit}"


def _cell(row: Row | None) -> Cell:
    if row is None:
        return Cell(NOTHING)
    missing = "no value" if row.passes is False else row.reason
    text = missing if row.potential is None else number(round(row.potential, DIGITS), PLACES)
    return Cell(text, light_of(row) if row.passes is not None or row.required else None)


def _failure(row: Row) -> str:
    if row.potential is None:
        return row.reason
    against = "" if row.reference is None else f" against {number(row.reference)} ({row.source})"
    return f"{number(row.potential)}{against}, allowed is {row.threshold}"
