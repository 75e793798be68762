"""What a topic says about a potential, and how a page begins."""

from collections.abc import Sequence
from dataclasses import dataclass

from entromax.report.kit.html import Block
from entromax.report.kit.lights import Light


@dataclass(frozen=True)
class Finding:
    """One sentence with its verdict."""

    light: Light
    text: str


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
