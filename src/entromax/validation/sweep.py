"""Accuracy against cost of the potentials of a sweep, and the rule that takes one of them."""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from ase.build import bulk
from ase.calculators.calculator import BaseCalculator

from entromax.potentials import load_potential
from entromax.potentials.base import CARD
from entromax.runtime import atomic_path, write_json
from entromax.structures.io import read_structures
from entromax.validation.errors import predict, summarise

TOLERANCE = 0.1
"""The cheapest potential whose score is at most this part above the best one is taken."""


def microseconds_per_atom(calculator: BaseCalculator, element: str, d_nn: float, steps: int = 10) -> float:
    """Return the CPU time of energy and forces per atom and step [µs], in a rattled cell of 32 atoms that moves.

    Args:
        calculator: the potential.
        element: chemical symbol.
        d_nn: nearest-neighbour distance [Å]: the cell is close packed at this distance.
        steps: how many are averaged, after one that is not counted.
    """
    atoms = bulk(element, "fcc", a=d_nn * 2**0.5).repeat((2, 4, 4))
    rng = np.random.default_rng(0)
    atoms.positions += rng.normal(scale=0.03 * d_nn, size=atoms.positions.shape)
    atoms.calc = calculator
    atoms.get_forces()
    started = time.process_time()
    for _ in range(steps):
        atoms.positions += rng.normal(scale=0.002 * d_nn, size=atoms.positions.shape)
        atoms.get_forces()
    return 1e6 * (time.process_time() - started) / steps / len(atoms)


def compare_sweep(
    potentials: Mapping[str, str | Path], validation: str | Path, *, element: str, d_nn: float
) -> pd.DataFrame:
    """Return one row per potential of a sweep, cheapest first.

    Columns: ``point``; ``energy_rmse`` [meV/atom], ``force_rmse`` [eV/Å], ``stress_rmse`` [GPa] on the validation set;
    ``microseconds`` per atom and step; ``score``: geometric mean of energy and force RMSE, each over the smallest of
    the sweep [1]; ``pareto``: nothing cheaper is as accurate; ``chosen``.

    Args:
        potentials: folders of the fitted potentials by name of the point.
        validation: labelled structures the fits have not seen; the test set is left for the final judgement.
        element: chemical symbol.
        d_nn: nearest-neighbour distance [Å].

    Raises:
        ValueError: the validation set is empty, or no potential of the sweep gives finite numbers for it.
    """
    structures = read_structures(validation)
    if not structures:
        raise ValueError(f"{validation}: is empty, a sweep cannot be judged; raise dataset.validation_fraction")
    rows = []
    for point, folder in potentials.items():
        calculator = load_potential(folder)
        errors = summarise(predict(structures, calculator, "validation")[0])
        usable = errors["not_finite"] == 0
        found = {key: errors[key] if usable else np.inf for key in ("energy_rmse", "force_rmse", "stress_rmse")}
        rows.append({"point": point, **found, "microseconds": microseconds_per_atom(calculator, element, d_nn)})
    return rank(pd.DataFrame(rows))


def rank(table: pd.DataFrame) -> pd.DataFrame:
    """Add ``score``, ``pareto`` and ``chosen`` (see ``compare_sweep``) and sort by cost.

    Raises:
        ValueError: no row is finite.
    """
    finite = table[np.isfinite(table["energy_rmse"]) & np.isfinite(table["force_rmse"])]
    if finite.empty:
        raise ValueError("no potential of the sweep gives finite numbers for the validation set")
    table = table.sort_values("microseconds", ignore_index=True)
    best = finite["energy_rmse"].min() * finite["force_rmse"].min()
    table["score"] = np.sqrt(table["energy_rmse"] * table["force_rmse"] / best)
    before = table["score"].cummin().shift(fill_value=np.inf)
    table["pareto"] = table["score"] < before
    within = table["score"] <= (1 + TOLERANCE) * table["score"].min()
    table["chosen"] = table.index == within.idxmax()
    return table


def choose_potential(
    potentials: Mapping[str, str | Path],
    validation: str | Path,
    *,
    element: str,
    d_nn: float,
    potential: str | Path,
    table: str | Path,
    chosen: str | Path,
) -> pd.DataFrame:
    """Compare the potentials of a sweep and put the chosen one into the folder ``potential``.

    Args:
        potentials: see ``compare_sweep``, like ``validation``, ``element`` and ``d_nn``.
        validation: labelled structures.
        element: chemical symbol.
        d_nn: nearest-neighbour distance [Å].
        potential: output folder, a copy of the chosen one.
        table: CSV written, see ``compare_sweep``.
        chosen: JSON written: the name of the chosen one, its settings and the reason.
    """
    rows = compare_sweep(potentials, validation, element=element, d_nn=d_nn)
    taken = rows[rows["chosen"]].iloc[0]
    point = str(taken["point"])
    reason = (
        f"cheapest of {len(rows)} ({taken['microseconds']:.0f} µs per atom and step) whose score {taken['score']:.3f} "
        f"is within {TOLERANCE:.0%} of the best, {rows['score'].min():.3f}; the score is the geometric mean of energy "
        "and force RMSE on the validation set, each over the smallest of the sweep"
    )
    settings = json.loads((Path(potentials[point]) / CARD).read_text())["settings"]
    with atomic_path(table) as temporary:
        rows.to_csv(temporary, index=False)
    write_json(chosen, {"chosen": point, "reason": reason, "settings": settings})
    shutil.copytree(potentials[point], potential, dirs_exist_ok=True)
    return rows
