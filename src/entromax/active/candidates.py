"""Where unlabelled structures come from: the rest of the library, and dynamics with the committee."""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ase import Atoms

from entromax.active.committee import Bounds, Committee
from entromax.config.models import RobustnessSettings
from entromax.structures import read_structures, reduced_volume, scale_structure, with_sid
from entromax.structures.geometry import bare
from entromax.structures.kinds import ACTIVE
from entromax.validation.robustness import Task, run_task, tasks

logger = logging.getLogger("entromax.active")


@dataclass(frozen=True)
class Candidate:
    """An unlabelled structure [Å] and where it was found: ``library``, or the run of dynamics (``found``)."""

    atoms: Atoms
    origin: str
    found: str = ""


def library_candidates(
    library: str | Path,
    *,
    element: str,
    d_nn: float,
    volume: tuple[float, float],
    skip: int,
    labelled: Collection[str],
    n: int,
) -> Iterator[Candidate]:
    """Yield the next ``n`` library structures of an element, as ``scale_structures`` makes them.

    Args:
        library: ordered library in reduced units.
        element: chemical symbol.
        d_nn: length by which the library is scaled [Å].
        volume: smallest and largest v* that suits the element [d_nn^3].
        skip: suitable structures at the beginning of the library that are labelled anyway.
        labelled: sids that are left out.
        n: how many, at most.
    """
    fitting = (atoms for atoms in read_structures(library) if volume[0] <= reduced_volume(atoms) <= volume[1])
    scaled = (scale_structure(atoms, element, d_nn) for atoms in islice(fitting, skip, None))
    for atoms in islice((atoms for atoms in scaled if atoms.info["sid"] not in labelled), n):
        atoms.info["config_type"] = ACTIVE
        yield Candidate(atoms, "library")


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
