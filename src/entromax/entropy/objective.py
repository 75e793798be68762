"""Energies, entropy and their gradients in positions and strain, for a whole batch at once (METHOD section 4)."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from entromax.config.models import CellSettings
from entromax.entropy.functional import EntropyFunctional
from entromax.features import Batch, Features, NeighbourList, Pairs, pair_vectors
from entromax.structures.constraints import (
    Violations,
    core_energy,
    hard_violations,
    shape_energy,
    shortest_distances,
    volume_energy,
)


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
        h: entropy of dataset and batch [nats]; not a number without features.
        entropy_gradient: gradient of H; zero without features.
        violations: broken hard bounds.
    """

    penalty: Tensor
    penalty_gradient: Gradient
    h: float
    entropy_gradient: Gradient
    violations: Violations


class Objective:
    """Evaluates constraints, and entropy when features are given, for batches of one composition of sizes.

    Args:
        cells: bounds.
        volume: [S, 2] bounds of v* for each structure; those of ``cells`` when omitted.
        features: feature set; None for the constraints alone.
        functional: dataset that the batch joins; needed with features.
        max_pairs: neighbour pairs of features held at once.
        skin: extra radius of the neighbour list [d_nn].
    """

    def __init__(
        self,
        cells: CellSettings,
        volume: Tensor | None = None,
        features: Features | None = None,
        functional: EntropyFunctional | None = None,
        max_pairs: int = 200_000,
        skin: float = 0.3,
    ) -> None:
        """Prepare an empty neighbour list."""
        self.cells = cells
        self.volume = torch.tensor(cells.volume, dtype=torch.float64) if volume is None else volume
        self.features = features
        self.functional = functional
        self.max_pairs = max_pairs
        cutoff = cells.core_radius if features is None else max(features.cutoff, cells.core_radius)
        self._neighbours = NeighbourList(cutoff, skin)

    def __call__(self, batch: Batch) -> Evaluation:
        """Evaluate everything.

        Raises:
            ValueError: coordinates are not finite.
        """
        pairs = self._neighbours(batch)
        pair_system = batch.system.index_select(0, pairs.i)
        vectors = pair_vectors(batch.positions, batch.cells, batch.system, pairs).detach()
        h, entropy_gradient = torch.nan, _zero(batch)
        if self.features is not None and self.functional is not None:
            h, adjoint = self._entropy(batch, pairs, vectors, pair_system)
            entropy_gradient = _chain(batch, pairs, pair_system, vectors, adjoint)
        penalty, penalty_gradient = self._penalty(batch, pairs, vectors, pair_system)
        closest = shortest_distances(vectors, pair_system, batch.n_systems)
        violations = hard_violations(closest, batch.cells, batch.sizes, self.cells, self.volume)
        return Evaluation(penalty, penalty_gradient, h, entropy_gradient, violations)

    def _entropy(self, batch: Batch, pairs: Pairs, vectors: Tensor, pair_system: Tensor) -> tuple[float, Tensor]:
        """Return H and dH/dvectors; the features of a batch in several parts are computed twice, to save memory."""
        assert self.features is not None and self.functional is not None
        parts = list(_parts(batch, pair_system, self.max_pairs))
        keep = len(parts) == 1
        values, inputs = [], []
        for atoms, rows in parts:
            part = vectors[rows].to(self.features.dtype).requires_grad_(keep)
            with torch.set_grad_enabled(keep):
                values.append(self.features(part, pairs.i[rows] - atoms.start, atoms.stop - atoms.start))
            inputs.append(part)
        q = torch.cat([value.detach() for value in values])
        h, gradient = self.functional(q, batch.system, batch.sizes)
        adjoint = torch.empty_like(vectors)
        for (atoms, rows), value, part in zip(parts, values, inputs, strict=True):
            if not keep:
                part.requires_grad_()
                value = self.features(part, pairs.i[rows] - atoms.start, atoms.stop - atoms.start)
            adjoint[rows] = torch.autograd.grad(value, part, gradient[atoms])[0].to(vectors.dtype)
        return h, adjoint

    def _penalty(self, batch: Batch, pairs: Pairs, vectors: Tensor, pair_system: Tensor) -> tuple[Tensor, Gradient]:
        near = torch.einsum("pa,pa->p", vectors, vectors) < self.cells.core_radius**2
        close = vectors[near].requires_grad_()
        cells = batch.cells.detach().clone().requires_grad_()
        core = core_energy(close, pair_system[near], batch.n_systems, self.cells.core_radius)
        cell = volume_energy(cells, batch.sizes, self.volume) + shape_energy(cells, self.cells.min_height)
        (adjoint,) = torch.autograd.grad(core.sum(), close)
        (cell_adjoint,) = torch.autograd.grad(cell.sum(), cells)
        gradient = _chain(batch, pairs.select(near), pair_system[near], vectors[near], adjoint)
        strain = gradient.strain + batch.cells.transpose(1, 2) @ cell_adjoint
        return (core + cell).detach(), Gradient(gradient.positions, strain)


def _zero(batch: Batch) -> Gradient:
    return Gradient(torch.zeros_like(batch.positions), torch.zeros_like(batch.cells))


def _chain(batch: Batch, pairs: Pairs, pair_system: Tensor, vectors: Tensor, adjoint: Tensor) -> Gradient:
    """Turn a gradient in pair vectors into one in positions and strain (d vector = strain^T vector)."""
    positions = torch.zeros_like(batch.positions)
    positions.index_add_(0, pairs.j, adjoint).index_add_(0, pairs.i, -adjoint)
    strain = torch.zeros_like(batch.cells)
    strain.index_add_(0, pair_system, vectors[:, :, None] * adjoint[:, None, :])
    return Gradient(positions, strain)


def _parts(batch: Batch, pair_system: Tensor, max_pairs: int) -> Iterator[tuple[slice, slice]]:
    """Cut a batch between structures into parts of at most ``max_pairs`` pairs: atoms and pairs of each part.

    A single structure with more pairs is a part of its own.
    """
    pairs = torch.bincount(pair_system, minlength=batch.n_systems).tolist()
    atom = pair = 0
    atoms_in = pairs_in = 0
    for size, count in zip(batch.sizes.tolist(), pairs, strict=True):
        if atoms_in and pairs_in + count > max_pairs:
            yield slice(atom, atom + atoms_in), slice(pair, pair + pairs_in)
            atom, pair, atoms_in, pairs_in = atom + atoms_in, pair + pairs_in, 0, 0
        atoms_in, pairs_in = atoms_in + size, pairs_in + count
    yield slice(atom, atom + atoms_in), slice(pair, pair + pairs_in)
