"""One look for all figures: legible at 400 px, safe for colour-blind readers, the same colour for the same concept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.style import context as style_context

from entromax.runtime import atomic_path

# Okabe and Ito's palette, which stays distinct under all common colour-vision deficiencies.
BLUE, SKY, GREEN, ORANGE, VERMILION, PURPLE, YELLOW = (
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#E69F00",
    "#D55E00",
    "#CC79A7",
    "#F0E442",
)
INK, GREY, PALE = "#1B2A38", "#8A949E", "#E3E7EB"

COLOURS = {
    "maximised": BLUE,
    "random": GREY,
    "reference": INK,
    "potential": VERMILION,
    "wien2k": GREEN,
    "experiment": PURPLE,
    "train": SKY,
    "validation": ORANGE,
    "test": BLUE,
    "conventional": ORANGE,
    "converged": GREEN,
    "unconverged": ORANGE,
    "timeout": YELLOW,
    "crashed": VERMILION,
    "rejected": GREY,
}
CRYSTAL_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, INK, GREY)
CRYSTAL_MARKERS = {"fcc": "o", "bcc": "s", "hcp": "h", "sc": "D", "diamond": "^", "graphite": "v", "A7": "P", "A8": "X"}

WIDTH, HEIGHT, DPI = 5.4, 3.7, 170

SHEET = Path(__file__).parents[1] / "templates" / "entromax.mplstyle"


@contextmanager
def figure(path: str | Path, data: pd.DataFrame | None, *, height: float = HEIGHT) -> Iterator[Axes]:
    """Yield axes; at the end write the figure to ``path`` (PNG) and what it was drawn from to a CSV file beside it.

    Args:
        path: PNG file; the table gets the same name with ``.csv``.
        data: the numbers drawn; None when they already stand beside the figure.
        height: inches; all figures have the same width.
    """
    with style_context(SHEET):
        drawing = Figure(figsize=(WIDTH, height), layout="constrained")
        FigureCanvasAgg(drawing)
        yield drawing.add_subplot()
        if data is not None:
            with atomic_path(Path(path).with_suffix(".csv")) as temporary:
                data.to_csv(temporary, index=False)
        with atomic_path(path) as temporary:
            drawing.savefig(temporary, dpi=DPI, format="png", metadata={"Software": None})


def say_nothing_to_draw(axes: Axes, why: str) -> None:
    """Write why a figure is empty into it: an absent curve must not look like a forgotten one."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes, wrap=True, color="#4A5560")


def label_logarithmic(axis: Axis) -> None:
    """Label a logarithmic axis as people write numbers (0.5, 20, 300), minor ticks only where they stand apart."""
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
