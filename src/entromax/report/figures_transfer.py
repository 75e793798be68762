"""Figures and section of the transfer test: the library against a conventional set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from entromax.report.html import Block, Cell, Section, Table, embed, number
from entromax.report.results import read_json
from entromax.report.sections import present
from entromax.report.style import BLUE, ORANGE, figure, label_logarithmic

TRAINING = {"entropy": ("entropy set", BLUE), "conventional": ("conventional set", ORANGE)}
"""Name and colour of what a potential was fitted to."""
TESTS = {"entropy": ("-", "o"), "conventional": ("--", "s")}
"""Line and marker of what it is tested on."""
MEASURES = {"energy": ("energy_rmse", "energy RMSE [meV/atom]"), "force": ("force_rmse", "force RMSE [eV/Å]")}


def draw_learning_curve(axes: Axes, curve: pd.DataFrame, column: str, label: str) -> None:
    """Draw errors against the number of training labels, one line for each training and test set.

    Args:
        axes: to draw into.
        curve: table of ``validate_transfer``.
        column: error to draw.
        label: of the axis.
    """
    for trained, (own, colour) in TRAINING.items():
        for tested, (line, marker) in TESTS.items():
            part = curve[(curve["training"] == trained) & (curve["tested_on"] == tested)].sort_values("labels")
            text = f"{own} on {'itself' if trained == tested else 'the other'}"
            axes.plot(part["labels"], part[column], color=colour, ls=line, marker=marker, ms=6, lw=1.8, label=text)
    if (curve[column] > 0).any():
        axes.set_yscale("log")
        label_logarithmic(axes.yaxis)
    axes.set_xticks(sorted(curve["labels"].unique()))
    axes.set(xlabel="training labels", ylabel=label)


def plot_transfer(files: Mapping[str, str | Path]) -> None:
    """Draw the learning curves: read ``curve`` (CSV) of ``validate_transfer``, write ``energy`` and ``force`` (PNG)."""
    curve = pd.read_csv(files["curve"])
    for name, (column, label) in MEASURES.items():
        table = curve[
            ["training", "tested_on", "percent", "labels", "training_atoms", "seconds", "cpu_seconds", column]
        ]
        with figure(files[name], table, height=4.6) as axes:
            draw_learning_curve(axes, curve, column, label)
            axes.legend(
                title="fitted to … tested on", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=10
            )


def transfer_section(folders: Mapping[str, Path]) -> Section:
    """Return the section on transfer.

    Args:
        folders: validation folder of each potential of the element, by its name.

    Returns:
        A section without blocks when no potential was tested so.
    """
    blocks: list[Block] = []
    for name, folder in folders.items():
        result = read_json(folder / "transfer.json")
        if result:
            blocks += _blocks(name if len(folders) > 1 else "", folder, result)
    lead = (
        "Two potentials of the same family and settings, fitted to equal numbers of labels of the same engine: one to "
        "the entropy-maximised library, one to a conventional set (strained and vibrating crystals, melts, vacancies, "
        "surfaces). Both are tested on held-out structures of both sets. A set transfers when the potential of the "
        "other one is not much better at home. Both then run through the same hot dynamics and relaxations."
    )
    return Section("transfer", "Transfer", lead, blocks)


def _blocks(name: str, folder: Path, result: Mapping[str, Any]) -> list[Block]:
    prefix = f"{name}: " if name else ""
    rows: list[Sequence[Cell | str]] = []
    for letter, title in (("a", result["a"]), ("b", result["b"])):
        cells = [result[f"{letter}_on_{tested}"] for tested in ("a", "b")]
        rows.append([title, *(text for cell in cells for text in (number(cell["energy_rmse"]), _force(cell)))])
    ratios = [result["away_over_home"][f"on_{tested}"] for tested in ("a", "b")]
    factors = [f"× {number(ratio[key], 2)}" for ratio in ratios for key in ("energy_rmse", "force_rmse")]
    rows.append(["the other set over its own", *factors])
    columns = ("fitted to", *(f"{what}, {on}" for on in ("entropy set", "conventional set") for what in _HEADINGS))
    blocks = [
        Block(table=Table(columns, rows, f"{prefix}errors on both test sets")),
        Block(table=_costs(prefix, result)),
    ]
    images = embed(
        folder / "transfer_energy.png",
        "Energy error against the number of training labels",
        "Energies. Colour: what the potential was fitted to. Broken lines: tested on the conventional set.",
    )
    images += embed(folder / "transfer_force.png", "Force error against the number of training labels", "Forces.")
    return [*blocks, *present(images), *_robustness(prefix, folder)]


def _robustness(prefix: str, folder: Path) -> list[Block]:
    """Return how the potentials of the two whole training sets fare in the same hot runs and relaxations."""
    rows: list[Sequence[Cell | str]] = []
    images = []
    for name, (words, _) in TRAINING.items():
        summary = read_json(folder / f"robustness_{name}.json")
        if not summary:
            continue
        relaxed, failure = summary["relaxations"], summary["median_failure"]
        rows.append(
            [
                words,
                f"{summary['physical']} of {summary['runs'] - summary['skipped']}",
                "no failure" if failure is None else number(failure),
                f"{relaxed['physical']} of {relaxed['runs']}" if relaxed["runs"] else "not made",
                summary["nve"]["state"],
            ]
        )
        picture = folder / f"robustness_{name}_runs.png"
        images += embed(picture, f"Map of dynamics runs, {words}", f"Dynamics with the potential of the {words}.")
    columns = (
        "fitted to",
        "runs that stay physical",
        "median time to failure [fs]",
        "relaxations",
        "without thermostat",
    )
    return [Block(table=Table(columns, rows, f"{prefix}robustness")), *present(images)] if rows else []


def _costs(prefix: str, result: Mapping[str, Any]) -> Table:
    """Return what the two training sets have cost: labels, atoms, CPU time (which no other job disturbs), time."""
    processor = result.get("label_cpu_s", {})  # campaigns before its time do not know it
    rows = []
    for letter in ("a", "b"):
        costs = result["n_labels"], result["n_atoms"][letter], processor.get(letter), result["label_seconds"][letter]
        rows.append([result[letter], *map(number, costs)])
    return Table(("training set", "labels", "atoms", "CPU time [s]", "time that passed [s]"), rows, f"{prefix}cost")


_HEADINGS = ("energy [meV/atom]", "force [eV/Å]")


def _force(cell: Mapping[str, Any]) -> str:
    """Return the force error, and how many structures have none because the potential gave no finite number."""
    lost = cell["not_finite"]
    return number(cell["force_rmse"]) + (f" ({lost} not finite)" if lost else "")
