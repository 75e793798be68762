"""Error bars: how many true errors they cover."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from entromax.report.kit import BLUE, INK, VERMILION, Block, Section, Table, embed, figure, number, present
from entromax.report.results import ElementResults

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


def section(results: ElementResults) -> Section:
    """Return the section on error bars; it has no blocks when no potential has any."""
    rows, images = [], []
    unscaled, promised = [], []
    for potential in results.potentials:
        name = potential.name
        for quantity, one in potential.error_bars.items():
            values = map(number, (one.n, one.rmse, one.mean_bar, one.spearman))
            covered = [f"{number(100 * part)} %" for part in one.coverage.values()]
            rows.append([f"{name}: {quantity} [{one.unit}]", *values, *covered])
            promised = [f"inside {100 * float(level):.3g} %" for level in one.coverage]
        if potential.error_bars and not (potential.card and potential.card.calibrated):
            unscaled.append(name)
        picture = potential.folder / "error_bars.png"
        images += embed(picture, f"Coverage of the error bars of {name}", f"{name}: coverage.")
    lead = (
        "Some families give every energy and force an error bar, scaled on structures that the fit had left out. Here "
        "the bars meet the true errors of the test set: the part of them inside intervals that promise to hold 50 to "
        "95 %; and the rank correlation (Spearman) of bar and error: whether large bars warn of large errors."
    )
    if unscaled:
        lead += (
            f" Those of {', '.join(unscaled)} are not scaled, and so too small as a rule: there was no validation set "
            "(dataset.validation_fraction)."
        )
    columns = ("error bars", "number", "RMSE", "mean bar", "Spearman", *promised) if rows else ()
    blocks = [Block(table=Table(columns, rows)), *present(images)] if rows else []
    return Section("error_bars", "Error bars", lead, blocks)
