"""Errors on structures with labels: parity, where the error sits, what is wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from entromax.report.kit import (
    COLOURS,
    INK,
    Block,
    Finding,
    Light,
    Section,
    Table,
    embed,
    figure,
    label_logarithmic,
    number,
    present,
    say_nothing_to_draw,
)
from entromax.report.results import Card, ElementResults, PotentialResults
from entromax.validation.errors import DISTANCE

MAX_POINTS = 6000
"""Force components drawn; more would only blacken the figure."""
SPLITS = ("train", "validation", "test")
OVERFITTED = 3.0
"""Errors on unseen structures larger than so many times those on known ones are worth a word."""
ENERGY_BINS = "energy above lowest [eV/atom]"


def plot_errors(files: Mapping[str, str | Path]) -> None:
    """Draw the errors of a potential.

    Args:
        files: read ``structures``, ``bins`` (CSV) and ``forces`` (parquet) of ``validate_errors``; write
            ``energy_parity``, ``force_parity``, ``binned`` and ``by_distance`` (PNG).
    """
    plot_energy_parity(pd.read_csv(files["structures"]), files["energy_parity"])
    plot_force_parity(pd.read_parquet(files["forces"]), files["force_parity"])
    bins = pd.read_csv(files["bins"])
    plot_binned_errors(bins, files["binned"])
    plot_errors_by_distance(bins, files["by_distance"])


def _parity(axes: Axes, table: pd.DataFrame, unit: str) -> None:
    finite = table[np.isfinite(table["reference"]) & np.isfinite(table["potential"])]
    low, high = float(finite["reference"].min()), float(finite["reference"].max())
    margin = 0.05 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color=INK, lw=1, zorder=1)
    size = 14 if len(finite) < 1000 else 6
    for split in SPLITS:
        part = finite[finite["split"] == split]
        if len(part):
            outside = ((part["potential"] < limits[0]) | (part["potential"] > limits[1])).sum()
            label = f"{split} ({len(part)}" + (f", {outside} outside)" if outside else ")")
            shown = part["potential"].clip(*limits)
            axes.scatter(
                part["reference"], shown, s=size, lw=0, alpha=0.65, color=COLOURS[split], label=label, zorder=2
            )
    axes.set(xlim=limits, ylim=limits, xlabel=f"reference [{unit}]", ylabel=f"potential [{unit}]")
    axes.legend(loc="upper left", markerscale=2, handletextpad=0.2, borderpad=0)


def plot_energy_parity(structures: pd.DataFrame, path: str | Path) -> None:
    """Draw potential against reference energies above the lowest structure [eV/atom], from the table of ``predict``.

    Predictions outside the range of the labels are drawn on its border and counted in the legend.
    """
    zero = structures["energy_reference"].min()
    table = pd.DataFrame(
        {
            "split": structures["split"],
            "sid": structures["sid"],
            "reference": structures["energy_reference"] - zero,
            "potential": structures["energy_potential"] - zero,
        }
    )
    with figure(path, table, height=4.6) as axes:
        _parity(axes, table, "eV/atom")


def plot_force_parity(forces: pd.DataFrame, path: str | Path) -> None:
    """Draw potential against reference force components [eV/Å]; at most ``MAX_POINTS`` of them, evenly thinned."""
    stride = -(-len(forces) // MAX_POINTS)
    table = forces.iloc[::stride]
    with figure(path, table, height=4.6) as axes:
        _parity(axes, table, "eV/Å")


def plot_binned_errors(bins: pd.DataFrame, path: str | Path) -> None:
    """Draw the energy RMSE of training and test structures by their energy above the lowest."""
    _draw_bins(bins, path, ENERGY_BINS, "energy_rmse", "energy RMSE [meV/atom]", ("train", "test"))


def plot_errors_by_distance(bins: pd.DataFrame, path: str | Path) -> None:
    """Draw the force RMSE of structures that no fit has seen by their distance to the training set."""
    _draw_bins(bins, path, DISTANCE, "force_rmse", "force RMSE [eV/Å]", ("test", "conventional"))


def _draw_bins(
    bins: pd.DataFrame, path: str | Path, name: str, column: str, label: str, splits: tuple[str, str]
) -> None:
    """Draw one error of two sets bin by bin."""
    table = bins[(bins["by"] == name) & bins["split"].isin(splits)]
    table = table[["split", "bin", "low", "structures", "energy_rmse", "force_rmse"]]
    labels = table.sort_values("low").drop_duplicates("bin")["bin"].tolist()
    shown = [split for split in splits if (table["split"] == split).any()]
    # Perfect crystals have forces of rounding errors: three decades show all that matters.
    floor = 1e-3 * float(table[column].max()) if len(table) else 0.0
    with figure(path, table) as axes:
        if not shown:
            say_nothing_to_draw(axes, "no structures")
            return
        for k, split in enumerate(shown):
            part = table[table["split"] == split].set_index("bin").reindex(labels)
            x = np.arange(len(labels)) + (k - (len(shown) - 1) / 2) * 0.38
            bars = axes.bar(x, part[column].clip(lower=floor), width=0.36, color=COLOURS[split], label=split)
            counts = ["" if np.isnan(n) else f"{n:.0f}" for n in part["structures"]]
            axes.bar_label(bars, labels=counts, fontsize=9.5, padding=2, color="#4A5560")
        if (table[column] > 1e-6).any():  # a reference tested against itself has no errors
            axes.set_yscale("log")
            label_logarithmic(axes.yaxis)
            axes.set_ylim(max(axes.get_ylim()[0], 0.7 * floor), 1.5 * axes.get_ylim()[1])
        axes.set_xticks(range(len(labels)), [text.replace(" – ", "–") for text in labels])
        axes.grid(axis="x", visible=False)
        axes.set(xlabel=name, ylabel=label)
        axes.legend(title="number on a bar: structures", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def findings(_: ElementResults, potential: PotentialResults) -> list[Finding]:
    """Return what is wrong with its errors on labelled structures, beside what the scorecard says."""
    found = []
    for split, numbers in potential.errors.items():
        if numbers.not_finite:
            text = f"For {numbers.not_finite} structures of the {split} set it gives no finite energy or forces."
            found.append(Finding(Light("red"), text))
    test, train = potential.errors.get("test"), potential.errors.get("train")
    if test is None or train is None:
        return found
    pairs = (("energies", test.energy_rmse, train.energy_rmse), ("forces", test.force_rmse, train.force_rmse))
    for label, unseen, known in pairs:
        if unseen and known and unseen > OVERFITTED * known:
            text = f"Its {label} are {unseen / known:.1f} times worse on unseen structures than on those it knows: "
            found.append(Finding(Light("amber"), text + "more labels should help."))
    return found


def section(results: ElementResults) -> Section:
    """Return the section on errors with all potentials of the element."""
    blocks = [block for one in results.potentials for block in _blocks(one, results.prefix(one))]
    return Section(
        "errors",
        "Errors",
        "Energies and forces against the labels. The test set was never seen in training; only it says how the "
        "potential does on structures of the same kind.",
        blocks,
    )


def _blocks(potential: PotentialResults, prefix: str) -> list[Block]:
    """Return errors by split, parity, and where the error sits."""
    if not potential.errors:
        return []
    rows: list[Sequence[str]] = []
    for split, one in potential.errors.items():
        rows.append(
            [
                split,
                str(one.structures),
                number(one.energy_rmse),
                number(one.energy_mae),
                number(one.force_rmse),
                number(one.force_mae),
                number(one.stress_rmse),
            ]
        )
    errors = ("energy RMSE [meV/atom]", "energy MAE", "force RMSE [eV/Å]", "force MAE", "stress RMSE [GPa]")
    columns = ("set", "structures", *errors)
    images = embed(
        potential.folder / "parity_energy.png",
        "Energy of the potential against the labels",
        "Energies above the lowest structure. On the line is right; predictions outside the window sit on its edge.",
    )
    images += embed(potential.folder / "parity_force.png", "Force components against the labels", "Force components.")
    images += embed(
        potential.folder / "errors_energy.png",
        "Energy error by energy above the lowest structure",
        "Where the error sits. Structures far above the ground state matter less at low temperature.",
    )
    images += embed(
        potential.folder / "errors_distance.png",
        "Force error by distance to the training set",
        "Force errors of unseen structures by how far their strangest atom is from everything in the training set.",
    )
    fitted = f"{prefix}{how_fitted(potential.card)}" if potential.card else ""
    fine = Block(
        fold="Errors by energy, volume, size, distance to the training set and kind", table=bins_table(potential.bins)
    )
    return [
        Block(text=fitted, note=True, table=Table(columns, rows, f"{prefix}errors by set")),
        *present(images),
        *([fine] if len(potential.bins) else []),
    ]


def how_fitted(card: Card) -> str:
    """Return what the card of a potential tells about its fit, in a sentence."""
    units = card.facts.get("hidden_units", 0)
    kind = f", with {units} hidden units" if units else ""
    text = f"Fitted to {card.training_structures} structures in {number(card.fit_seconds)} s{kind}"
    scores = {int(tried): score for tried, score in card.facts.get("left_out_scores", {}).items()}
    if len(scores) < 2:
        return f"{text}."
    most = max(scores)
    ratio = number(scores[most] / scores[min(scores)], 2)
    return f"{text}: errors of left-out structures with {most} hidden units are {ratio} times those without."


def bins_table(bins: pd.DataFrame) -> Table:
    """Return the errors of the sets that no fit has seen, bin by bin."""
    part = bins[bins["split"].isin(("test", "conventional"))] if len(bins) else bins
    several = part["split"].nunique() > 1
    rows = [
        (
            f"{row['split'] + ', ' if several else ''}{row['by']}: {row['bin']}",
            *(str(row["structures"]), number(row["energy_rmse"]), number(row["force_rmse"])),
        )
        for row in part.to_dict("records")
    ]
    return Table(("unseen structures", "structures", "energy RMSE [meV/atom]", "force RMSE [eV/Å]"), rows)
