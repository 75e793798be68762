"""What topics and pages are made of: pieces of a page, lights and findings, the look of figures."""

from entromax.report.kit.findings import Fact, Finding, Summary, Verdict
from entromax.report.kit.html import Block, Cell, Image, Section, Table, embed, number, present, signed, write_page
from entromax.report.kit.lights import Light, light, worst
from entromax.report.kit.style import (
    BLUE,
    COLOURS,
    CRYSTAL_COLOURS,
    CRYSTAL_MARKERS,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    VERMILION,
    figure,
    label_logarithmic,
    say_nothing_to_draw,
)
from entromax.report.kit.viewer import Viewer, view

__all__ = [
    "BLUE",
    "COLOURS",
    "CRYSTAL_COLOURS",
    "CRYSTAL_MARKERS",
    "GREEN",
    "GREY",
    "INK",
    "ORANGE",
    "PALE",
    "PURPLE",
    "VERMILION",
    "Block",
    "Cell",
    "Fact",
    "Finding",
    "Image",
    "Light",
    "Section",
    "Summary",
    "Table",
    "Verdict",
    "Viewer",
    "embed",
    "figure",
    "label_logarithmic",
    "light",
    "number",
    "present",
    "say_nothing_to_draw",
    "signed",
    "view",
    "worst",
    "write_page",
]
