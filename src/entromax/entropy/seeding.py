"""Seeds without overlaps: random structures relaxed on the soft core, volume kept."""

from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms

from entromax.config.models import CellSettings, SeedSettings
from entromax.entropy.moves import Direction, Fire, choose_direction, displace, force_of
from entromax.entropy.objective import Evaluation, Objective, renew_every
from entromax.features import Batch
from entromax.features.batch import choose
from entromax.structures.geometry import reduced_volume
from entromax.structures.identity import quantise
from entromax.structures.random_cells import random_cell, random_structures

_ATTEMPTS = 50
_RELAXED = 1e-8


def relax_core(batch: Batch, cells: CellSettings, steps: int) -> tuple[Batch, torch.Tensor]:
    """Relax positions and shape of the cells on the soft constraints, at constant volume.

    Args:
        batch: structures, float64.
        cells: bounds.
        steps: largest number of steps.

    Returns:
        The relaxed batch, and [S] true where a structure keeps all hard bounds.
    """
    volume = torch.tensor(cells.volume, dtype=batch.cells.dtype, device=batch.cells.device)
    relaxation = CoreRelaxation(batch, Objective(cells, volume, every=renew_every(batch.cells.device)))
    for _ in range(steps):
        if relaxation.objective.neighbours.due and bool((relaxation.penalty < _RELAXED).all()):
            break
        relaxation.step()
    return relaxation.batch, ~Objective(cells, volume)(relaxation.batch).violations.any


class CoreRelaxation:
    """A batch that relaxes on the soft constraints at constant volume.

    A step asks the device for nothing, unless the neighbours are due to be renewed.
    """

    def __init__(self, batch: Batch, objective: Objective) -> None:
        """Evaluate the start."""
        self.batch, self.objective = batch, objective
        self._fire = Fire(Direction(batch.positions, batch.cells), batch.system)
        start = objective(batch)
        self.penalty, self._force = start.penalty, _at_constant_volume(start, batch)

    def step(self) -> None:
        """Move every structure but those that have outrun their list of neighbours."""
        trial = displace(self.batch, self._fire.step(self._force))
        there = self.objective(trial)
        self.batch = choose(~there.lost, trial, self.batch)
        self._force = choose_direction(~there.lost, _at_constant_volume(there, trial), self._force, trial.system)
        self.penalty = torch.where(there.lost, self.penalty, there.penalty)


def _at_constant_volume(evaluation: Evaluation, batch: Batch) -> Direction:
    force = force_of(evaluation.penalty_gradient, batch, -1.0)
    third = torch.eye(3, dtype=batch.cells.dtype, device=batch.cells.device) / 3
    trace = torch.einsum("saa->s", force.strain)[:, None, None]
    return Direction(force.positions, force.strain - trace * third)


def relaxed_seeds(
    n: int,
    cells: CellSettings,
    rng: np.random.Generator,
    steps: int,
    seeds: SeedSettings | None = None,
    device: torch.device | str = "cpu",
) -> list[Atoms]:
    """Return ``n`` random structures that keep all hard bounds; those that cannot be relaxed are drawn anew.

    Args:
        n: number of structures.
        cells: bounds.
        rng: source of all randomness.
        steps: steps of the relaxation.
        seeds: mixture of kinds; random cells only when omitted.
        device: where they are relaxed; drawn they are on the host, from ``rng``.

    Raises:
        ValueError: after many attempts there are still too few.
    """
    found: list[Atoms] = []
    for _ in range(_ATTEMPTS):
        drawn = random_structures(n - len(found), cells, rng, seeds)
        batch, allowed = relax_core(Batch.from_atoms(drawn, device=device), cells, steps)
        for atoms, seed, good in zip(batch.to_atoms(), drawn, allowed.tolist(), strict=True):
            if good:
                relaxed = quantise(atoms)
                relaxed.info["seed_kind"] = seed.info["seed_kind"]
                found.append(relaxed)
        if len(found) == n:
            return found
    raise ValueError(
        f"only {len(found)} of {n} seeds could be freed of overlaps at v* in {cells.volume} with core_radius "
        f"{cells.core_radius}: lower library.cells.core_radius, raise its volume or library.optimiser.relax_steps"
    )


def matching_random_set(
    structures: Sequence[Atoms], cells: CellSettings, rng: np.random.Generator, steps: int
) -> list[Atoms]:
    """Return random cells with the numbers of atoms and volumes of a set, relaxed on the core only.

    This is what the library has to be compared with: everything is equal but the arrangement of the atoms.

    Args:
        structures: the set, in reduced units.
        cells: bounds.
        rng: source of all randomness.
        steps: steps of the relaxation.

    Raises:
        ValueError: some could not be freed of overlaps.
    """
    made: dict[int, Atoms] = {}
    for _ in range(_ATTEMPTS):
        missing = [k for k in range(len(structures)) if k not in made]
        if not missing:
            return [made[k] for k in range(len(structures))]
        drawn = {}
        for k in missing:
            atoms = random_cell(len(structures[k]), reduced_volume(structures[k]), cells, rng)
            if atoms is not None:
                drawn[k] = atoms
        if drawn:
            batch, allowed = relax_core(Batch.from_atoms(list(drawn.values())), cells, steps)
            relaxed = zip(drawn, batch.to_atoms(), allowed.tolist(), strict=True)
            made |= {k: quantise(atoms) for k, atoms, good in relaxed if good}
    raise ValueError(
        f"{len(structures) - len(made)} of {len(structures)} random cells kept overlaps; raise relax_steps"
    )
