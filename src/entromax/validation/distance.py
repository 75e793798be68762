"""How far structures are from a training set, in the space of the features of the library."""

from collections.abc import Sequence

import numpy as np
import torch
from ase import Atoms

from entromax.config.models import FeatureSettings
from entromax.features import build, evaluate
from entromax.structures.geometry import reduced
from entromax.structures.kinds import without_free_atoms

BLOCK = 1024
"""Environments compared with the whole training set at once; bounds the memory."""


def distance_to_training(
    structures: Sequence[Atoms], training: Sequence[Atoms], *, d_nn: float, features: FeatureSettings
) -> np.ndarray:
    """Return for every structure how far its strangest atom is from the nearest training environment.

    Features are divided by their standard deviations over the training set; the distance is Euclidean, divided by the
    square root of their number: 1 means that a typical feature differs by one standard deviation.

    Args:
        structures: to be placed [Å].
        training: training set [Å]; free atoms in it are left out.
        d_nn: nearest-neighbour distance of the element [Å], unit of the features.
        features: feature set of the library.

    Returns:
        One distance per structure; infinite without a training structure.
    """
    descriptor = build(features)
    bulk = without_free_atoms(training)
    if not bulk or not structures:
        return np.full(len(structures), np.inf)
    known = evaluate([reduced(atoms, d_nn) for atoms in bulk], descriptor)
    wanted = evaluate([reduced(atoms, d_nn) for atoms in structures], descriptor)
    spread = known.std(axis=0)
    varied = spread > 1e-9 * np.abs(known).max()  # a constant feature tells nothing, its noise must not
    scaled = [torch.from_numpy(q[:, varied] / spread[varied]) for q in (wanted, known)]
    nearest = [torch.cdist(part, scaled[1]).min(dim=1).values for part in scaled[0].split(BLOCK)]
    atom = torch.cat(nearest).numpy() / np.sqrt(max(1, varied.sum()))
    last = np.cumsum([len(atoms) for atoms in structures])
    return np.maximum.reduceat(atom, np.r_[0, last[:-1]])
