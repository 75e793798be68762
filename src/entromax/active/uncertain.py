"""The pool of ignorance: what a linear fit would learn most from, of the rest of the library and of dynamics."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from entromax.active.committee import Bounds, Committee
from entromax.active.information import most_telling, wanted
from entromax.active.search import Candidate, Search
from entromax.config.models import RobustnessSettings
from entromax.potentials.posterior import Posterior
from entromax.potentials.weights import above_labels
from entromax.structures import with_sid
from entromax.structures.geometry import bare, right_handed
from entromax.structures.kinds import ACTIVE
from entromax.validation.robustness import Task, run_task, tasks

logger = logging.getLogger("entromax.active")


def uncertain(search: Search, n: int) -> tuple[list[Atoms], pd.DataFrame, pd.DataFrame]:
    """Choose structures whose labels would make the fit most certain of those that lie low for their volume.

    See :func:`entromax.active.information.most_telling`.

    Args:
        search: what is known so far; the potential is of a linear family.
        n: how many; fewer when there are not so many.

    Returns:
        The chosen ones, best first, the table of all (see ``Search.survey``), and one row per run of dynamics.
    """
    found = [Candidate(atoms, "library") for atoms in search.unlabelled(ACTIVE)]
    rows: list[dict[str, Any]] = []
    if (dynamics := search.settings.dynamics) is not None:
        moving, rows = dynamics_candidates(search.crystal, search.committee, search.bounds, dynamics, search.seed)
        found += moving
    everything = {candidate.atoms.info["sid"]: candidate for candidate in found}
    candidates = [candidate for sid, candidate in everything.items() if sid not in search.labelled]
    table = search.survey(candidates)
    usable = np.flatnonzero(table["excluded"] == "")
    order = usable[telling(search, [candidates[k].atoms for k in usable], table.iloc[usable], n)]
    table.loc[order, "rank"] = np.arange(1, len(order) + 1)
    return [candidates[k].atoms for k in order], table, pd.DataFrame(rows, columns=None if rows else ["state"])


def telling(search: Search, structures: Sequence[Atoms], table: pd.DataFrame, n: int) -> np.ndarray:
    """Return which ``n`` structures to label, best first; ``table`` is what the committee says about them."""
    if not structures:
        return np.empty(0, dtype=int)
    posterior = Posterior.load(search.potential, search.train)
    volumes, energies = table["volume"].to_numpy(), table["energy"].to_numpy()
    errors = posterior.errors(volumes, energies)
    targets = wanted(above_labels(volumes, energies, search.train))
    rows, owners, kinds = posterior.rows([right_handed(atoms) for atoms in structures])
    return most_telling(rows, errors[owners, kinds], owners, kinds, targets, n)


class Watcher:
    """Keeps, of all states of a run that it is shown, the one of largest score inside the bounds."""

    def __init__(self, committee: Committee, bounds: Bounds) -> None:
        """Start with nothing."""
        self._committee, self._bounds = committee, bounds
        self._score = 0.0
        self.best: Atoms | None = None

    def __call__(self, atoms: Atoms) -> None:
        """Look at a state."""
        opinion = self._committee.opinion(atoms)
        if opinion.score > self._score and not self._bounds.broken(atoms, opinion):
            self._score = opinion.score
            self.best = bare(atoms)


def dynamics_candidates(
    crystal: Atoms, committee: Committee, bounds: Bounds, settings: RobustnessSettings, seed: int
) -> tuple[list[Candidate], list[dict[str, Any]]]:
    """Run the dynamics of the robustness test; return at most one structure of each run, and the rows of the runs.

    One of each, because states of one path are much alike.

    Args:
        crystal: ground state at equilibrium volume.
        committee: drives and judges.
        bounds: of what may be chosen.
        settings: runs to make.
        seed: of velocities, thermostat and random cells.
    """
    found, rows = [], []
    for task in tasks(settings):
        watcher = Watcher(committee, bounds)
        row = run_task(task, crystal, committee.calculator, settings, seed, watcher)
        rows.append(row)
        if watcher.best is not None:
            watcher.best.wrap()
            atoms = with_sid(watcher.best)
            atoms.info |= {"element": crystal.symbols[0], "library_sid": "", "config_type": ACTIVE}
            found.append(Candidate(atoms, "dynamics", describe(task)))
    logger.info("%d runs with the committee gave %d candidates", len(rows), len(found))
    return found, rows


def describe(task: Task) -> str:
    """Return the name of a run, such as ``hot 3000 K, V/V0 0.85, 2``."""
    if task.kind == "relaxation":
        return f"relaxation {task.repeat}"
    return f"{task.kind} {task.temperature:g} K, V/V0 {task.compression:g}, {task.repeat}"
