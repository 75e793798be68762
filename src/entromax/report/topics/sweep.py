"""Sweeps: accuracy of every combination of settings against its cost, and which was taken."""

from pathlib import Path

import numpy as np
import pandas as pd

from entromax.report.kit import BLUE, GREY, VERMILION, Block, Section, Table, embed, figure, number, present
from entromax.report.results import ElementResults, Written, read_csv, read_written


class Choice(Written):
    """What ``choose_potential`` took, and why."""

    chosen: str
    reason: str


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


def section(results: ElementResults) -> Section:
    """Return the section on sweeps: what was tried, what was taken and why; it has no blocks when there was none."""
    folder = results.folder / "sweeps"
    blocks: list[Block] = []
    columns = ("combination", "energy RMSE [meV/atom]", "force RMSE [eV/Å]", "µs per atom and step", "score")
    keys = ("energy_rmse", "force_rmse", "microseconds", "score")
    for name in (potential.name for potential in results.potentials):
        table, choice = read_csv(folder / f"{name}.csv"), read_written(folder / f"{name}.json", Choice)
        if table.empty or choice is None:
            continue
        rows = [[str(row["point"]), *(number(row[key]) for key in keys)] for row in table.to_dict("records")]
        images = embed(folder / f"{name}.png", f"Sweep of {name}: error against cost", f"{name}: the choice.")
        text = f"{name}: taken is {choice.chosen}, the {choice.reason}."
        blocks += [Block(text=text, table=Table(columns, rows)), *present(images)]
    return Section("sweep", "Choice of settings", "Errors on the validation set and cost of every combination.", blocks)
