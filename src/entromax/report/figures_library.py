"""Figures of the library: how entropy grew, what it covers, what its structures look like."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.neighborlist import neighbor_list
from ase.visualize.plot import plot_atoms
from matplotlib.axes import Axes

from entromax.report.style import (
    BLUE,
    COLOURS,
    CRYSTAL_MARKERS,
    GREY,
    INK,
    figure,
    label_logarithmic,
    say_nothing_to_draw,
)

log = logging.getLogger(__name__)

SETS = (("random", "random"), ("maximised", "entropy-maximised"))
MAX_POINTS = 4000
"""Atoms of each set drawn in the coverage picture."""


def plot_growth(traces: pd.DataFrame, path: str | Path, *, random_h: Mapping[int, float]) -> None:
    """Draw the entropy of the dataset while batches are optimised, round after round.

    Args:
        traces: columns round, batch, step, h_nats: entropy of the state of the round before joined by the batch [nats].
        path: PNG.
        random_h: entropy of as many random structures as dataset and batch hold together [nats], by round.
    """
    with figure(path, traces) as axes:
        if traces.empty:
            say_nothing_to_draw(axes, "no optimisation traces")
            return
        start = 0
        for number, part in traces.groupby("round"):
            length = int(part["step"].max()) + 1
            if start:
                axes.axvline(start, color=GREY, lw=0.8, ls=(0, (3, 3)))
            middle = start + 0.5 * length
            title = axes.text(middle, 0.99, f"round {number}", transform=axes.get_xaxis_transform(), ha="center")
            title.set(va="top", fontsize=9.5, color="#4A5560")
            for _, batch in part.groupby("batch"):
                axes.plot(start + batch["step"], batch["h_nats"], color=BLUE, lw=1.6, alpha=0.75)
            if int(str(number)) in random_h:
                axes.plot([start, start + length - 1], [random_h[int(str(number))]] * 2, color=GREY, lw=2, ls="--")
            start += length
        axes.plot([], [], color=BLUE, lw=1.6, label="one batch with the dataset so far")
        if random_h:
            axes.plot([], [], color=GREY, lw=2, ls="--", label="as many random structures")
        axes.margins(x=0.01, y=0.1)
        axes.set(xlabel="optimiser steps, rounds in sequence", ylabel="entropy H [nats]")
        axes.legend(loc="lower right")


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


def project(features: dict[str, np.ndarray], extra: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Project rows on the two leading principal axes of all sets together, each set with equal weight.

    Args:
        features: normalised features [n, D] by set.
        extra: further rows [m, D] to project, not part of the fit.

    Returns:
        Projections [n, 2] by set, of ``extra`` [m, 2], and the fraction of variance along the two axes [2].
    """
    centre = np.mean([q.mean(axis=0) for q in features.values()], axis=0)
    covariance = np.mean([(q - centre).T @ (q - centre) / len(q) for q in features.values()], axis=0)
    values, vectors = np.linalg.eigh(covariance)
    axes = vectors[:, ::-1][:, :2]
    # The sign of an eigenvector is arbitrary: fix it, or the picture would flip from run to run.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    explained = values[::-1][:2] / values.sum()
    return {name: (q - centre) @ axes for name, q in features.items()}, (extra - centre) @ axes, explained


def plot_coverage(features: dict[str, np.ndarray], crystals: dict[str, np.ndarray], path: str | Path) -> None:
    """Draw the atoms of the random and the maximised set, and the crystals, on two principal axes of the features.

    Args:
        features: normalised features [n, D] of ``random`` and ``maximised``.
        crystals: normalised features [D] of perfect crystals at the nearest-neighbour distance 1, by name.
        path: PNG.
    """
    marks = np.array(list(crystals.values())).reshape(len(crystals), -1)
    dim = next(iter(features.values())).shape[1]
    projected, marked, explained = project(features, marks if len(crystals) else np.empty((0, dim)))
    frames = []
    for name, points in projected.items():
        chosen = points[:: -(-len(points) // MAX_POINTS)]
        frames.append(pd.DataFrame({"set": name, "pc1": chosen[:, 0], "pc2": chosen[:, 1]}))
    frames.append(pd.DataFrame({"set": list(crystals), "pc1": marked[:, 0], "pc2": marked[:, 1]}))
    table = pd.concat(frames, ignore_index=True)
    with figure(path, table, height=4.4) as axes:
        for name in ("maximised", "random"):
            part = table[table["set"] == name]
            size = 9 if len(part) < 1500 else 4
            label = f"{dict(SETS)[name]} ({len(features[name])} atoms)"
            axes.scatter(part["pc1"], part["pc2"], s=size, lw=0, alpha=0.6, color=COLOURS[name], label=label)
        for (name, _), point in zip(crystals.items(), marked, strict=True):
            axes.plot(*point, CRYSTAL_MARKERS.get(name, "o"), ms=8, mfc="white", mec=INK, mew=1.5, ls="", label=name)
        # A few extreme atoms must not shrink the cloud to a dot; what lies outside the window is counted.
        both = np.concatenate([*projected.values(), marked])
        window = [_window(both[:, k], marked[:, k]) for k in range(2)]
        outside = sum(int((~_inside(points, window)).sum()) for points in projected.values())
        axes.set_xlim(*window[0])
        axes.set_ylim(*window[1])
        axes.set_xlabel(f"first principal axis ({explained[0]:.0%} of variance)")
        axes.set_ylabel(f"second ({explained[1]:.0%})")
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


def describe(structures: Sequence[Atoms], name: str) -> pd.DataFrame:
    """Return volume per atom [d_nn^3], number of atoms and nearest distance [d_nn] of reduced structures.

    The nearest distance includes periodic images; it is searched up to 2 d_nn (beyond: 2).
    """
    rows = []
    for atoms in structures:
        distances = neighbor_list("d", atoms, 2.0)
        nearest = float(distances.min()) if len(distances) else 2.0
        rows.append({"set": name, "volume": atoms.get_volume() / len(atoms), "atoms": len(atoms), "nearest": nearest})
    return pd.DataFrame(rows, columns=["set", "volume", "atoms", "nearest"])


def plot_histogram(table: pd.DataFrame, column: str, label: str, path: str | Path) -> None:
    """Draw the distribution of one column of :func:`describe` in both sets, as a fraction of the structures."""
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
    """Draw the first structures of the library as they are ordered; atoms are coloured by coordination."""
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
    """Draw one cell with two periods in every direction, so that a small cell is seen as the solid that it is."""
    centres = neighbor_list("i", atoms, 1.35)
    coordination = np.bincount(centres, minlength=len(atoms))
    reps = tuple(2 if length < 3 else 1 for length in atoms.cell.lengths())
    shown = atoms.repeat(reps)
    shown.positions -= shown.positions.mean(axis=0)
    shades = np.tile(np.clip(coordination / 12, 0, 1), len(shown) // len(atoms))
    start, end = np.array([0.78, 0.88, 0.95]), np.array([0.0, 0.36, 0.60])
    colours = start + shades[:, None] * (end - start)
    plot_atoms(shown, axes, radii=np.full(len(shown), 0.42), rotation="12x,-18y,4z", show_unit_cell=0, colors=colours)
    for patch in axes.patches:
        patch.set(linewidth=0.5, edgecolor="white")
    axes.set_axis_off()
