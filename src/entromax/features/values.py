"""Features of structures: of a batch with gradients, of many structures without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from ase import Atoms

from entromax.config.models import FeatureSettings
from entromax.features.base import Features, FeatureSet, Fusible
from entromax.features.batch import Batch
from entromax.features.neighbours import Pairs, find_pairs, pair_vectors
from entromax.features.slots import SlottedNeighbours
from entromax.registry import FEATURES


def build(
    settings: FeatureSettings,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Features:
    """Make the feature set that the configuration names."""
    chosen: FeatureSet = FEATURES[settings.name]
    return chosen.build(settings, dtype, torch.device(device))


def fuse(features: Features) -> bool:
    """Let features that can use kernels compiled for this machine from now on; return whether they do."""
    return isinstance(features, Fusible) and features.fuse()


def batch_features(batch: Batch, features: Features, pairs: Pairs | None = None) -> torch.Tensor:
    """Features [N, D] of a batch, differentiable in its positions and cells.

    Args:
        batch: Structures in units of d_nn.
        features: Feature set.
        pairs: Neighbour pairs up to at least `features.cutoff`; searched if not given.
    """
    if pairs is None:
        pairs = find_pairs(batch, features.cutoff)
    vectors = pair_vectors(batch.positions, batch.cells, batch.system, pairs)
    return features(vectors, pairs.i, batch.n_atoms)


def environments(batch: Batch, features: Features, max_pairs: int = 200_000) -> torch.Tensor:
    """Features [N, D] of a batch of small cells, without gradients, on the device of the batch.

    Args:
        batch: Structures in units of d_nn, of at most some 100 atoms each.
        features: Feature set on the same device.
        max_pairs: Neighbour pairs handled at once, unless one structure has more.
    """
    slots = SlottedNeighbours(features.cutoff, 0.0, 1, 0.0, max_pairs)(batch)
    with torch.no_grad():
        rows = [
            features(slots.vectors[part.slots].to(features.dtype), part.centre, part.atoms.stop - part.atoms.start)
            for part in slots.parts
        ]
    return torch.cat(rows)


def evaluate(
    structures: Sequence[Atoms], features: Features, max_pairs: int = 200_000, *, small: bool = False
) -> np.ndarray:
    """Features of many structures without gradients.

    Args:
        structures: Periodic structures in units of d_nn.
        features: Feature set.
        max_pairs: About how many neighbour pairs are handled at once; bounds the memory.
        small: All are cells of at most some 100 atoms: neighbours are searched where the features are.

    Returns:
        [sum of atoms, D] float64, rows in the order of the structures and of their atoms.

    Raises:
        ValueError: If a structure is empty or not periodic in three directions.
    """
    rows = [np.empty((0, features.dim))]
    with torch.no_grad():
        for part in _parts(structures, features.cutoff, max_pairs):
            if small:
                found = environments(Batch.from_atoms(part, torch.float64, features.device), features, max_pairs)
            else:
                found = batch_features(Batch.from_atoms(part, features.dtype, features.device), features)
            rows.append(found.cpu().double().numpy())
    return np.concatenate(rows)


def _parts(structures: Sequence[Atoms], cutoff: float, max_pairs: int) -> Iterator[list[Atoms]]:
    """Cut the list so that no part is expected (from the density) to hold more than `max_pairs` pairs."""
    part: list[Atoms] = []
    total = 0.0
    for atoms in structures:
        expected = len(atoms) ** 2 * 4.19 * cutoff**3 / max(abs(np.linalg.det(atoms.cell.array)), 1e-12)
        if part and total + expected > max_pairs:
            yield part
            part, total = [], 0.0
        part.append(atoms)
        total += expected
    if part:
        yield part
