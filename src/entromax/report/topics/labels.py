"""Labels: how they ended and why, what they cost, what they hold, what quality control removed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from entromax.report.kit import (
    BLUE,
    COLOURS,
    CRYSTAL_COLOURS,
    CRYSTAL_MARKERS,
    GREEN,
    INK,
    ORANGE,
    VERMILION,
    Block,
    Section,
    Table,
    embed,
    figure,
    label_logarithmic,
    light,
    number,
    present,
    say_nothing_to_draw,
)
from entromax.report.results import ElementResults, read_ledgers
from entromax.structures.kinds import ACTIVE, CHOSEN, ISOLATED, LOW_ENERGY, NEAR_EQUILIBRIUM

STATES = ("converged", "unconverged", "timeout", "crashed", "rejected")
MAX_REASON = 60
CLOUDS = {"library": BLUE, ACTIVE: ORANGE, LOW_ENERGY: GREEN, NEAR_EQUILIBRIUM: VERMILION}
"""Kinds of labels that are no curves, and their colours."""
MAX_ROWS = 25
"""Failures and outliers listed; the tables on disk hold all of them."""


def plot_labels(ledgers: Sequence[str | Path], figures: Mapping[str, str | Path], *, element: str) -> None:
    """Draw the labels of one element.

    Args:
        ledgers: parquet ledgers of all shards and of the reference.
        figures: PNG files to write: ``states``, ``seconds``, ``energy_volume``.
        element: chemical symbol.
    """
    everything = read_ledgers([Path(path) for path in ledgers])
    chosen = everything[everything["config_type"].isin(("library", *CHOSEN))]
    plot_states({element: chosen}, figures["states"])
    _plot_seconds(chosen, figures["seconds"])
    labelled = everything[(everything["state"] == "converged") & (everything["config_type"] != ISOLATED)]
    cloud = labelled[["sid", "config_type", "volume", "energy"]].copy()
    cloud["energy"] -= cloud["energy"].min()
    _plot_energy_volume(cloud, figures["energy_volume"])


def shorten(reason: str, length: int = MAX_REASON) -> str:
    """Return a reason on one line, cut at ``length`` characters."""
    line = " ".join(reason.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def state_table(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return how many structures ended in each state and why (columns state, structures, reasons)."""
    rows = []
    for state in [*STATES, *sorted(set(ledger["state"]) - set(STATES))]:
        part = ledger[ledger["state"] == state]
        reasons = part["reason"].fillna("").astype(str).map(shorten)
        counts = reasons[reasons != ""].value_counts().head(3)
        text = "; ".join(f"{reason} ({count})" for reason, count in counts.items())
        rows.append({"state": state, "structures": len(part), "reasons": "" if state == "converged" else text})
    return pd.DataFrame(rows)


def plot_states(ledgers: Mapping[str, pd.DataFrame], path: str | Path) -> None:
    """Draw, for every element, the fraction of structures that ended in each state.

    Args:
        ledgers: ledger (columns state, reason) by element.
        path: PNG.
    """
    tables = [state_table(ledger).assign(element=element) for element, ledger in ledgers.items()]
    table = pd.concat(tables, ignore_index=True)
    totals = table.groupby("element")["structures"].transform("sum").clip(lower=1)
    table["fraction"] = table["structures"] / totals
    elements = list(ledgers)
    with figure(path, table, height=1.5 + 0.55 * len(elements)) as axes:
        for k, element in enumerate(elements):
            left = 0.0
            for row in table[table["element"] == element].to_dict("records"):
                if not row["structures"]:
                    continue
                width = row["fraction"]
                axes.barh(k, width, left=left, height=0.62, color=COLOURS.get(row["state"], INK), ec="white", lw=1)
                if width > 0.045:
                    colour = "white" if row["state"] in ("converged", "crashed") else INK
                    count = axes.text(left + width / 2, k, str(row["structures"]), ha="center", va="center")
                    count.set(color=colour, fontsize=10.5, weight="bold")
                left += width
        used = [state for state in STATES if table.loc[table["state"] == state, "structures"].sum()]
        for state in used:
            axes.barh(0, 0, color=COLOURS[state], label=state)
        axes.set_yticks(range(len(elements)), elements)
        axes.set_xlim(0, 1)
        axes.set_ylim(len(elements) - 0.5, -0.5)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.grid(visible=False)
        axes.set_xlabel("structures")
        axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, handlelength=1, columnspacing=1.2)


def _plot_seconds(ledger: pd.DataFrame, path: str | Path) -> None:
    """Draw how long the structures took, by number of atoms when the ledger knows it.

    Args:
        ledger: columns seconds, state and, optionally, atoms.
        path: PNG.
    """
    columns = [name for name in ("sid", "atoms", "state", "seconds") if name in ledger]
    table = ledger.loc[ledger["seconds"] > 0, columns]
    with figure(path, table, height=3.4) as axes:
        if table.empty:
            say_nothing_to_draw(axes, "no label took any time in this run")
            return
        if "atoms" in table:
            jitter = np.random.default_rng(0).uniform(-0.18, 0.18, len(table))
            for state in STATES:
                chosen = (table["state"] == state).to_numpy()
                x, y = table["atoms"].to_numpy()[chosen] + jitter[chosen], table["seconds"].to_numpy()[chosen]
                if chosen.any():
                    axes.scatter(x, y, s=18, lw=0, alpha=0.7, color=COLOURS[state], label=state)
            axes.set_yscale("log")
            label_logarithmic(axes.yaxis)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set(xlabel="atoms in the cell", ylabel="seconds per label")
            axes.legend(loc="lower right", markerscale=1.5)
        else:
            edges = np.geomspace(table["seconds"].min(), table["seconds"].max() * 1.001, 25)
            axes.hist(table["seconds"], bins=list(edges), color=BLUE, alpha=0.8)
            axes.set_xscale("log")
            label_logarithmic(axes.xaxis)
            axes.set(xlabel="seconds per label", ylabel="structures")


def _plot_energy_volume(table: pd.DataFrame, path: str | Path) -> None:
    """Draw the labels as energy against volume.

    Args:
        table: columns config_type, volume [Å^3/atom], energy [eV/atom above the lowest].
        path: PNG.
    """
    with figure(path, table, height=4.0) as axes:
        size = 14 if len(table) < 1000 else 5
        for name, colour in CLOUDS.items():
            part = table[table["config_type"] == name]
            if len(part):
                text = f"{name} ({len(part)})"
                axes.scatter(part["volume"], part["energy"], s=size, lw=0, alpha=0.6, color=colour, label=text)
        names = [str(name) for name in table["config_type"].unique() if name not in CLOUDS]
        for k, name in enumerate(names):
            part = table[table["config_type"] == name].sort_values("volume")
            colour = CRYSTAL_COLOURS[(k + 1) % len(CRYSTAL_COLOURS)]
            axes.plot(
                part["volume"], part["energy"], CRYSTAL_MARKERS.get(name, "o"),
                ls="-", lw=1, ms=5, mfc="white", mec=colour, color=colour, label=name,
            )  # fmt: skip
        axes.set_ylim(bottom=-0.03 * max(float(table["energy"].max()), 0.1) if len(table) else None)
        axes.set(xlabel="volume [Å³/atom]", ylabel="energy above the lowest [eV/atom]")
        axes.legend(loc="upper right")


def section(results: ElementResults) -> Section:
    """Return how the labels ended, what failed and why, and what quality control removed."""
    figures = results.folder / "figures"
    failed = results.failed_fraction
    verdict = light(None if failed is None else 100 * failed, results.thresholds.failed_labels)
    states = state_table(results.ledger) if len(results.ledger) else pd.DataFrame()
    rows = [
        (row["state"], str(row["structures"]), row["reasons"] or "–")
        for row in states.to_dict("records")
        if row["structures"]
    ]
    lead = (
        "Every structure ends in one state with a reason; none is dropped in silence. "
        f"Without a label: {'–' if failed is None else f'{failed:.1%}'} of the structures ({verdict.word})."
    )
    images = embed(figures / "states.png", "Structures by final state", "How the calculations ended.")
    images += embed(
        figures / "seconds.png",
        "Seconds per label against atoms in the cell",
        "Cost of each structure, all attempts together.",
    )
    images += embed(
        figures / "energy_volume.png",
        "Energy of the labels against their volume",
        "What the potential is fitted to: every labelled structure, and the reference crystals as lines.",
    )
    blocks = [Block(table=Table(("state", "structures", "most frequent reasons"), rows, wide=(2,)))] if rows else []
    blocks += present(images)
    blocks += _listing(results.ledger[results.ledger["state"] != "converged"], "structures without a label")
    blocks += _outliers(results.manifest)
    return Section("labels", "Labels", lead, blocks)


def _listing(table: pd.DataFrame, what: str) -> list[Block]:
    if table.empty:
        return []
    known = [name for name in ("sid", "state", "atoms", "volume", "attempts", "seconds") if name in table]
    headings = {"volume": "volume [Å³/atom]", "seconds": "time [s]"}
    rows = []
    for row in table.head(MAX_ROWS).to_dict("records"):
        rows.append([*(number(row[name]) for name in known), shorten(str(row.get("reason") or ""), 160)])
    columns = [*(headings.get(name, name) for name in known), "reason"]
    more = f", first {MAX_ROWS}" if len(table) > MAX_ROWS else ""
    return [Block(fold=f"{len(table)} {what}{more}", table=Table(columns, rows, wide=(len(columns) - 1,)))]


def _outliers(manifest: pd.DataFrame) -> list[Block]:
    """Return the labelled structures that quality control left out of the dataset, with the rule they broke."""
    if manifest.empty:
        return []
    removed = manifest[manifest["role"].isin(("outlier", "duplicate"))]
    removed = removed.assign(state=removed["role"], reason=removed["rule"])
    return _listing(removed, "labelled structures left out by quality control")


def campaign_section(results: Sequence[ElementResults], picture: Path) -> Section:
    """Return how the labels of all elements ended, and draw it to ``picture`` (PNG)."""
    ledgers = {one.element: one.ledger for one in results if len(one.ledger)}
    if not ledgers:
        return Section("labels", "Labels", "", [])
    plot_states(ledgers, picture)
    images = embed(picture, "Final states of the structures by element", "How the calculations ended, by element.")
    rows = []
    for one in results:
        if one.element in ledgers:
            seconds, counts = one.ledger["seconds"], (str(len(one.ledger)), str(one.labelled))
            rows.append((one.element, *counts, number(seconds.median()), number(seconds.sum() / 3600)))
    columns = ("element", "structures", "labelled", "median time [s]", "total time [h]")
    lead = "The same library, scaled to each element. Reasons of failures stand in the reports of the elements."
    return Section("labels", "Labels", lead, [Block(table=Table(columns, rows)), *present(images)])
