"""A sheet of several diagrams; apart from `common.py`: no process whose memory is measured shall load matplotlib."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.style import context as style_context

from entromax.report.kit.style import DPI, SHEET
from entromax.runtime import atomic_path


@contextmanager
def sheet(path: Path, width: float, height: float, dpi: int = DPI) -> Iterator[Figure]:
    """Yield an empty figure of a size in inches, in the style of the reports, and write it to ``path`` (PNG)."""
    with style_context(SHEET):
        drawing = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawing)
        yield drawing
        with atomic_path(path) as temporary:
            drawing.savefig(temporary, dpi=dpi, format="png", metadata={"Software": None})
