"""What every feature set promises to the rest of the code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, runtime_checkable

from entromax.config.models import FeatureSettings
from entromax.registry import Entry

if TYPE_CHECKING:
    import torch
    from torch import Tensor

S = TypeVar("S", bound=FeatureSettings)


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
            centre: [P] long, index of the central atom of every vector. Any order. The same tensor may come again with
                other vectors; a feature set may keep what follows from it, and from then on must not ask the device for
                anything: that would stop a GPU in every step.
            n_atoms: Number of atoms; atoms without a neighbour get a row, too.

        Returns:
            [n_atoms, dim] features in the dtype of the feature set.
        """
        ...


@runtime_checkable
class Fusible(Protocol):
    """Features that can be compiled for a machine (`entromax.features.fused`); nothing that a feature set must be."""

    def fuse(self) -> bool:
        """Use compiled kernels from now on; return whether there are any."""
        ...


class FeatureSet(Entry, ABC, Generic[S]):
    """A kind of features, before its settings are known. Its module must not import torch before it is used.

    Attributes:
        settings: the model of its settings.
    """

    settings: type[S]

    @abstractmethod
    def build(self, settings: S, dtype: torch.dtype, device: torch.device) -> Features:
        """Return the features that the settings describe."""
