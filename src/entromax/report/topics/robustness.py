"""Robustness: the map of hot and compressed runs, relaxations, the run at constant energy, what fails."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.patches import Rectangle

from entromax.report.kit import (
    GREY,
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
    signed,
)
from entromax.report.results import Crystal, ElementResults, PotentialResults

STATE_COLOURS = {"physical": "#A6DBC8", "failed": "#F2B391", "skipped": "#E3E7EB"}
STATE_MARKS = {"physical": "✓", "failed": "✗", "skipped": "–"}


def plot_robustness(runs: str | Path, path: str | Path) -> None:
    """Draw the map of the hot runs.

    Args:
        runs: CSV of ``validate_robustness``.
        path: PNG, of the same name.
    """
    table = pd.read_csv(runs)
    with figure(path, None, height=1.5 + 0.85 * table["compression"].nunique()) as axes:
        draw_robustness(axes, table)


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


def _duration(femtoseconds: float) -> str:
    return f"{femtoseconds / 1000:.2g} ps" if femtoseconds >= 1000 else f"{femtoseconds:.0f} fs"


def findings(_: ElementResults, potential: PotentialResults) -> list[Finding]:
    """Return which runs fail, and how."""
    found, red = [], Light("red")
    if not potential.runs.empty:
        hot = potential.runs[potential.runs["kind"] == "hot"]
        for (compression, temperature), part in hot.groupby(["compression", "temperature"]):
            failed = part[part["state"] == "failed"]
            if len(failed):
                first = failed.sort_values("time").to_dict("records")[0]
                count = "" if len(part) == 1 else f" in {len(failed)} of {len(part)} runs, first"
                text = f"Dynamics at {temperature:g} K and V/V₀ = {compression:g} failed{count} after "
                found.append(Finding(red, f"{text}{first['time']:.0f} fs: {first['reason']}."))
    if potential.robustness is None:
        return found
    relaxed, nve = potential.robustness.relaxations, potential.robustness.nve
    if relaxed.physical < relaxed.runs:
        lost = relaxed.runs - relaxed.physical
        found.append(Finding(red, f"{lost} of {relaxed.runs} relaxations of random cells ended unphysical."))
    if nve.state != "conserved":
        found.append(Finding(red, f"Dynamics at constant energy: {nve.reason}."))
    return found


def section(results: ElementResults) -> Section:
    """Return the section on robustness with all potentials of the element."""
    robust = results.settings.validation.robustness
    blocks = [block for one in results.potentials for block in _blocks(one, results.prefix(one))]
    return Section(
        "robustness",
        "Robustness",
        f"Molecular dynamics of at least {robust.atoms} atoms for {robust.steps} steps of {robust.timestep:g} fs "
        "from the perfect crystal. A run fails when atoms come closer than "
        f"{robust.min_distance_ratio:g} of their covalent diameter (or of the crystal's shortest distance, if less), "
        "when energy or forces are not finite, "
        "or when energy or temperature run away.",
        blocks,
    )


def _blocks(potential: PotentialResults, prefix: str) -> list[Block]:
    """Return the map of runs and the run at constant energy."""
    summary = potential.robustness
    if summary is None:
        return []
    nve, relaxed = summary.nve, summary.relaxations
    drift = "–" if nve.drift is None else f"{signed(nve.drift)} meV/atom/ps"
    states = {"conserved": Light("green"), "drifts": Light("red"), "failed": Light("red")}
    ended = f"{relaxed.physical} of {relaxed.runs}, {relaxed.converged} converged"
    failure = "no failure" if summary.median_failure is None else f"{number(summary.median_failure)} fs"
    rows: list[Sequence[Cell | str]] = [
        ("runs that stay physical", f"{summary.physical} of {summary.tested}"),
        ("median time to failure of the others", failure),
        *([("relaxed random cells that stay physical", ended)] if relaxed.runs else []),
        *_stayed(summary.crystal),
        ("energy drift without thermostat", Cell(drift, states[nve.state])),
        ("fluctuation of that energy", f"{number(nve.fluctuation)} meV/atom"),
        ("cost of the potential", f"{number(summary.microseconds_per_atom_step)} µs per atom and step"),
    ]
    images = embed(
        potential.folder / "robustness_runs.png",
        "Map of dynamics runs by temperature and compression",
        "What happened to each run, how long it lasted, and the closest pair at its end.",
    )
    return [Block(table=Table((f"{prefix}dynamics", "result"), rows)), *present(images)]


def _stayed(crystal: Crystal | None) -> list[tuple[str, str]]:
    """Return what became of the ground state at room temperature."""
    if crystal is None:
        return []
    ratio, lost = number(crystal.lindemann), crystal.neighbours_lost
    text = crystal.reason or f"{ratio} d_nn from its sites, {lost} neighbours lost"
    return [("ground state at 300 K and V₀", text)]
