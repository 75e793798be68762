"""Figure of error bars: how many true errors they cover."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from entromax.report.style import BLUE, INK, VERMILION, figure

COLOURS = {"energy": BLUE, "forces": VERMILION}


def plot_error_bars(rows: pd.DataFrame, path: str | Path) -> None:
    """Draw the part of the true errors inside the intervals of every nominal probability; ideal is the diagonal.

    Args:
        rows: from ``entromax.validation.error_bars.validate_error_bars``.
        path: PNG file; the errors and bars are written beside it (CSV).
    """
    nominal = np.linspace(0, 0.99, 100)
    widths = norm.ppf(0.5 + nominal / 2)
    with figure(path, rows) as axes:
        axes.plot([0, 1], [0, 1], color=INK, lw=1)
        for quantity, part in rows.groupby("quantity"):
            ratio = (part["error"].abs() / part["bar"]).to_numpy()
            covered = [float(np.mean(ratio <= width)) for width in widths]
            axes.plot(nominal, covered, color=COLOURS[str(quantity)], label=f"{quantity} ({len(part)})")
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="promised probability", ylabel="part of the errors inside")
        axes.legend(loc="upper left")
