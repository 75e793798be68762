"""Both halves of the bispectrum chained, as one step of torch with the analytic gradient of both."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from entromax.features.moments import Layout, PairMoments
from entromax.features.triple import TripleCorrelation


class Adjoint(torch.autograd.Function):
    """Components from pair vectors; see ``bispectrum`` for what both halves do."""

    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, layout: Layout, n_atoms: int, moments: PairMoments, correlation: TripleCorrelation
    ) -> Tensor:
        """Return the components [n_atoms, dim] for pair vectors [P, 3] in units of d_nn."""
        x = moments.forward(vectors, layout, n_atoms)
        ctx.save_for_backward(vectors, x)
        ctx.parts = (moments, correlation, layout)
        return correlation.forward(x)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        """Return the gradient in the vectors [P, 3] for that in the components [n_atoms, dim]."""
        vectors, x = ctx.saved_tensors
        moments, correlation, layout = ctx.parts
        return moments.backward(vectors, layout, correlation.backward(x, grad)), None, None, None, None
