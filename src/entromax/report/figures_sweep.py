"""Figure and section of a sweep: accuracy against cost."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from entromax.report.html import Block, Section, Table, embed, number
from entromax.report.results import read_csv, read_json
from entromax.report.sections import present
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


def sweep_section(folder: Path, potentials: Sequence[str]) -> Section:
    """Return the section on sweeps: what was tried, what was chosen and why.

    Args:
        folder: results of the element.
        potentials: names of its potentials.

    Returns:
        A section without blocks when there was no sweep.
    """
    blocks: list[Block] = []
    columns = ("combination", "energy RMSE [meV/atom]", "force RMSE [eV/Å]", "µs per atom and step", "score")
    keys = ("energy_rmse", "force_rmse", "microseconds", "score")
    for name in potentials:
        table, chosen = read_csv(folder / "sweeps" / f"{name}.csv"), read_json(folder / "sweeps" / f"{name}.json")
        if table.empty or not chosen:
            continue
        rows = [[str(row["point"]), *(number(row[key]) for key in keys)] for row in table.to_dict("records")]
        images = embed(
            folder / "sweeps" / f"{name}.png", f"Sweep of {name}: error against cost", f"{name}: the choice."
        )
        text = f"{name}: taken is {chosen['chosen']}, the {chosen['reason']}."
        blocks += [Block(text=text, table=Table(columns, rows)), *present(images)]
    return Section("sweep", "Choice of settings", "Errors on the validation set and cost of every combination.", blocks)
