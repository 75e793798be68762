"""Active learning: what was chosen, and what it has brought."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.ticker import MaxNLocator

from entromax.report.kit import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    VERMILION,
    Block,
    Cell,
    Section,
    Table,
    embed,
    figure,
    label_logarithmic,
    number,
    present,
)
from entromax.report.results import ElementResults, read_csv

ORIGINS = {"library": BLUE, "dynamics": ORANGE}


def plot_candidates(table: pd.DataFrame, path: str | Path) -> None:
    """Draw the score of every candidate against its energy; the chosen ones are ringed.

    Args:
        table: of ``select_structures``, which has written it beside the picture.
        path: PNG.
    """
    usable = table[(table["excluded"] == "") & (table["score"] > 0)]
    chosen = usable[usable["rank"].notna()]
    with figure(path, None) as axes:
        for origin, colour in ORIGINS.items():
            part = usable[usable["origin"] == origin]
            text = f"{origin} ({len(part)})"
            axes.scatter(part["energy"], 1000 * part["score"], s=16, lw=0, alpha=0.7, color=colour, label=text)
        axes.scatter(
            chosen["energy"], 1000 * chosen["score"],
            s=46, fc="none", ec=INK, lw=1, label=f"chosen ({len(chosen)})",
        )  # fmt: skip
        axes.set_yscale("log")
        label_logarithmic(axes.yaxis)
        axes.set(xlabel="predicted energy above the lowest [eV/atom]", ylabel="score of the committee [meV/atom]")
        axes.legend(loc="best")


def plot_iterations(rows: pd.DataFrame, path: str | Path) -> None:
    """Draw errors on the test set and error bars of the candidates against the number of training labels.

    Args:
        rows: of ``compare_iterations``, which has written them beside the picture.
        path: PNG.
    """
    lines = {
        "energy_rmse": ("test set: RMSE", BLUE, "o", "-"),
        "test_bar": ("test set: mean error bar", BLUE, "s", "--"),
        "batch_energy_rmse": ("chosen structures, before training: RMSE", VERMILION, "o", "-"),
        "chosen_bar": ("chosen structures: mean error bar", VERMILION, "s", "--"),
        "bar_mean": ("all candidates: mean error bar", GREY, "s", "--"),
    }
    with figure(path, None, height=4.6) as axes:
        for column, (text, colour, marker, line) in lines.items():
            part = rows[rows[column].notna()] if column in rows else rows[:0]
            axes.plot(part["labels"], part[column], color=colour, marker=marker, ls=line, lw=1.8, ms=6, label=text)
        axes.set_yscale("log")
        label_logarithmic(axes.yaxis)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel="training labels", ylabel="energy [meV/atom]")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1, fontsize=10)


def section(results: ElementResults) -> Section:
    """Return the section on active learning; it has no blocks when there was none."""
    folder, settings = results.folder, results.settings.active
    curve = read_csv(folder / "active/curve.csv") if settings.iterations else pd.DataFrame()
    lead = (
        f"After each fit of {settings.potential} its committee looked at unlabelled structures of the library and at "
        "hot, compressed and random cells that it had moved itself. Where its members disagreed most, and about "
        "different things, the next labels were made. The chosen structures are only ever trained on: the test set is "
        "the same in all rows."
    )
    if curve.empty:
        return Section("active", "Active learning", lead)
    images = embed(
        folder / "active/curve.png",
        "Errors and error bars against the number of training labels",
        "Errors on the test set, and what the committee said about the structures it had not seen. Chosen structures "
        "that are far worse than the test set were worth their labels.",
    )
    for k in curve["batches"][:-1]:
        images += embed(
            folder / f"active/{k + 1}/candidates.png",
            f"Scores of the candidates of batch {k + 1}",
            f"Batch {k + 1}: all candidates by predicted energy and score; ringed ones were labelled.",
        )
    return Section("active", "Active learning", lead, [Block(table=_table(curve)), *present(images)])


def _table(curve: pd.DataFrame) -> Table:
    columns = (
        *("batches", "labels", "test: energy RMSE [meV/atom]", "force RMSE [eV/Å]", "mean error bar [meV/atom]"),
        *("chosen, library + dynamics", "their error bars [meV/atom]", "their true RMSE [meV/atom]"),
        "runs that stay physical",
    )
    rows: list[Sequence[Cell | str]] = []
    for row in curve.to_dict("records"):
        last = pd.isna(row["runs"])
        rows.append(
            [
                *(str(row[name]) for name in ("batches", "labels")),
                *(number(row[name]) for name in ("energy_rmse", "force_rmse", "test_bar")),
                "–" if last else f"{row['chosen_library']:.0f} + {row['chosen_dynamics']:.0f}",
                *(number(row[name]) for name in ("chosen_bar", "batch_energy_rmse")),
                "–" if last else f"{row['physical']:.0f} of {row['runs']:.0f}",
            ]
        )
    return Table(columns, rows, "Every row is one fit; what it chose became the batch of the next")
