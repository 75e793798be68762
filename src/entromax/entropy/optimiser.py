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
from entromax.entropy.moves import Direction, choose_direction, displace, force_of, levelled
from entromax.entropy.objective import Evaluation, Objective, renew_every
from entromax.entropy.selection import accept
from entromax.entropy.strata import DatasetState
from entromax.features import Batch, Features, environments
from entromax.features.batch import choose
from entromax.structures.constraints import cell_volumes
from entromax.structures.geometry import reduced_volume

logger = logging.getLogger("entromax.entropy")

_BACK_OFF = 0.5
_GROWTH = 1.05
_GROWTH_LIMIT = 5.0
_LOG_EVERY = 10
_COLUMNS = dict.fromkeys(["h_nats", "penalty"], float) | {
    **dict.fromkeys(["violations", "too_close", "volume", "height", "waiting"], int),
    "push": float,
}


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


class Climb:
    """A batch on its way; one call of :meth:`step` is one step of every structure.

    A step asks the device for nothing, unless the neighbours are due to be renewed.

    Args:
        batch: structures that keep all hard bounds.
        objective: what is climbed.
        push: entropic force at the start.
    """

    def __init__(self, batch: Batch, objective: Objective, push: float) -> None:
        """Evaluate the start."""
        self.batch, self.objective = batch, objective
        self.start = objective(batch)
        self._first_push = push
        self._push = torch.full_like(batch.cells[:, 0, 0], push)
        self._mover = Lbfgs(Direction(torch.zeros_like(batch.positions), torch.zeros_like(batch.cells)), batch.system)
        self._ascent, self._penalty = _directions(self.start, batch)
        self.records = [self._record(self.start)]

    def step(self) -> None:
        """Move every structure, or leave it where it is when that would break a bound."""
        system = self.batch.system
        force = self._ascent.scaled(self._push, system) + self._penalty
        trial = displace(self.batch, self._mover.step(force))
        there = self.objective(trial)
        refused = there.violations.any & ~there.lost
        kept = ~(refused | there.lost)
        ascent, penalty = _directions(there, trial)
        self._ascent = choose_direction(kept, ascent, self._ascent, system)
        self._penalty = choose_direction(kept, penalty, self._penalty, system)
        self.batch = choose(kept, trial, self.batch)
        self._mover.stop(refused)
        self._mover.hold(there.lost)
        grown = torch.where(there.lost, self._push, self._push * _GROWTH).clamp(max=_GROWTH_LIMIT * self._first_push)
        self._push = torch.where(refused, self._push * _BACK_OFF, grown)
        self.records.append(self._record(there))

    def _record(self, there: Evaluation) -> Tensor:
        """Row of the trace, on the device: the columns of ``_COLUMNS``."""
        found = there.violations
        counts = [kind.sum() for kind in (found.any, found.distance, found.volume, found.height, there.lost)]
        return torch.stack([there.h, there.penalty.mean(), *(n.to(there.h.dtype) for n in counts), self._push.mean()])


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
    Each stays inside its stratum of v*. A structure that has outrun its list of neighbours waits for the next one
    (:mod:`entromax.features.slots`).

    A harvest takes the structures that the dataset accepts (:func:`accept`) as they are, and adds them to it. All
    go on from there: those that did not suffice yet are not lost, and the others are driven away from what they have
    just given, so the next one comes at the price of a few steps instead of a whole climb.

    Args:
        seeds: structures that keep all hard bounds (:func:`entromax.entropy.seeding.relaxed_seeds`).
        state: the dataset that the batch joins.
        features: feature set, on ``device``.
        settings: cells and optimiser.
        device: where everything but the harvests' choice runs.

    Raises:
        ValueError: a seed breaks a hard bound.
    """
    options = settings.optimiser
    strata = state.stratum([reduced_volume(atoms) for atoms in seeds])
    sizes = np.array([len(atoms) for atoms in seeds])
    batch = Batch.from_atoms(seeds, torch.float64, device)
    bounds = torch.tensor(np.stack([state.edges[strata], state.edges[strata + 1]], axis=1), device=device)
    functional = EntropyFunctional(state, strata, sizes, device, settings.entropy.apart)
    objective = Objective(settings.cells, bounds, features, functional, options.max_pairs, renew_every(device))
    climb = Climb(batch, objective, options.push)
    broken = torch.nonzero(climb.start.violations.any).flatten().tolist()
    if broken:
        raise ValueError(f"seeds {broken} break a hard bound; relax them on the core first")
    structures: list[Atoms] = []
    parents: list[int] = []
    harvested = [0]
    logged = 0
    for step in range(1, options.steps + 1):
        climb.step()
        if step in options.harvest_steps:
            chosen, state = _harvest(climb.batch, strata, state, features, settings)
            present = climb.batch.to_atoms()
            structures += [present[k] for k in chosen]
            parents += chosen
            objective.functional = EntropyFunctional(state, strata, sizes, device, settings.entropy.apart)
        harvested.append(len(structures))
        if step == options.steps or (objective.neighbours.due and step >= logged + _LOG_EVERY):
            logged = step
            logger.info(
                "step %(step)d: H %(h_nats).3f nats, %(violations)d steps refused, K %(push).2g, %(harvested)d taken",
                _table(climb.records[-1:], [step], harvested[-1:]).iloc[0].to_dict(),
            )
    return Maximised(structures, parents, _table(climb.records, range(options.steps + 1), harvested))


def _table(records: Sequence[Tensor], steps: Sequence[int], harvested: Sequence[int]) -> pd.DataFrame:
    table = pd.DataFrame(torch.stack(list(records)).cpu().numpy(), columns=list(_COLUMNS)).astype(_COLUMNS)
    table.insert(0, "step", list(steps))
    return table.assign(harvested=list(harvested))


def _harvest(
    batch: Batch, strata: np.ndarray, state: DatasetState, features: Features, settings: LibrarySettings
) -> tuple[list[int], DatasetState]:
    """Return which structures the dataset accepts, and the state with them."""
    q = environments(batch, features, settings.optimiser.max_pairs).cpu().double().numpy()
    sizes = batch.sizes.cpu().numpy()
    volumes = (cell_volumes(batch.cells) / batch.sizes).cpu().numpy()
    chosen, _, state = accept(state.blocks(q, sizes, volumes), strata, state, settings.entropy.worth)
    return sorted(chosen), state


def _directions(evaluation: Evaluation, batch: Batch) -> tuple[Direction, Direction]:
    """Return the levelled direction of growing H and the force of the constraints."""
    ascent = levelled(force_of(evaluation.entropy_gradient, batch, 1.0), batch.system)
    return ascent, force_of(evaluation.penalty_gradient, batch, -1.0)
