"""What every feature set promises to the rest of the code."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class Features(Protocol):
    """One vector per atom: invariant to translation, rotation and permutation, smooth, differentiable.

    A feature set sees only pair vectors, so the same code serves one structure or a thousand, and gradients in
    positions and cells follow from the gradient in the vectors by the chain rule
    (`entromax.features.neighbours.pair_vectors`).

    Attributes:
        dim: Number of components D of the vector of one atom.
        cutoff: Radius beyond which a neighbour has no influence, in units of d_nn.
        dtype: Precision of the computation and of the result.
        device: Where the computation runs; arguments must be there.
    """

    dim: int
    cutoff: float
    dtype: torch.dtype
    device: torch.device

    def __call__(self, vectors: Tensor, centre: Tensor, n_atoms: int) -> Tensor:
        """Evaluate the features of `n_atoms` atoms.

        Args:
            vectors: [P, 3] vectors from a centre to its neighbour, units of d_nn. Vectors longer than `cutoff` are
                allowed and ignored. Differentiable.
            centre: [P] long, index of the central atom of every vector. Any order.
            n_atoms: Number of atoms; atoms without a neighbour get a row, too.

        Returns:
            [n_atoms, dim] features in the dtype of the feature set.
        """
        ...
