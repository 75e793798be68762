"""Second half of the bispectrum: triple correlation of band-limited functions on the 3-sphere, and its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from entromax.features.hypersphere import MomentBasis, harmonics, quadrature
from entromax.features.workspace import Workspace, chunk_size

_CHUNK = {"cpu": 128, "cuda": 8192}
"""Atoms handled at once: their values on the quadrature points should stay in the cache of a core, or keep a GPU
busy."""


@dataclass(frozen=True)
class _Group:
    """Components that share the product f_j1 f_j; their j2 are equally spaced (all counted from the lowest degree)."""

    one: int
    other: int
    third: slice
    components: Tensor


@dataclass(frozen=True)
class _Grid:
    """The components whose total degree one quadrature rule serves.

    Attributes:
        evaluate: For every degree j in use: [(j + 1)^2, Q], from coefficients to values, weights^(1/3) included.
        columns: For every degree: where its coefficients stand.
        groups: The components.
    """

    evaluate: list[Tensor]
    columns: list[slice]
    groups: list[_Group]


class TripleCorrelation:
    """B_t = (j + 1) integral f_j1 f_j2 f_j over the 3-sphere for a list of triples, from coefficients [N, D].

    Sums over quadrature points run element by element rather than as matrix products of all products with all
    functions: of these only one in ten is wanted.
    """

    def __init__(self, basis: MomentBasis, triples: np.ndarray, dtype: torch.dtype, device: torch.device) -> None:
        """Prepare one quadrature rule for every class of total degrees.

        Args:
            basis: Harmonics that the coefficients belong to.
            triples: [T, 3] degrees j1, j2, j with j2 <= j1 <= j and j1 + j2 + j even.
            dtype: Precision.
            device: Where to compute.
        """
        self._factors = torch.tensor(triples[:, 2:] + 1, dtype=dtype, device=device)
        self._grids = [_grid(basis, triples, members, dtype, device) for members in degree_classes(triples.sum(axis=1))]
        self._chunk = chunk_size(_CHUNK, device)

    def forward(self, x: Tensor) -> Tensor:
        """Components [N, T]."""
        result = x.new_empty(len(self._factors), x.shape[0])
        scratch = Workspace(x)
        for start in range(0, x.shape[0], self._chunk):
            part = slice(start, start + self._chunk)
            for grid in self._grids:
                values = _values(grid, x[part], scratch)
                for group in grid.groups:
                    third = values[group.third]
                    product = torch.mul(
                        values[group.one], values[group.other], out=scratch.take("one", *third.shape[1:])
                    )
                    terms = torch.mul(third, product, out=scratch.take("many", *third.shape))
                    result[group.components, part] = terms.sum(-1)
        return (result * self._factors).T

    def backward(self, x: Tensor, grad: Tensor) -> Tensor:
        """Gradient [N, D] in the coefficients for the gradient [N, T] in the components."""
        result = torch.zeros_like(x)
        scaled = (grad.T * self._factors)[:, :, None]
        scratch = Workspace(x)
        for start in range(0, x.shape[0], self._chunk):
            part = slice(start, start + self._chunk)
            for grid in self._grids:
                grad_values = _values_gradient(grid, _values(grid, x[part], scratch), scaled[:, part], scratch)
                for columns, matrix, values in zip(grid.columns, grid.evaluate, grad_values, strict=True):
                    result[part, columns].addmm_(values, matrix.T)
        return result


def degree_classes(degrees: np.ndarray) -> list[np.ndarray]:
    """Group components by total degree so that few need a large quadrature rule (bounds tuned at 2J = 6 and 8)."""
    largest = int(degrees.max())
    bounds = [-1, *sorted({max(0, largest * k // 24 // 2 * 2) for k in (14, 22)}), largest]
    classes = [np.flatnonzero((degrees > low) & (degrees <= high)) for low, high in pairwise(bounds)]
    return [members for members in classes if len(members)]


def _grid(
    basis: MomentBasis, triples: np.ndarray, members: np.ndarray, dtype: torch.dtype, device: torch.device
) -> _Grid:
    chosen = triples[members]
    a, b, weights = quadrature(int(chosen.sum(axis=1).max()))
    values = harmonics(basis, a, b) * np.cbrt(weights) / (basis.degree[:, None] + 1)
    low, high = int(chosen.min()), int(chosen.max())
    bounds = [int(np.searchsorted(basis.degree, j)) for j in range(low, high + 2)]
    columns = [slice(first, last) for first, last in pairwise(bounds)]
    groups = []
    for one, other in sorted({(int(j1), int(j)) for j1, _, j in chosen}):
        mine = members[(chosen[:, 0] == one) & (chosen[:, 2] == other)]
        thirds = triples[mine, 1]
        third = slice(int(thirds[0]) - low, int(thirds[-1]) - low + 1, 2)
        groups.append(_Group(one - low, other - low, third, torch.tensor(mine, device=device)))
    return _Grid([torch.tensor(values[part], dtype=dtype, device=device) for part in columns], columns, groups)


def _values(grid: _Grid, x: Tensor, scratch: Workspace) -> Tensor:
    """Values [degrees, n, Q] of f_j w^(1/3) on the points."""
    values = scratch.take("values", len(grid.columns), x.shape[0], grid.evaluate[0].shape[1])
    for columns, matrix, row in zip(grid.columns, grid.evaluate, values, strict=True):
        torch.mm(x[:, columns], matrix, out=row)
    return values


def _values_gradient(grid: _Grid, values: Tensor, grad: Tensor, scratch: Workspace) -> Tensor:
    """Gradient [degrees, n, Q] in the values for the gradient [T, n, 1] in all integrals."""
    result = scratch.take("gradient", *values.shape).zero_()
    for group in grid.groups:
        weights = grad[group.components]
        one, other, third = values[group.one], values[group.other], values[group.third]
        product = scratch.take("one", *one.shape)
        result[group.third].addcmul_(weights, torch.mul(one, other, out=product))
        torch.sum(torch.mul(weights, third, out=scratch.take("many", *third.shape)), dim=0, out=product)
        result[group.one].addcmul_(product, other)
        result[group.other].addcmul_(product, one)
    return result
