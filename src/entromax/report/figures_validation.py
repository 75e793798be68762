"""Figures of what a potential was tested on: parity, errors by energy, E(V), robustness."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.patches import Rectangle

from entromax.report.style import (
    COLOURS,
    CRYSTAL_COLOURS,
    CRYSTAL_MARKERS,
    GREY,
    INK,
    figure,
    label_logarithmic,
    say_nothing_to_draw,
)
from entromax.validation.errors import DISTANCE

MAX_POINTS = 6000
"""Force components drawn; more would only blacken the figure."""
SPLITS = ("train", "validation", "test")
STATE_COLOURS = {"physical": "#A6DBC8", "failed": "#F2B391", "skipped": "#E3E7EB"}
STATE_MARKS = {"physical": "✓", "failed": "✗", "skipped": "–"}


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
    _draw_bins(bins, path, "energy above lowest [eV/atom]", "energy_rmse", "energy RMSE [meV/atom]", ("train", "test"))


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


def _draw_crystal(axes: Axes, curves: pd.DataFrame, name: str, colour: str) -> None:
    """Draw one crystal: reference as markers, potential as a line, its wide scan as a thin one."""
    of = curves[curves["crystal"] == name]
    reference, own, wide = (
        of[(of["source"] == source) & (of["kind"] == kind)].sort_values("volume")
        for source, kind in (("reference", "points"), ("potential", "points"), ("potential", "wide"))
    )
    # The scan is coarse: without the points between, its chords would cross the curve.
    scan = pd.concat([own, wide]).sort_values("volume")
    axes.plot(scan["volume"], scan["energy"], color=colour, lw=0.9, alpha=0.6, zorder=1)
    axes.plot(own["volume"], own["energy"], color=colour, lw=2.2, zorder=2)
    marker = CRYSTAL_MARKERS.get(name, "o")
    axes.plot(
        reference["volume"], reference["energy"], marker, ms=6.5, mfc="white", mec=colour, mew=1.6, label=name, zorder=4
    )  # fmt: skip


def plot_ground_state(curves: pd.DataFrame, path: str | Path, *, ground_state: str) -> None:
    """Draw E(V) of the ground state near its minimum, with published curves, energies in meV/atom."""
    table = curves[curves["crystal"] == ground_state].assign(energy=1000 * curves["energy"])
    points = table[table["kind"] == "points"]
    with figure(path, table, height=4.2) as axes:
        if points.empty:
            say_nothing_to_draw(axes, f"{ground_state} was not labelled")
            return
        for source, style in (("wien2k", (0, (5, 2))), ("experiment", (0, (1, 1.5)))):
            part = table[table["source"] == source]
            if len(part):
                label = "WIEN2k PBE" if source == "wien2k" else source
                axes.plot(
                    part["volume"], part["energy"], color=COLOURS[source], ls=style, lw=1.8, label=label, zorder=3
                )
        _draw_crystal(axes, table.assign(crystal="reference"), "reference", COLOURS["reference"])
        lines = axes.get_lines()[-3:-1]
        for line in lines:
            line.set_color(COLOURS["potential"])
        lines[-1].set_label("potential")
        reference = points[points["source"] == "reference"]
        width = reference["volume"].max() - reference["volume"].min()
        high = max(points["energy"].max(), 10.0)
        axes.set_xlim(reference["volume"].min() - 0.15 * width, reference["volume"].max() + 0.15 * width)
        axes.set_ylim(min(points["energy"].min(), 0) - 0.08 * high, 1.4 * high)
        axes.set(xlabel="volume [Å³/atom]", ylabel="energy above the minimum [meV/atom]")
        axes.legend(loc="upper center", ncols=2)


def plot_eos(curves: pd.DataFrame, path: str | Path) -> None:
    """Draw E(V) of every labelled crystal: reference as markers, potential as lines, its wide scan as thin lines."""
    points = curves[curves["kind"] == "points"]
    with figure(path, None, height=4.2) as axes:
        if points.empty:
            say_nothing_to_draw(axes, "no labelled crystals")
            return
        for k, name in enumerate(points["crystal"].unique()):
            _draw_crystal(axes, curves, str(name), CRYSTAL_COLOURS[k % len(CRYSTAL_COLOURS)])
        reference = points.loc[points["source"] == "reference", "energy"]
        # A potential that is far off shall be seen to be off, but not squeeze the reference into a line.
        low, reach = reference.min(), 3 * max(float(np.ptp(reference)), 0.02)
        high = min(points["energy"].max(), low + reach)
        low = max(points["energy"].min(), low - reach)
        pad = 0.12 * max(high - low, 0.02)
        width = points["volume"].max() - points["volume"].min()
        axes.set_xlim(points["volume"].min() - 0.15 * width, points["volume"].max() + 0.15 * width)
        axes.set_ylim(low - pad, high + 3 * pad)
        axes.set(xlabel="volume [Å³/atom]", ylabel="energy above ground state [eV/atom]")
        axes.legend(ncols=3, loc="upper center", columnspacing=1.2, handlelength=1.6)


def draw_robustness(axes: Axes, runs: pd.DataFrame) -> None:
    """Draw a map of the hot runs: what happened at each temperature and compression, and how long runs survived."""
    hot = runs[runs["kind"] == "hot"]
    temperatures = sorted(hot["temperature"].unique())
    compressions = sorted(hot["compression"].unique(), reverse=True)
    for (compression, temperature), part in hot.groupby(["compression", "temperature"]):
        x, y = temperatures.index(temperature), compressions.index(compression)
        colour, text = _fate(part)
        axes.add_patch(Rectangle((x - 0.47, y - 0.45), 0.94, 0.9, color=colour, lw=0))
        axes.text(x, y, text, ha="center", va="center", fontsize=10, linespacing=1.3)
    axes.set_xlim(-0.5, len(temperatures) - 0.5)
    axes.set_ylim(len(compressions) - 0.5, -0.5)
    axes.set_xticks(range(len(temperatures)), [f"{t:g} K" for t in temperatures])
    axes.set_yticks(range(len(compressions)), [f"{c:g}" for c in compressions])
    axes.set(xlabel="temperature", ylabel="volume / equilibrium")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.spines["bottom"].set_color(GREY)


def _fate(part: pd.DataFrame) -> tuple[str, str]:
    """Return colour and words for the runs at one temperature and compression."""
    failed, tested = part[part["state"] == "failed"], part[part["state"] != "skipped"]
    if tested.empty:
        return STATE_COLOURS["skipped"], f"{STATE_MARKS['skipped']} skipped"
    state = "failed" if len(failed) else "physical"
    blend = LinearSegmentedColormap.from_list("fate", [STATE_COLOURS["physical"], STATE_COLOURS["failed"]])
    colour = to_hex(blend(len(failed) / len(tested)))
    if len(failed):
        count = "failed" if len(tested) == 1 else f"{len(failed)} of {len(tested)} fail"
        return colour, f"{STATE_MARKS[state]} {count}\nafter {_duration(failed['time'].median())}"
    count = "physical" if len(tested) == 1 else f"{len(tested)} of {len(tested)}"
    return (
        colour,
        f"{STATE_MARKS[state]} {count}\n{_duration(tested['time'].min())}\nmin {tested['closest'].min():.2f} Å",
    )


def plot_robustness(runs: pd.DataFrame, path: str | Path) -> None:
    """Draw the map of the hot runs."""
    with figure(path, None, height=1.5 + 0.85 * runs["compression"].nunique()) as axes:
        draw_robustness(axes, runs)


def _duration(femtoseconds: float) -> str:
    return f"{femtoseconds / 1000:.2g} ps" if femtoseconds >= 1000 else f"{femtoseconds:.0f} fs"
