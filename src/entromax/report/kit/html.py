"""Pieces of a self-contained page: numbers, tables, embedded images, templates."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import PIL.Image
from jinja2 import Environment, PackageLoader, StrictUndefined

from entromax.report.kit.lights import Light
from entromax.report.kit.viewer import Viewer
from entromax.runtime import atomic_path

NOTHING = "–"
COLOURS = 256
"""Of the palette of an embedded picture."""


def number(value: Any, digits: int = 3) -> str:
    """Return a number with ``digits`` significant digits, without exponents where people do not expect them."""
    if value is None or isinstance(value, str):
        return value or NOTHING
    value = float(value)
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if not -4 <= size <= 6:
        mantissa = f"{value / 10.0**size:.{digits - 1}f}"
        return f"{mantissa} × 10^{size}".replace("-", "−")
    return f"{value:,.{max(digits - 1 - size, 0)}f}".replace(",", " ").replace("-", "−")


def signed(value: Any, digits: int = 2) -> str:
    """Return a deviation with its sign."""
    text = number(value, digits)
    return text if text == NOTHING or text.startswith("−") or text == "0" else f"+{text}"


@dataclass(frozen=True)
class Cell:
    """One cell of a table; ``light`` puts a verdict beside the text."""

    text: str
    light: Light | None = None


@dataclass(frozen=True)
class Table:
    """A table: the first column is text, the others numbers; ``wide`` columns hold running text."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    caption: str = ""
    wide: Sequence[int] = ()

    def cells(self) -> list[list[Cell]]:
        """Return the rows with every entry as a :class:`Cell`."""
        return [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in self.rows]


@dataclass(frozen=True)
class Image:
    """A PNG as a data URI with what it shows (``alt``) and what to see in it (``caption``)."""

    uri: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Block:
    """A part of a section: paragraph (muted as a ``note``), table, images, code, structures; ``fold`` hides it."""

    text: str = ""
    table: Table | None = None
    images: Sequence[Image] = ()
    fold: str = ""
    code: str = ""
    note: bool = False
    viewer: Viewer | None = None


@dataclass
class Section:
    """A section of a report; ``blocks`` are shown in order."""

    anchor: str
    title: str
    lead: str
    blocks: list[Block] = field(default_factory=list)


def embed(path: Path, alt: str, caption: str) -> list[Image]:
    """Return the PNG at ``path`` embedded; an absent file gives an empty list, and the page says so elsewhere."""
    if not path.is_file():
        return []
    data = base64.b64encode(_light(path)).decode()
    return [Image(f"data:image/png;base64,{data}", alt, caption)]


def present(images: list[Image]) -> list[Block]:
    """Return a block of images, or none when there are none."""
    return [Block(images=images)] if images else []


def _light(path: Path) -> bytes:
    """Return a picture with a palette: a page must be light enough to mail, and drawings have few colours."""
    data = io.BytesIO()
    with PIL.Image.open(path) as picture:
        # Maximum coverage: the median cut would give rare colours, such as a dot of a legend, to a frequent one.
        palette = picture.convert("RGB").quantize(
            COLOURS, method=PIL.Image.Quantize.MAXCOVERAGE, dither=PIL.Image.Dither.NONE
        )
        palette.save(data, "PNG", optimize=True)
    return data.getvalue()


def write_page(path: str | Path, template: str, **context: Any) -> None:
    """Render a template of ``entromax/report/templates`` to a self-contained HTML file, atomically."""
    environment = Environment(
        loader=PackageLoader("entromax.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template).render(**context)
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
