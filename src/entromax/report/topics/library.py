"""The library: how entropy grew, what it covers, what its structures look like, beside the random sample."""

import re
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.neighborlist import neighbor_list
from ase.utils import rotate
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from entromax.config.models import LibrarySettings
from entromax.entropy.analysis import Coverage
from entromax.report.kit import (
    BLUE,
    COLOURS,
    CRYSTAL_MARKERS,
    GREY,
    INK,
    Block,
    Section,
    Table,
    embed,
    figure,
    label_logarithmic,
    number,
    say_nothing_to_draw,
    signed,
)
from entromax.report.results import read_csv
from entromax.structures import read_structures

SETS = (("random", "random"), ("maximised", "entropy-maximised"))
MAX_POINTS = 4000
"""Atoms of each set drawn in the coverage picture."""
SHAPES = {
    "volume": ("volume per atom v* [d_nn³]", "Volume per atom of the structures."),
    "atoms": ("atoms in the cell", "Number of atoms in a cell."),
    "nearest": ("closest pair [d_nn]", "Distance of the closest pair in each structure, periodic images included."),
}
"""Columns of the table of shapes: label of the axis and caption."""
VIEW = "12x,-18y,4z"
"""From where structures of the gallery are seen."""


def plot_library(files: Mapping[str, str | Path], *, labelled: int) -> None:
    """Draw the library.

    Args:
        files: read ``library`` (ordered, extended XYZ in reduced units), ``table`` (CSV of ``order_library``), and
            ``coverage_table`` (npz), ``reach_table`` and ``shapes`` (CSV) of ``analyse_library``; write ``prefix``,
            ``coverage``, ``reach``, ``gallery``, ``volume``, ``atoms``, ``nearest`` (PNG).
        labelled: structures labelled per element.
    """
    plot_prefix(pd.read_csv(files["table"]), files["prefix"], labelled=labelled)
    plot_coverage(Coverage.load(files["coverage_table"]), files["coverage"])
    plot_reach(pd.read_csv(files["reach_table"]), files["reach"])
    shapes = pd.read_csv(files["shapes"])
    for column, (label, _) in SHAPES.items():
        plot_histogram(shapes, column, label, files[column])
    plot_gallery(read_structures(files["library"]), files["gallery"])


def plot_growth(traces: Sequence[str | Path], random: str | Path, path: str | Path) -> None:
    """Draw the entropy of the dataset while batches are optimised, round after round.

    Args:
        traces: CSV of every batch, named ``round_<r>/batch_<b>.csv``; column h_nats: entropy of the state of the round
            before joined by the batch [nats].
        random: CSV of ``analyse_library``: entropy of as many random structures, by round.
        path: PNG.
    """
    table, sample = read_traces(traces), pd.read_csv(random)
    random_h = dict(zip(sample["round"], sample["h_nats"], strict=True))
    with figure(path, table) as axes:
        if table.empty:
            say_nothing_to_draw(axes, "no optimisation traces")
            return
        start = 0
        for round_, part in table.groupby("round"):
            length = int(part["step"].max()) + 1
            if start:
                axes.axvline(start, color=GREY, lw=0.8, ls=(0, (3, 3)))
            middle = start + 0.5 * length
            title = axes.text(middle, 0.99, f"round {round_}", transform=axes.get_xaxis_transform(), ha="center")
            title.set(va="top", fontsize=9.5, color="#4A5560")
            for _, batch in part.groupby("batch"):
                axes.plot(start + batch["step"], batch["h_nats"], color=BLUE, lw=1.6, alpha=0.75)
            if round_ in random_h:
                axes.plot([start, start + length - 1], [random_h[round_]] * 2, color=GREY, lw=2, ls="--")
            start += length
        axes.plot([], [], color=BLUE, lw=1.6, label="one batch with the dataset so far")
        if random_h:
            axes.plot([], [], color=GREY, lw=2, ls="--", label="as many random structures")
        axes.margins(x=0.01, y=0.1)
        axes.set(xlabel="optimiser steps, rounds in sequence", ylabel="entropy H [nats]")
        axes.legend(loc="lower right")


def read_traces(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Return the traces of all batches under each other, with columns round and batch from their paths.

    Raises:
        ValueError: a path is not of the form ``round_<r>/batch_<b>.csv``.
    """
    frames = []
    for path in paths:
        found = re.search(r"round_(\d+)/batch_(\d+)\.csv$", str(path))
        if found is None:
            raise ValueError(f"{path}: the trace of a batch is named round_<r>/batch_<b>.csv")
        frame = pd.read_csv(path)
        frame.insert(0, "batch", int(found[2]))
        frame.insert(0, "round", int(found[1]))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def plot_prefix(table: pd.DataFrame, path: str | Path, *, labelled: int | None = None) -> None:
    """Draw the entropy of the first structures of the library, in its order and in random order.

    Args:
        table: columns rank (from 0), h_nats, h_random_nats: entropy of the structures up to it [nats].
        path: PNG.
        labelled: number of structures labelled per element, marked when given.
    """
    with figure(path, table) as axes:
        axes.plot(table["rank"] + 1, table["h_random_nats"], color=COLOURS["random"], lw=2, label="random order")
        axes.plot(table["rank"] + 1, table["h_nats"], color=COLOURS["maximised"], lw=2.4, label="library order")
        if labelled is not None and labelled <= len(table):
            axes.axvline(labelled, color=INK, lw=1, ls=(0, (3, 3)), label=f"labelled: first {labelled}")
        # The first few structures cannot span the features, so H starts far below; the story is in what follows.
        shown = table.loc[table["rank"] >= max(2, 0.03 * len(table)), ["h_nats", "h_random_nats"]].to_numpy()
        if len(shown):
            axes.set_ylim(np.nanmin(shown), np.nanmax(shown) + 0.06 * np.ptp(shown) + 1e-6)
        axes.set(xlabel="number of structures", ylabel="entropy H of the first [nats]")
        axes.legend(loc="lower right")


def plot_coverage(coverage: Coverage, path: str | Path) -> None:
    """Draw the atoms of the random and the maximised set, and perfect crystals, on two principal axes.

    Args:
        coverage: of the sets ``random`` and ``maximised``.
        path: PNG.
    """
    marked = np.array(list(coverage.crystals.values())).reshape(-1, 2)
    frames = []
    for name, points in coverage.sets.items():
        chosen = points[:: -(-len(points) // MAX_POINTS)]
        frames.append(pd.DataFrame({"set": name, "pc1": chosen[:, 0], "pc2": chosen[:, 1]}))
    frames.append(pd.DataFrame({"set": list(coverage.crystals), "pc1": marked[:, 0], "pc2": marked[:, 1]}))
    table = pd.concat(frames, ignore_index=True)
    with figure(path, table, height=4.4) as axes:
        for name in ("maximised", "random"):
            part = table[table["set"] == name]
            size = 9 if len(part) < 1500 else 4
            label = f"{dict(SETS)[name]} ({len(coverage.sets[name])} atoms)"
            axes.scatter(part["pc1"], part["pc2"], s=size, lw=0, alpha=0.6, color=COLOURS[name], label=label)
        for name, point in coverage.crystals.items():
            axes.plot(*point, CRYSTAL_MARKERS.get(name, "o"), ms=8, mfc="white", mec=INK, mew=1.5, ls="", label=name)
        # A few extreme atoms must not shrink the cloud to a dot; what lies outside the window is counted.
        both = np.concatenate([*coverage.sets.values(), marked])
        window = [_window(both[:, k], marked[:, k]) for k in range(2)]
        outside = sum(int((~_inside(points, window)).sum()) for points in coverage.sets.values())
        axes.set_xlim(*window[0])
        axes.set_ylim(*window[1])
        axes.set_xlabel(f"first principal axis ({coverage.explained[0]:.0%} of variance)")
        axes.set_ylabel(f"second ({coverage.explained[1]:.0%})")
        if outside:
            note = f"{outside} atoms outside"
            axes.text(
                0.99, 0.01, note, transform=axes.transAxes, ha="right", va="bottom", fontsize=9.5, color="#4A5560"
            )
        axes.legend(loc="lower center", bbox_to_anchor=(0.46, 1.0), ncols=3, handletextpad=0.1, columnspacing=0.8)


def plot_reach(table: pd.DataFrame, path: str | Path) -> None:
    """Draw the leverage of perfect crystals in the random and in the maximised set, one line per crystal.

    Args:
        table: columns set (``random``, ``maximised``), crystal, leverage, and what else :func:`measure_reach` gives;
            written beside the figure.
        path: PNG.
    """
    names = list(dict.fromkeys(table["crystal"]))
    with figure(path, table, height=1.3 + 0.24 * len(names)) as axes:
        axes.axvline(1, color=INK, lw=1, ls=(0, (3, 3)))
        for offset, (name, long) in zip((-0.15, 0.15), SETS, strict=True):
            part = table[table["set"] == name]
            heights = [names.index(crystal) + offset for crystal in part["crystal"]]
            axes.scatter(part["leverage"], heights, s=22, lw=0, alpha=0.8, color=COLOURS[name], label=long)
        axes.set_yticks(range(len(names)), names)
        axes.set(xscale="log", xlabel="leverage of the perfect crystal")
        label_logarithmic(axes.xaxis)
        axes.invert_yaxis()
        axes.legend(loc="lower center", bbox_to_anchor=(0.46, 1.0), ncols=2)


def _window(values: np.ndarray, always: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, [0.5, 99.5])
    low, high = min(low, *always, high), max(high, *always, low)
    pad = 0.06 * (high - low)
    return float(low - pad), float(high + pad)


def _inside(points: np.ndarray, window: Sequence[tuple[float, float]]) -> np.ndarray:
    low, high = np.array(window).T
    return np.asarray(((points >= low) & (points <= high)).all(axis=1))


def plot_histogram(table: pd.DataFrame, column: str, label: str, path: str | Path) -> None:
    """Draw the distribution of one column of the table of shapes in both sets, as a fraction of the structures."""
    data = table[["set", column]]
    values = data[column].to_numpy(dtype=float)
    if column == "atoms":
        edges = np.arange(values.min() - 0.5, values.max() + 1.5)
    else:
        edges = np.linspace(values.min(), values.max() + 1e-9, 25)
    with figure(path, data, height=3.2) as axes:
        for name, long in SETS:
            part = data.loc[data["set"] == name, column].to_numpy(dtype=float)
            if not len(part):
                continue
            weights = np.full(len(part), 1 / len(part))
            filled = name == "maximised"
            axes.hist(
                part,
                bins=list(edges),
                weights=weights,
                histtype="stepfilled" if filled else "step",
                color=COLOURS[name],
                alpha=0.45 if filled else 1,
                lw=2,
                label=f"{long} ({len(part)})",
            )
        axes.set(xlabel=label, ylabel="fraction of structures")
        axes.legend(loc="upper right")
        axes.grid(axis="x", visible=False)


def plot_gallery(structures: Sequence[Atoms], path: str | Path, *, columns: int = 4, rows: int = 3) -> None:
    """Draw the first structures of the library as they are ordered, with their cells; colours: coordination."""
    chosen = list(structures[: columns * rows])
    table = pd.DataFrame(
        {
            "position": range(1, len(chosen) + 1),
            "sid": [atoms.info.get("sid", "") for atoms in chosen],
            "atoms": [len(atoms) for atoms in chosen],
            "volume": [atoms.get_volume() / len(atoms) for atoms in chosen],
        }
    )
    with figure(path, table, height=1.55 * rows) as axes:
        axes.set_axis_off()
        grid = axes.get_subplotspec()
        parent = axes.get_figure()
        assert grid is not None and parent is not None
        cells = grid.subgridspec(rows, columns, wspace=0.05, hspace=0.05)
        for k, atoms in enumerate(chosen):
            inner = parent.add_subplot(cells[k // columns, k % columns])
            _draw_structure(inner, atoms)
            inner.set_title(f"{k + 1}: {len(atoms)} at., v* {atoms.get_volume() / len(atoms):.2f}", fontsize=8, pad=1)


def _draw_structure(axes: Axes, atoms: Atoms) -> None:
    """Draw atoms and the edges of their cell, with two periods along short edges: a small cell is seen as a solid."""
    centres = neighbor_list("i", atoms, 1.35)
    coordination = np.bincount(centres, minlength=len(atoms))
    inside = atoms.copy()
    inside.wrap()
    shown = inside.repeat([2 if length < 3 else 1 for length in atoms.cell.lengths()])
    shades = np.tile(np.clip(coordination / 12, 0, 1), len(shown) // len(atoms))
    start, end = np.array([0.78, 0.88, 0.95]), np.array([0.0, 0.36, 0.60])
    colours = start + shades[:, None] * (end - start)
    view = rotate(VIEW)
    points = shown.positions @ view
    for k in np.argsort(points[:, 2]):  # the nearest last
        axes.add_patch(Circle(points[k, :2], 0.42, facecolor=colours[k], edgecolor="white", lw=0.5))
    corners = np.array(list(product((0, 1), repeat=3)))
    for one, other in combinations(corners, 2):
        if np.abs(one - other).sum() == 1:
            edge = np.array([one, other]) @ atoms.cell.array @ view
            axes.plot(edge[:, 0], edge[:, 1], color=INK, lw=0.9, solid_capstyle="round")
    axes.set_aspect("equal")
    axes.set_axis_off()


def section(folder: Path, settings: LibrarySettings) -> Section:
    """Return the section on the library: growth (where it was grown here), order, diversity, coverage, structures.

    Args:
        folder: ``results/library``.
        settings: of the library.
    """
    figures = folder / "figures"
    lead = (
        "The library is made once, in units of the nearest-neighbour distance d_nn, and serves every element. "
        "Grey is always the random reference sample, blue the entropy-maximised library."
    )
    eps = settings.entropy.eps
    growth = embed(
        figures / "growth.png",
        "Entropy against optimiser steps",
        f"Entropy H = ½ ln det S (regularised by {eps:g}) of the dataset so far together with the batch that is being "
        "optimised. Every line is one independent batch job. Grey: as many random structures, or all there are.",
    )
    growth += embed(
        figures / "prefix.png",
        "Entropy of the first structures of the library against their number",
        "Entropy of the first n structures. The steeper the blue line, the fewer labels carry the same information.",
    )
    coverage = embed(
        figures / "coverage.png",
        "Atoms of both sets on two principal axes of the descriptors",
        "Every dot is the environment of one atom. Where blue reaches and grey does not, only the maximised "
        "set has been. White markers are perfect crystals.",
    )
    coverage += embed(
        figures / "reach.png",
        "Leverage of perfect crystals in the random and in the maximised set",
        "How far a linear model fitted to either set would extrapolate to perfect crystals: the variance of its "
        "prediction relative to that of an average environment of the set. Several dots are several volumes.",
    )
    shapes = [image for name, (_, text) in SHAPES.items() for image in embed(figures / f"{name}.png", text, text)]
    gallery = embed(
        figures / "gallery.png",
        "The first structures of the library",
        "The first structures in library order, their cells outlined; the darker an atom, the more neighbours within "
        "1.35 d_nn.",
    )
    blocks = [Block(images=growth), *diversity_blocks(read_csv(folder / "diversity.csv"))]
    blocks += [Block(images=coverage), *reach_blocks(read_csv(folder / "analysis/reach.csv"))]
    blocks += [Block(images=gallery), Block(images=shapes)]
    return Section("library", "Library", lead, [block for block in blocks if block != Block()])


def diversity_blocks(table: pd.DataFrame) -> list[Block]:
    """Return the comparison of both sets (table of ``compare_diversity``), or nothing without one."""
    if table.empty:
        return []
    before, after = ({row["set"]: row for row in table.to_dict("records")}[name] for name in ("random", "maximised"))
    rows = []
    for name in table.columns:
        if name.endswith("_nats"):
            low, high = float(before[name]), float(after[name])
            rows.append((describe_measure(name), number(low), number(high), signed(high - low, 3)))
    text = (
        f"Both sets cut to {before['n_environments']} environments ({before['n_structures']} and "
        f"{after['n_structures']} structures). Only H is what the optimiser maximises; the other measures never enter "
        "it and are independent judges. Larger is more diverse."
    )
    return [Block(text=text, table=Table(("measure [nats]", "random", "maximised", "change"), rows, "Diversity"))]


def reach_blocks(table: pd.DataFrame) -> list[Block]:
    """Return where crystals stand relative to both sets (``measure_reach``), each at its worst volume, or nothing."""
    if table.empty:
        return []
    measures = ["leverage", "nearest"]
    both = table.pivot_table(index=["crystal", "v_star"], columns="set", values=measures, sort=False).reset_index()
    worst = both.loc[both.groupby("crystal", sort=False)[[("leverage", "maximised")]].idxmax().iloc[:, 0]]
    rows = []
    for _, row in worst.iterrows():
        pairs = [number(float(row[name, which])) for name in measures for which in ("random", "maximised")]
        rows.append((str(row["crystal", ""]), number(float(row["v_star", ""])), *pairs))
    header = ("crystal", "v*", *(f"{name}, {which}" for name in measures for which in ("random", "maximised")))
    text = (
        "Perfect crystals seen from both sets. Leverage: predicted variance of a linear model relative to the average "
        "of the set, at most 1 everywhere for the best possible set. Nearest: distance to the closest environment, in "
        "standard deviations of the random set per descriptor. "
        "Crystals at several volumes show the one of largest leverage."
    )
    return [Block(text=text, table=Table(header, rows, "Perfect crystals"))]


def describe_measure(name: str) -> str:
    """Return the name of a diversity measure in words."""
    known = {"h_nats": "H, the objective", "knn_nats": "nearest-neighbour entropy"}
    if name.startswith("quests_"):
        return f"QUESTS entropy, kernel width {name.split('_')[1]} 1/Å"
    return known.get(name, name.removesuffix("_nats").replace("_", " "))
