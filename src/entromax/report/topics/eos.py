"""E(V) of crystals: curves, parameters beside those of the reference and of the literature, what is wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from entromax.report.kit import (
    COLOURS,
    CRYSTAL_COLOURS,
    CRYSTAL_MARKERS,
    Block,
    Cell,
    Finding,
    Light,
    Section,
    Table,
    embed,
    figure,
    number,
    present,
    say_nothing_to_draw,
    signed,
)
from entromax.report.results import ElementResults, PotentialResults

SOURCES = {"wien2k": "WIEN2k", "acwf": "WIEN2k", "matpes": "MatPES"}
"""Published values, by the name that their tables use."""


def plot_eos(files: Mapping[str, str | Path], *, ground_state: str) -> None:
    """Draw E(V).

    Args:
        files: read ``curves`` (CSV) of ``validate_eos``; write ``crystals`` and ``ground_state`` (PNG). The data of
            ``crystals`` are ``curves``: give both the same name.
        ground_state: name of the ground-state crystal.
    """
    curves = pd.read_csv(files["curves"])
    plot_crystals(curves, files["crystals"])
    plot_ground_state(curves, files["ground_state"], ground_state=ground_state)


def _draw_crystal(axes: Axes, curves: pd.DataFrame, name: str, colour: str) -> None:
    """Draw one crystal: reference as markers, potential as a line, its wide scan as a thin one."""
    of = curves[curves["crystal"] == name]
    reference, own, wide = (
        of[(of["source"] == source) & of["kind"].isin(kinds)].sort_values("volume")
        for source, kinds in (("reference", ["points"]), ("potential", ["points", "curve"]), ("potential", ["wide"]))
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


def plot_crystals(curves: pd.DataFrame, path: str | Path) -> None:
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


def findings(results: ElementResults, potential: PotentialResults) -> list[Finding]:
    """Return what is wrong with E(V) of any crystal, beside what the scorecard says."""
    found, ground_state = [], results.ground_state
    for name, entry in potential.eos.items():
        if entry.reference == "minimum" and entry.potential == "none":
            lowest = f"; between 0.6 and 1.6 of that volume it is lowest at {number(entry.wide_minimum_volume)} Å³/atom"
            text = f"For {name} it has {entry.potential_reason}, where the reference has one{lowest}."
            found.append(Finding(Light("red"), text))
        if entry.minima > 1:
            text = f"E(V) of {name} has {entry.minima} minima between 0.6 and 1.6 of its volume; one is right."
            found.append(Finding(Light("red") if name == ground_state else Light("amber"), text))
    return found


def section(results: ElementResults) -> Section:
    """Return the section on E(V) with all potentials of the element."""
    blocks = [block for one in results.potentials for block in _blocks(one, results.prefix(one))]
    return Section(
        "eos",
        "E(V) of crystals",
        "A potential may be accurate on disordered cells and still be wrong for crystals. Here it is compared with "
        "the reference method that its labels come from, which is the fair comparison, and with published values, "
        "which judge that method as well.",
        blocks,
    )


def _blocks(potential: PotentialResults, prefix: str) -> list[Block]:
    """Return E(V) of the crystals: parameters by source, and the curves."""
    if potential.parameters.empty:
        return []
    rows: list[Sequence[Cell | str]] = []
    order = potential.parameters["crystal"].drop_duplicates().tolist()
    for row in potential.parameters.sort_values("crystal", key=lambda c: c.map(order.index), kind="stable").to_dict(
        "records"
    ):
        source, entry = str(row["source"]), potential.eos.get(str(row["crystal"]))
        own = source == "potential"
        label = f"{row['crystal']}, {potential.name if own else SOURCES.get(source, source)}"
        if row["status"] == "none":
            bad = own and entry is not None and entry.reference == "minimum"
            rows.append([label, Cell("no minimum", Light("red") if bad else None), *["–"] * 4])
            continue
        rows.append(
            [
                label,
                number(row["volume"], 4),
                number(row["bulk_modulus"]),
                number(row["derivative"]),
                signed(row["phase_energy"], 3),
                number(row["cohesive_energy"]),
            ]
        )
    columns = ("crystal", "V₀ [Å³/atom]", "B [GPa]", "B′", "above ground state [meV/atom]", "cohesive energy [eV/atom]")
    missing = potential.parameters.loc[potential.parameters["status"] == "none", ["crystal", "source", "reason"]]
    text = "; ".join(f"{row['crystal']} by the {row['source']}: {row['reason']}" for row in missing.to_dict("records"))
    images = embed(
        potential.folder / "eos_ground_state.png",
        "Energy against volume of the ground state",
        "The ground state near its minimum. Published curves are shifted to the minimum of the reference: where they "
        "and the markers part, the settings of the reference are to blame, not the potential.",
    )
    images += embed(
        potential.folder / "eos_curves.png",
        "Energy against volume of all reference crystals",
        "All labelled crystals. Markers: reference. Lines: potential, thin where it is alone. Energies count from each "
        "source's own ground state, so a wrong order of the phases shows.",
    )
    sources = potential.parameters.get("citation", pd.Series(dtype=str)).dropna().drop_duplicates().tolist()
    cited = Block(text=f"Published values: {'; '.join(sources)}.", note=True)
    table = Table(columns, rows, f"{prefix}Birch–Murnaghan parameters")
    return [
        Block(table=table),
        *([Block(text=f"{text}.")] if text else []),
        *present(images),
        *([cited] if sources else []),
    ]
