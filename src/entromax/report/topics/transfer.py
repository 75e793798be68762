"""Transfer: the library against a conventional set, each tested on both."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from entromax.report.kit import (
    BLUE,
    ORANGE,
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
from entromax.report.results import ElementResults, PotentialResults, Robustness, Transfer, TransferErrors, read_written

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


def section(results: ElementResults) -> Section:
    """Return the section on transfer; it has no blocks when no potential was tested so."""
    blocks: list[Block] = []
    for potential in results.potentials:
        if potential.transfer:
            blocks += _blocks(potential, results.prefix(potential), potential.transfer)
    lead = (
        "Two potentials of the same family and settings, fitted to equal numbers of labels of the same engine: one to "
        "the entropy-maximised library, one to a conventional set (strained and vibrating crystals, melts, vacancies, "
        "surfaces). Both are tested on held-out structures of both sets. A set transfers when the potential of the "
        "other one is not much better at home. Both then run through the same hot dynamics and relaxations."
    )
    return Section("transfer", "Transfer", lead, blocks)


def _blocks(potential: PotentialResults, prefix: str, result: Transfer) -> list[Block]:
    rows: list[Sequence[Cell | str]] = []
    for title, on_a, on_b in ((result.a, result.a_on_a, result.a_on_b), (result.b, result.b_on_a, result.b_on_b)):
        rows.append([title, number(on_a.energy_rmse), _force(on_a), number(on_b.energy_rmse), _force(on_b)])
    ratios = (result.away_over_home.on_a, result.away_over_home.on_b)
    factors = [f"× {number(value, 2)}" for ratio in ratios for value in (ratio.energy_rmse, ratio.force_rmse)]
    rows.append(["the other set over its own", *factors])
    columns = ("fitted to", *(f"{what}, {on}" for on in ("entropy set", "conventional set") for what in _HEADINGS))
    blocks = [
        Block(table=Table(columns, rows, f"{prefix}errors on both test sets")),
        Block(table=_costs(prefix, result)),
    ]
    images = embed(
        potential.folder / "transfer_energy.png",
        "Energy error against the number of training labels",
        "Energies. Colour: what the potential was fitted to. Broken lines: tested on the conventional set.",
    )
    picture = potential.folder / "transfer_force.png"
    images += embed(picture, "Force error against the number of training labels", "Forces.")
    return [*blocks, *present(images), *_robustness(prefix, potential.folder)]


def _robustness(prefix: str, folder: Path) -> list[Block]:
    """Return how the potentials of the two whole training sets fare in the same hot runs and relaxations."""
    rows: list[Sequence[Cell | str]] = []
    images = []
    for name, (words, _) in TRAINING.items():
        summary = read_written(folder / f"robustness_{name}.json", Robustness)
        if summary is None:
            continue
        relaxed, failure = summary.relaxations, summary.median_failure
        rows.append(
            [
                words,
                f"{summary.physical} of {summary.tested}",
                "no failure" if failure is None else number(failure),
                f"{relaxed.physical} of {relaxed.runs}" if relaxed.runs else "not made",
                summary.nve.state,
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


def _costs(prefix: str, result: Transfer) -> Table:
    """Return what the two training sets have cost: labels, atoms, CPU time (which no other job disturbs), time."""
    rows = []
    for letter, title in (("a", result.a), ("b", result.b)):
        costs = result.n_labels, result.n_atoms[letter], result.label_cpu_s.get(letter), result.label_seconds[letter]
        rows.append([title, *map(number, costs)])
    return Table(("training set", "labels", "atoms", "CPU time [s]", "time that passed [s]"), rows, f"{prefix}cost")


_HEADINGS = ("energy [meV/atom]", "force [eV/Å]")


def _force(errors: TransferErrors) -> str:
    """Return the force error, and how many structures have none because the potential gave no finite number."""
    return number(errors.force_rmse) + (f" ({errors.not_finite} not finite)" if errors.not_finite else "")
