"""What a topic says about a potential: numbers that the thresholds of the configuration judge, and sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from entromax.report.kit.html import NOTHING, Block, number, signed
from entromax.report.kit.lights import Light, light


@dataclass(frozen=True)
class Finding:
    """One sentence with its verdict."""

    light: Light
    text: str


@dataclass(frozen=True)
class Headline:
    """A number that a threshold judges: a row in the report of its element, a column in that of the campaign.

    Attributes:
        quantity: what it is, in a row.
        heading: the same, above a column.
        unit: of value and limits.
        value: None where there is no such number.
        limits: green up to the first, amber up to the second.
        is_deviation: it is shown with its sign.
        impossible: why there can be no value, which is red; empty otherwise.
        of_potential: it counts in the verdict on the potential.
    """

    quantity: str
    heading: str
    unit: str
    value: float | None
    limits: Sequence[float]
    is_deviation: bool = False
    impossible: str = ""
    of_potential: bool = True

    @property
    def light(self) -> Light:
        """Verdict on the value."""
        return Light("red") if self.impossible else light(self.value, self.limits)

    @property
    def text(self) -> str:
        """Value without unit."""
        return self.impossible or (signed if self.is_deviation else number)(self.value)

    @property
    def text_with_unit(self) -> str:
        """Value with unit, where there is a value."""
        return self.text if self.text in (self.impossible, NOTHING) else f"{self.text} {self.unit}"


@dataclass(frozen=True)
class Verdict:
    """What a reader should take away about one potential."""

    light: Light
    title: str
    findings: list[Finding]
    note: str


@dataclass(frozen=True)
class Fact:
    """A number in large print, and what it is."""

    value: str
    label: str


@dataclass(frozen=True)
class Summary:
    """How a page begins: a sentence, the largest numbers, verdicts, tables."""

    lead: str
    cards: Sequence[Fact] = ()
    verdicts: Sequence[Verdict] = ()
    blocks: Sequence[Block] = ()
