"""Joint optimisation of a batch: as much entropy as the constraints allow (METHOD section 4)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from torch import Tensor

from entromax.config.models import LibrarySettings
from entromax.entropy.functional import EntropyFunctional
from entromax.entropy.lbfgs import Lbfgs
from entromax.entropy.moves import Direction, choose, choose_direction, displace, force_of, levelled
from entromax.entropy.objective import Evaluation, Objective
from entromax.entropy.selection import accept
from entromax.entropy.strata import DatasetState
from entromax.features import Batch, Features, evaluate
from entromax.structures.geometry import reduced_volume

logger = logging.getLogger("entromax.entropy")

_BACK_OFF = 0.5
_GROWTH = 1.05
_GROWTH_LIMIT = 5.0
_LOG_EVERY = 10


@dataclass(frozen=True)
class Maximised:
    """Result of a batch.

    Attributes:
        structures: harvested structures; all keep the hard bounds.
        parents: index of the seed that each has grown from.
        trace: one row per step of what happened on the way.
    """

    structures: list[Atoms]
    parents: list[int]
    trace: pd.DataFrame


def maximise(
    seeds: Sequence[Atoms], state: DatasetState, features: Features, settings: LibrarySettings, device: torch.device
) -> Maximised:
    """Move a batch of feasible structures so that H of dataset and batch together grows, and harvest on the way.

    Every structure moves by L-BFGS in positions and strain under the force

        - grad(U_core + U_volume + U_shape) + K_s d_s,

    d_s the gradient of the *joint* H, levelled (:func:`entromax.entropy.moves.levelled`) so that its largest length is
    1 in each structure and K_s compares directly with the repulsion of the soft core. A step that breaks a hard bound
    is not taken: the structure stays where it was, forgets its history, and its K_s is halved; otherwise K_s grows by
    5 % up to five times its first value. So all structures are feasible at all times, whatever the number of steps.
    Each stays inside its stratum of v*.

    A harvest takes the structures that the dataset accepts (:func:`accept`) as they are, and adds them to it. All
    go on from there: those that did not suffice yet are not lost, and the others are driven away from what they have
    just given, so the next one comes at the price of a few steps instead of a whole climb.

    Args:
        seeds: structures that keep all hard bounds (:func:`entromax.entropy.seeding.relaxed_seeds`).
        state: the dataset that the batch joins.
        features: feature set, on ``device``.
        settings: cells and optimiser.
        device: where the features run.

    Raises:
        ValueError: a seed breaks a hard bound.
    """
    strata = state.stratum([reduced_volume(atoms) for atoms in seeds])
    batch = Batch.from_atoms(seeds, torch.float64, device)
    bounds = torch.tensor(np.stack([state.edges[strata], state.edges[strata + 1]], axis=1), device=device)
    functional = EntropyFunctional(state, strata, device, settings.entropy.apart)
    objective = Objective(settings.cells, bounds, features, functional, settings.optimiser.max_pairs)
    push = torch.full((batch.n_systems,), settings.optimiser.push, dtype=torch.float64, device=device)
    mover = Lbfgs(Direction(batch.positions, batch.cells), batch.system)

    now = objective(batch)
    broken = torch.nonzero(now.violations.any).flatten().tolist()
    if broken:
        raise ValueError(f"seeds {broken} break a hard bound; relax them on the core first")
    ascent, penalty = _directions(now, batch)
    structures: list[Atoms] = []
    parents: list[int] = []
    rows = [_record(0, now, push, 0)]
    for step in range(1, settings.optimiser.steps + 1):
        trial = displace(batch, mover.step(ascent.scaled(push, batch.system) + penalty))
        there = objective(trial)
        kept = ~there.violations.any
        new_ascent, new_penalty = _directions(there, trial)
        ascent = choose_direction(kept, new_ascent, ascent, batch.system)
        penalty = choose_direction(kept, new_penalty, penalty, batch.system)
        batch = choose(kept, trial, batch)
        mover.stop(~kept)
        grown = (push * _GROWTH).clamp(max=_GROWTH_LIMIT * settings.optimiser.push)
        push = torch.where(kept, grown, push * _BACK_OFF)
        if step in settings.optimiser.harvest_steps:
            present = batch.to_atoms()
            chosen, state = _harvest(present, strata, state, features, settings.entropy.worth)
            structures += [present[k] for k in chosen]
            parents += chosen
            objective.functional = EntropyFunctional(state, strata, device, settings.entropy.apart)
        rows.append(_record(step, there, push, len(structures)))
        if step % _LOG_EVERY == 0 or step == settings.optimiser.steps:
            logger.info(
                "step %(step)d: H %(h_nats).3f nats, %(violations)d steps refused, K %(push).2g, %(harvested)d taken",
                rows[-1],
            )
    return Maximised(structures, parents, pd.DataFrame(rows))


def _harvest(
    structures: list[Atoms], strata: np.ndarray, state: DatasetState, features: Features, worth: float
) -> tuple[list[int], DatasetState]:
    """Return which structures the dataset accepts, and the state with them."""
    sizes = np.array([len(atoms) for atoms in structures])
    volumes = np.array([reduced_volume(atoms) for atoms in structures])
    blocks = state.blocks(evaluate(structures, features), sizes, volumes)
    chosen, _, state = accept(blocks, strata, state, worth)
    return sorted(chosen), state


def _directions(evaluation: Evaluation, batch: Batch) -> tuple[Direction, Direction]:
    """Return the levelled direction of growing H and the force of the constraints."""
    ascent = levelled(force_of(evaluation.entropy_gradient, batch, 1.0), batch.system)
    return ascent, force_of(evaluation.penalty_gradient, batch, -1.0)


def _record(step: int, evaluation: Evaluation, push: Tensor, harvested: int) -> dict[str, float]:
    violations = evaluation.violations
    return {
        "step": step,
        "h_nats": evaluation.h,
        "penalty": float(evaluation.penalty.mean()),
        "violations": int(violations.any.sum()),
        "too_close": int(violations.distance.sum()),
        "volume": int(violations.volume.sum()),
        "height": int(violations.height.sum()),
        "push": float(push.mean()),
        "harvested": harvested,
    }
