"""Active learning: what was chosen, and what it has brought."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.ticker import MaxNLocator

from entromax.report.kit import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
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

ORIGINS = {"relaxed": GREEN, "distorted": VERMILION, "vacancy": PURPLE, "library": BLUE, "dynamics": ORANGE}
LEADS = {
    "low_energy": "Cells of the library were relaxed by the fit; low ones, unlike each other, were labelled.",
    "near_equilibrium": "The crystals that came out lowest were strained and their atoms displaced; some may "
    "lack an atom.",
    "uncertain": "Of the rest of the library, and of hot, compressed and random cells moved by the fit, those were "
    "labelled that would make it most certain of what lies low for its volume.",
}
"""What is said about the pools that a campaign draws from."""


def plot_candidates(table: pd.DataFrame, path: str | Path) -> None:
    """Draw the predicted energy of every candidate against its volume; the chosen ones are ringed.

    Args:
        table: of ``select_structures``, which has written it beside the picture.
        path: PNG.
    """
    usable = table[table["excluded"] == ""]
    chosen = usable[usable["rank"].notna()]
    with figure(path, None) as axes:
        for origin, colour in ORIGINS.items():
            part = usable[usable["origin"] == origin]
            if len(part):
                text = f"{origin} ({len(part)})"
                axes.scatter(part["volume"], part["energy"], s=16, lw=0, alpha=0.7, color=colour, label=text)
        axes.scatter(
            chosen["volume"], chosen["energy"],
            s=46, fc="none", ec=INK, lw=1, label=f"chosen ({len(chosen)})",
        )  # fmt: skip
        # Extreme candidates would press all that is chosen into a line.
        top = max(1.0, 1.1 * float(chosen["energy"].max())) if len(chosen) else 1.0
        axes.set_ylim(min(-0.05, float(usable["energy"].min(skipna=True)) if len(usable) else 0.0) - 0.02, top)
        axes.set(xlabel="volume [Å³/atom]", ylabel="predicted energy [eV/atom]")
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
    pools = [text for pool, text in LEADS.items() if getattr(settings.shares, pool)]
    lead = " ".join(
        (f"After each fit of {settings.potential} it named the structures to label next.", *pools,
         "They are only ever trained on: the test set is the same in all rows."),
    )  # fmt: skip
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
            f"Candidates of batch {k + 1}",
            f"Batch {k + 1}: candidates by volume and predicted energy above the lowest label; ringed: labelled.",
        )
    return Section("active", "Active learning", lead, [Block(table=_table(curve)), *present(images)])


def _table(curve: pd.DataFrame) -> Table:
    columns = (
        *("batches", "labels", "test: energy RMSE [meV/atom]", "force RMSE [eV/Å]", "mean error bar [meV/atom]"),
        *("chosen", "their error bars [meV/atom]", "their true RMSE [meV/atom]"),
        "runs that stay physical",
    )
    rows: list[Sequence[Cell | str]] = []
    for row in curve.to_dict("records"):
        last = pd.isna(row["runs"])
        rows.append(
            [
                *(str(row[name]) for name in ("batches", "labels")),
                *(number(row[name]) for name in ("energy_rmse", "force_rmse", "test_bar")),
                "–" if last else _chosen(row),
                *(number(row[name]) for name in ("chosen_bar", "batch_energy_rmse")),
                f"{row['physical']:.0f} of {row['runs']:.0f}" if row["runs"] > 0 else "–",
            ]
        )
    return Table(columns, rows, "Every row is one fit; what it chose became the batch of the next")


def _chosen(row: Mapping[Hashable, Any]) -> str:
    """Return where the structures of a batch came from, such as ``14 relaxed + 10 distorted``."""
    return " + ".join(f"{row[f'chosen_{origin}']:.0f} {origin}" for origin in ORIGINS if row[f"chosen_{origin}"])
