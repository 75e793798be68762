"""Soft constraints with gradients, and the hard bounds behind them (METHOD section 4). Lengths in d_nn.

Everything is batched: S structures with N atoms and P pair vectors in all. Soft terms begin a margin inside the hard
bounds, so a structure feels them before it breaks one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import vesin
from ase import Atoms
from torch import Tensor

from entromax.config.models import CellSettings

HARD_CORE = 0.9
"""Smallest distance of an accepted structure, in units of ``core_radius``."""

VOLUME_MARGIN = 0.03
"""The volume term begins this far inside the bounds (relative volume)."""
HEIGHT_MARGIN = 0.1
"""The shape term begins this far above ``min_height`` (relative height)."""


def core_energy(vectors: Tensor, pair_system: Tensor, n_systems: int, core_radius: float) -> Tensor:
    """Soft repulsion: half the sum over the full pair list of (1 - r / r_core)^2 where r < r_core.

    Args:
        vectors: [P, 3] pair vectors, both directions and self-images included; differentiable.
        pair_system: [P] long, structure of every pair.
        n_systems: S.
        core_radius: r_core.

    Returns:
        [S] energies.
    """
    overlap = (1 - torch.linalg.vector_norm(vectors, dim=1) / core_radius).clamp(min=0)
    return vectors.new_zeros(n_systems).index_add(0, pair_system, 0.5 * overlap**2)


def core_adjoint(vectors: Tensor, core_radius: float) -> Tensor:
    """Return the gradient [P, 3] of the sum of :func:`core_energy` in the vectors."""
    lengths = torch.linalg.vector_norm(vectors, dim=1).clamp(min=torch.finfo(vectors.dtype).tiny)
    overlap = (1 - lengths / core_radius).clamp(min=0)
    return (-overlap / core_radius / lengths)[:, None] * vectors


def cell_volumes(cells: Tensor) -> Tensor:
    """Return the volumes [S] of cells [S, 3, 3]; products, where ``torch.linalg`` would factorise."""
    return (cells[:, 0] * torch.linalg.cross(cells[:, 1], cells[:, 2])).sum(dim=1).abs()


def heights(cells: Tensor) -> Tensor:
    """Return the three heights [S, 3] of cells [S, 3, 3]: distances between opposite faces."""
    faces = torch.stack([torch.linalg.cross(cells[:, (k + 1) % 3], cells[:, (k + 2) % 3]) for k in range(3)], dim=1)
    return cell_volumes(cells)[:, None] / torch.linalg.vector_norm(faces, dim=2)


def volume_energy(cells: Tensor, sizes: Tensor, volume: Tensor) -> Tensor:
    """Flat-bottomed well in ln v*: squared distance to the range [v_min (1 + margin), v_max (1 - margin)].

    Args:
        cells: [S, 3, 3], rows are cell vectors; differentiable.
        sizes: [S] atoms per structure.
        volume: [S, 2] or [2], v*_min and v*_max [d_nn^3 per atom].

    Returns:
        [S] energies.
    """
    logarithm = torch.log(cell_volumes(cells) / sizes)
    low, high = torch.log(volume[..., 0] * (1 + VOLUME_MARGIN)), torch.log(volume[..., 1] * (1 - VOLUME_MARGIN))
    return 10 * ((low - logarithm).clamp(min=0) ** 2 + (logarithm - high).clamp(min=0) ** 2)


def shape_energy(cells: Tensor, min_height: float) -> Tensor:
    """Lower bound on every height: sum of (1 - height / bound)^2 below bound = min_height (1 + margin).

    Args:
        cells: [S, 3, 3]; differentiable.
        min_height: smallest height of a cell.

    Returns:
        [S] energies.
    """
    missing = (1 - heights(cells) / (min_height * (1 + HEIGHT_MARGIN))).clamp(min=0)
    return 10 * (missing**2).sum(dim=1)


def shortest_distances(vectors: Tensor, pair_system: Tensor, n_systems: int) -> Tensor:
    """Return [S] smallest pair distances; infinite where a structure has no pair in the list."""
    lengths = torch.linalg.vector_norm(vectors.detach(), dim=1)
    infinite = torch.full((n_systems,), torch.inf, dtype=lengths.dtype, device=lengths.device)
    return infinite.scatter_reduce(0, pair_system, lengths, "amin")


@dataclass(frozen=True)
class Violations:
    """Which hard bounds are broken, one boolean per structure [S] and bound."""

    distance: Tensor
    volume: Tensor
    height: Tensor

    @property
    def any(self) -> Tensor:
        """[S] true where at least one bound is broken."""
        return self.distance | self.volume | self.height


def hard_violations(
    closest: Tensor, cells: Tensor, sizes: Tensor, settings: CellSettings, volume: Tensor | None = None
) -> Violations:
    """Compare with the hard bounds: distance >= 0.9 core_radius, v* inside its range, heights >= min_height.

    Args:
        closest: [S] smallest distances, periodic self-images included (:func:`shortest_distances`).
        cells: [S, 3, 3].
        sizes: [S] atoms per structure.
        settings: the bounds.
        volume: [S, 2] narrower bounds of v* for each structure; those of the settings when omitted.
    """
    bounds = torch.tensor(settings.volume, dtype=cells.dtype, device=cells.device) if volume is None else volume
    v = cell_volumes(cells) / sizes
    return Violations(
        distance=closest < HARD_CORE * settings.core_radius,
        volume=(v < bounds[..., 0]) | (v > bounds[..., 1]),
        height=(heights(cells) < settings.min_height).any(dim=1),
    )


def allowed(structures: Sequence[Atoms], settings: CellSettings) -> list[bool]:
    """Tell which stored structures keep all hard bounds, including the number of atoms."""
    if not structures:
        return []
    limit = HARD_CORE * settings.core_radius
    finder = vesin.NeighborList(cutoff=1.01 * limit, full_list=False, n_threads=1)
    closest = []
    for atoms in structures:
        (distances,) = finder.compute(points=atoms.positions, box=atoms.cell.array, periodic=True, quantities="d")
        closest.append(distances.min(initial=np.inf))
    sizes = torch.tensor([len(atoms) for atoms in structures])
    violations = hard_violations(
        torch.tensor(closest, dtype=torch.float64),
        torch.tensor(np.stack([atoms.cell.array for atoms in structures])),
        sizes,
        settings,
    )
    wrong_size = (sizes < settings.atoms[0]) | (sizes > settings.atoms[1])
    return (~(violations.any | wrong_size)).tolist()
