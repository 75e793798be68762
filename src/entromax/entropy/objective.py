"""Energies, entropy and their gradients in positions and strain, for a whole batch at once (METHOD section 4)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from entromax.config.models import CellSettings
from entromax.entropy.functional import EntropyFunctional
from entromax.features import Batch, Features
from entromax.features.slots import Slots, SlottedNeighbours
from entromax.structures.constraints import (
    Violations,
    core_adjoint,
    core_energy,
    hard_violations,
    shape_energy,
    shortest_distances,
    volume_energy,
)

RENEW = {"cpu": 1, "cuda": 4}
"""Evaluations from one renewal of the neighbours to the next: to ask a CPU costs nothing, and it saves slots."""
_ROOM = {(True, True): (0.3, 0.0), (True, False): (0.6, 0.2), (False, True): (0.3, 0.0), (False, False): (0.8, 0.4)}
"""Skin of the search, and what slots are enough for beyond the cutoff [d_nn], by with features or the core alone, and
by renewed always or not; the core relaxes faster, in a list that costs little."""


@dataclass(frozen=True)
class Gradient:
    """Derivatives in the Cartesian positions at fixed cell, and in a strain of positions and cell together.

    Attributes:
        positions: [N, 3], per d_nn.
        strain: [S, 3, 3]; entry ab belongs to r_b += strain_ab r_a for positions and cell vectors alike.
    """

    positions: Tensor
    strain: Tensor


@dataclass(frozen=True)
class Evaluation:
    """The parts of the objective at one set of coordinates.

    Attributes:
        penalty: [S] U_core + U_volume + U_shape.
        penalty_gradient: its gradient.
        h: entropy of dataset and batch [nats], a scalar on the device; not a number without features.
        entropy_gradient: gradient of H; zero without features.
        violations: broken hard bounds.
        lost: [S] true where pairs may be missing, and nothing of the above can be relied on.
    """

    penalty: Tensor
    penalty_gradient: Gradient
    h: Tensor
    entropy_gradient: Gradient
    violations: Violations
    lost: Tensor


class Objective:
    """Evaluates constraints, and entropy when features are given, for one batch of structures on its way.

    Nothing is asked from the device but where ``neighbours.due``.

    Args:
        cells: bounds.
        volume: [S, 2] bounds of v* for each structure; those of ``cells`` when omitted.
        features: feature set; None for the constraints alone.
        functional: dataset that the batch joins; needed with features.
        max_pairs: neighbour pairs of features held at once.
        every: evaluations from one renewal of the neighbours to the next; 1: no structure is ever lost.
    """

    def __init__(
        self,
        cells: CellSettings,
        volume: Tensor | None = None,
        features: Features | None = None,
        functional: EntropyFunctional | None = None,
        max_pairs: int = 200_000,
        every: int = 1,
    ) -> None:
        """Prepare an empty neighbour list."""
        self.cells = cells
        self.volume = torch.tensor(cells.volume, dtype=torch.float64) if volume is None else volume
        self.features = features
        self.functional = functional
        cutoff = cells.core_radius if features is None else max(features.cutoff, cells.core_radius)
        skin, spare = _ROOM[features is not None, every == 1]
        self.neighbours = SlottedNeighbours(cutoff, skin, every, spare, max_pairs)

    def __call__(self, batch: Batch) -> Evaluation:
        """Evaluate everything.

        Raises:
            ValueError: coordinates are not finite.
        """
        slots = self.neighbours(batch)
        h, entropy_gradient = torch.full_like(batch.cells[0, 0, 0], torch.nan), _zero(batch)
        if self.features is not None and self.functional is not None:
            h, adjoint = self._entropy(slots)
            entropy_gradient = _chain(batch, slots, adjoint)
        penalty, penalty_gradient = self._penalty(batch, slots)
        closest = shortest_distances(slots.vectors, slots.system, batch.n_systems)
        violations = hard_violations(closest, batch.cells, batch.sizes, self.cells, self.volume)
        return Evaluation(penalty, penalty_gradient, h, entropy_gradient, violations, slots.lost)

    def _entropy(self, slots: Slots) -> tuple[Tensor, Tensor]:
        """Return H and dH/dvectors; the features of a batch in several parts are computed twice, to save memory."""
        assert self.features is not None and self.functional is not None
        keep = len(slots.parts) == 1
        values, inputs = [], []
        for part in slots.parts:
            vectors = slots.vectors[part.slots].to(self.features.dtype).requires_grad_(keep)
            with torch.set_grad_enabled(keep):
                values.append(self.features(vectors, part.centre, part.atoms.stop - part.atoms.start))
            inputs.append(vectors)
        q = torch.cat([value.detach() for value in values])
        h, gradient = self.functional(q)
        adjoint = torch.empty_like(slots.vectors)
        for part, value, vectors in zip(slots.parts, values, inputs, strict=True):
            if not keep:
                vectors.requires_grad_()
                value = self.features(vectors, part.centre, part.atoms.stop - part.atoms.start)
            adjoint[part.slots] = torch.autograd.grad(value, vectors, gradient[part.atoms])[0].to(adjoint.dtype)
        return h, adjoint

    def _penalty(self, batch: Batch, slots: Slots) -> tuple[Tensor, Gradient]:
        cells = batch.cells.detach().clone().requires_grad_()
        core = core_energy(slots.vectors, slots.system, batch.n_systems, self.cells.core_radius)
        cell = volume_energy(cells, batch.sizes, self.volume) + shape_energy(cells, self.cells.min_height)
        (cell_adjoint,) = torch.autograd.grad(cell.sum(), cells)
        gradient = _chain(batch, slots, core_adjoint(slots.vectors, self.cells.core_radius))
        strain = gradient.strain + batch.cells.mT @ cell_adjoint
        return core + cell.detach(), Gradient(gradient.positions, strain)


def renew_every(device: torch.device) -> int:
    """Return the evaluations from one renewal of the neighbours to the next on a device."""
    return RENEW.get(device.type, RENEW["cuda"])


def _zero(batch: Batch) -> Gradient:
    return Gradient(torch.zeros_like(batch.positions), torch.zeros_like(batch.cells))


def _chain(batch: Batch, slots: Slots, adjoint: Tensor) -> Gradient:
    """Turn a gradient in pair vectors into one in positions and strain (d vector = strain^T vector)."""
    positions = torch.zeros_like(batch.positions)
    positions.index_add_(0, slots.j, adjoint).index_add_(0, slots.i, -adjoint)
    strain = torch.zeros_like(batch.cells)
    strain.index_add_(0, slots.system, slots.vectors[:, :, None] * adjoint[:, None, :])
    return Gradient(positions, strain)
