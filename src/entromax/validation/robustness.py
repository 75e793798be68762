"""Does a potential stay physical: hot, compressed, from random cells, without thermostat? (METHOD section 9.4)."""

import logging
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from threadpoolctl import threadpool_limits

from entromax.config.models import CellSettings, RobustnessSettings
from entromax.potentials import load_potential
from entromax.runtime import atomic_path, write_json
from entromax.structures.geometry import shortest_distance, supercell
from entromax.structures.io import read_structures
from entromax.structures.random_cells import random_cell
from entromax.validation.dynamics import (
    HOLE_MARGIN,
    Limits,
    Watch,
    closest_allowed,
    hot_run,
    nobody,
    nve_run,
    relaxation,
)
from entromax.validation.stability import ROOM_TEMPERATURE, crystal_run

log = logging.getLogger(__name__)

RELAXED_ATOMS = (2, 8)
"""Atoms in the random cells that are relaxed."""
RELAXED_VOLUME = (0.85, 1.6)
"""Their volume per atom over that of the ground state."""


CRYSTAL = "crystal"
"""Kind of the run in which the ground state must stay itself."""


@dataclass(frozen=True)
class Task:
    """One run: ``kind`` is hot, relaxation, nve or crystal; every run has random numbers of its own."""

    kind: str
    repeat: int = 0
    temperature: float = 0.0
    compression: float = 1.0

    def rng(self, seed: int) -> np.random.Generator:
        """Return the random numbers of this run: adding or leaving out others changes nothing in it."""
        number = ("hot", "relaxation", "nve", CRYSTAL).index(self.kind)
        return np.random.default_rng(
            [seed, number, self.repeat, round(1000 * self.temperature), round(1e6 * self.compression)]
        )


def tasks(settings: RobustnessSettings) -> list[Task]:
    """Return all runs: the one at constant energy (at the lowest temperature), the hot ones, the relaxations."""
    grid = product(settings.compressions, settings.temperatures, range(settings.repeats))
    return [
        Task("nve", temperature=min(settings.temperatures)),
        *(Task("hot", repeat, temperature, compression) for compression, temperature, repeat in grid),
        *(Task("relaxation", repeat) for repeat in range(settings.relaxations)),
    ]


def all_tasks(settings: RobustnessSettings) -> list[Task]:
    """Return what the robustness test runs: :func:`tasks` and the ground state at room temperature."""
    return [Task(CRYSTAL, temperature=ROOM_TEMPERATURE), *tasks(settings)]


def random_start(crystal: Atoms, min_distance: float, rng: np.random.Generator) -> Atoms:
    """Return a random cell of 2 to 8 atoms without pairs closer than ``min_distance`` [Å]."""
    cells = CellSettings()
    volume = crystal.get_volume() / len(crystal)
    while True:
        size = int(rng.integers(RELAXED_ATOMS[0], RELAXED_ATOMS[1] + 1))
        drawn = random_cell(size, volume * rng.uniform(*RELAXED_VOLUME), cells, rng)
        if drawn is not None and shortest_distance(drawn, min_distance) >= min_distance:
            return Atoms([crystal.symbols[0]] * size, positions=drawn.positions, cell=drawn.cell, pbc=True)


def run_task(
    task: Task,
    crystal: Atoms,
    calculator: BaseCalculator,
    settings: RobustnessSettings,
    seed: int,
    watch: Watch = nobody,
) -> dict[str, Any]:
    """Run one task from ``crystal`` (ground state at equilibrium); return its row, ``kind`` and ``repeat`` first.

    ``watch`` is shown the physical states on the way.
    """
    cell, rng = supercell(crystal, settings.atoms, symmetric=False), task.rng(seed)
    probe = cell.copy()
    probe.calc = calculator
    floor = probe.get_potential_energy() / len(probe) - HOLE_MARGIN
    if task.kind == "relaxation":
        limits = Limits(closest_allowed(crystal, settings), floor)
        start = random_start(crystal, limits.distance, rng)
        row = relaxation(start, calculator, limits=limits, steps=settings.relaxation_steps, watch=watch)
    elif task.kind == CRYSTAL:
        large = supercell(crystal, settings.crystal_atoms, symmetric=False)
        row = crystal_run(large, calculator, floor=floor, settings=settings, rng=rng, watch=watch)
    elif task.kind == "nve":
        row = nve_run(
            cell, calculator, temperature=task.temperature, floor=floor, settings=settings, rng=rng, watch=watch
        )
    else:
        row = hot_run(
            cell,
            calculator,
            temperature=task.temperature,
            compression=task.compression,
            floor=floor,
            settings=settings,
            rng=rng,
            watch=watch,
        )
        log.info("%g K, V/V0 %g: %s %s", task.temperature, task.compression, row["state"], row["reason"])
    return {"kind": task.kind, "repeat": task.repeat, **row}


def run_robustness(
    crystal: Atoms, calculator: BaseCalculator, settings: RobustnessSettings, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run all tasks one after the other; see :func:`summarise_runs`.

    Args:
        crystal: ground state at its equilibrium volume.
        calculator: the potential.
        settings: runs to make and criteria.
        seed: of velocities, thermostat and random cells.
    """
    return summarise_runs(
        [run_task(task, crystal, calculator, settings, seed) for task in all_tasks(settings)], settings.timestep
    )


def summarise_runs(rows: list[dict[str, Any]], timestep: float) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a table of the hot runs and relaxations, and a summary.

    Args:
        rows: of :func:`run_task`.
        timestep: [fs].

    Returns:
        One row per run of ``hot_run`` and ``relaxation``, and a summary: of the hot runs ``runs``, ``physical``,
        ``skipped``, ``fraction`` (None when nothing could be tested) and ``median_failure`` (time to failure, fs; None
        without failures); ``relaxations`` (``runs``, ``physical``, ``converged``); ``nve``; ``crystal`` (None
        where it was not run); ``seconds``; ``microseconds_per_atom_step`` of the dynamics.
    """
    nve = next(row for row in rows if row["kind"] == "nve")
    crystal = next((row for row in rows if row["kind"] == CRYSTAL), None)
    table = pd.DataFrame([row for row in rows if row["kind"] not in ("nve", CRYSTAL)])
    hot = table[table["kind"] == "hot"]
    relaxed = table[table["kind"] == "relaxation"]
    tested, failed = hot[hot["state"] != "skipped"], hot[hot["state"] == "failed"]
    atom_steps = float(((hot["time"] * hot["atoms"]).sum() + nve["time"] * nve["atoms"]) / timestep)
    moving = float(hot["seconds"].sum() + nve["seconds"])
    summary = {
        "runs": len(hot),
        "physical": int((hot["state"] == "physical").sum()),
        "skipped": int((hot["state"] == "skipped").sum()),
        "fraction": float((tested["state"] == "physical").mean()) if len(tested) else None,
        "median_failure": float(failed["time"].median()) if len(failed) else None,
        "relaxations": {
            "runs": len(relaxed),
            "physical": int((relaxed["state"] == "physical").sum()),
            "converged": sum(bool(row["converged"]) for row in rows if row["kind"] == "relaxation"),
        },
        "nve": _plain(nve),
        "crystal": None if crystal is None else _plain(crystal),
        "seconds": float(sum(row["seconds"] for row in rows)),
        "microseconds_per_atom_step": 1e6 * moving / atom_steps if atom_steps else None,
    }
    return table, summary


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("kind", "repeat")}


def _run_part(
    potential: str | Path, part: list[Task], crystal: Atoms, settings: RobustnessSettings, seed: int
) -> list[dict[str, Any]]:
    """Load the potential and run some of the tasks: the work of one process, on one core."""
    calculator = load_potential(potential)
    # Snakemake lets every library take as many threads as the job has cores: in each of several processes too many.
    torch.set_num_threads(1)  # the limit below does not reach all of Torch
    with threadpool_limits(1):
        return [run_task(task, crystal, calculator, settings, seed) for task in part]


def run_parallel(
    potential: str | Path, crystal: Atoms, settings: RobustnessSettings, seed: int, workers: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return what :func:`run_robustness` returns, the runs spread over ``workers`` processes.

    Which process makes a run does not change it. Processes are forked: started anew, each would import the script of
    the rule again.
    """
    everything = all_tasks(settings)
    parts = [everything[k::workers] for k in range(min(workers, len(everything)))]
    if len(parts) == 1:
        rows = _run_part(potential, everything, crystal, settings, seed)
    else:
        with ProcessPoolExecutor(len(parts), mp_context=multiprocessing.get_context("fork")) as pool:
            futures = [pool.submit(_run_part, potential, part, crystal, settings, seed) for part in parts]
            made = [future.result() for future in futures]
        rows = [made[k % len(parts)][k // len(parts)] for k in range(len(everything))]
    return summarise_runs(rows, settings.timestep)


def validate_robustness(
    reference: str | Path,
    potential: str | Path,
    *,
    ground_state: str,
    settings: RobustnessSettings,
    seed: int,
    runs: str | Path,
    metrics: str | Path,
    workers: int = 1,
) -> None:
    """Run all tasks from the labelled ground state of lowest energy; write runs (CSV) and summary (JSON).

    Args:
        reference: extended XYZ of the labelled crystals.
        potential: folder of the fitted potential.
        ground_state: name of the ground-state crystal (``config_type`` in ``reference``).
        settings: runs to make and criteria.
        seed: of velocities, thermostat and random cells.
        runs: CSV written.
        metrics: JSON written.
        workers: processes.

    Raises:
        ValueError: the ground state is not among the labelled crystals.
    """
    table, summary = run_parallel(potential, lowest_crystal(reference, ground_state), settings, seed, workers)
    with atomic_path(runs) as temporary:
        table.to_csv(temporary, index=False)
    write_json(metrics, summary | {"settings": settings.model_dump(), "seed": seed})


def lowest_crystal(reference: str | Path, ground_state: str) -> Atoms:
    """Return the labelled ground-state crystal of lowest energy.

    Raises:
        ValueError: there is none.
    """
    crystals = [atoms for atoms in read_structures(reference) if atoms.info.get("config_type") == ground_state]
    if not crystals:
        raise ValueError(f"{reference}: no labelled crystal {ground_state!r}; label the ground state first")
    return min(crystals, key=lambda atoms: float(atoms.info["REF_energy"]) / len(atoms))
