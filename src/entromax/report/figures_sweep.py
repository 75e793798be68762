"""Figure of a sweep: accuracy against cost."""

from pathlib import Path

import numpy as np
import pandas as pd

from entromax.report.style import BLUE, GREY, VERMILION, figure


def plot_sweep(rows: pd.DataFrame, path: str | Path) -> None:
    """Draw the score of every potential of a sweep against its cost, the Pareto front as a line.

    Args:
        rows: from ``entromax.validation.sweep.compare_sweep``.
        path: PNG file; the table has been written by ``choose_potential``.
    """
    rows = rows[np.isfinite(rows["score"])]
    front, chosen = rows[rows["pareto"]], rows[rows["chosen"]].iloc[0]
    with figure(path, None) as axes:
        axes.scatter(rows["microseconds"], rows["score"], color=GREY, s=18, label="combinations")
        axes.plot(front["microseconds"], front["score"], color=BLUE, marker="o", markersize=4, label="Pareto front")
        axes.scatter(
            chosen["microseconds"], chosen["score"], color=VERMILION, s=60, marker="*", zorder=3, label="chosen"
        )
        axes.annotate(
            str(chosen["point"]).replace("_", "\n"),
            (chosen["microseconds"], chosen["score"]),
            xytext=(8, 8),
            textcoords="offset points",
            fontsize=7,
        )
        axes.set(xlabel="CPU time per atom and step [µs]", ylabel="error over smallest [1]")
        axes.set_xlim(left=0)
        axes.legend()
