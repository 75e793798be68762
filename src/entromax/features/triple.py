"""Second half of the bispectrum: triple correlation of band-limited functions on the 3-sphere, and its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from entromax.features.hypersphere import MomentBasis, harmonics, quadrature

_CHUNK = 64
"""Atoms handled at once: their values on the quadrature points should stay in the cache of a core."""


@dataclass(frozen=True)
class _Grid:
    """The components whose total degree one quadrature rule serves.

    Attributes:
        low: Smallest degree in use; degrees run from here to the largest, J.
        evaluate: For every degree j from `low`: [(j + 1)^2, Q], from coefficients to values, weights^(1/3) included.
        columns: For every degree: where its coefficients stand.
        rows: (j1, first j, last j) of the products f_j1 f_j that are formed, in this order.
        entries: [T] index into the flat table [products, degrees] of the T components of this grid.
        components: [T] which components these are.
        factors: [T] j + 1.
    """

    low: int
    evaluate: list[Tensor]
    columns: list[slice]
    rows: list[tuple[int, int, int]]
    entries: Tensor
    components: Tensor
    factors: Tensor


class TripleCorrelation:
    """B_t = (j + 1) integral f_j1 f_j2 f_j over the 3-sphere for a list of triples, from coefficients [N, D]."""

    def __init__(self, basis: MomentBasis, triples: np.ndarray, dtype: torch.dtype, device: torch.device) -> None:
        """Prepare one quadrature rule for every class of total degrees.

        Args:
            basis: Harmonics that the coefficients belong to.
            triples: [T, 3] degrees j1, j2, j with j2 <= j1 <= j.
            dtype: Precision.
            device: Where to compute.
        """
        self._dim = len(triples)
        self._grids = [_grid(basis, triples, members, dtype, device) for members in degree_classes(triples.sum(axis=1))]

    def forward(self, x: Tensor) -> Tensor:
        """Components [N, T]."""
        result = x.new_empty(x.shape[0], self._dim)
        for start in range(0, x.shape[0], _CHUNK):
            part = slice(start, start + _CHUNK)
            for grid in self._grids:
                values = _values(grid, x[part])
                table = torch.bmm(_products(grid, values), values.mT).flatten(1)
                result[part, grid.components] = table[:, grid.entries] * grid.factors
        return result

    def backward(self, x: Tensor, grad: Tensor) -> Tensor:
        """Gradient [N, D] in the coefficients for the gradient [N, T] in the components."""
        result = torch.zeros_like(x)
        for start in range(0, x.shape[0], _CHUNK):
            part = slice(start, start + _CHUNK)
            for grid in self._grids:
                grad_values = _values_gradient(grid, _values(grid, x[part]), grad[part])
                for index, (columns, matrix) in enumerate(zip(grid.columns, grid.evaluate, strict=True)):
                    result[part, columns].addmm_(grad_values[:, index], matrix.T)
        return result


def degree_classes(degrees: np.ndarray) -> list[np.ndarray]:
    """Group components by total degree so that few need a large quadrature rule."""
    largest = int(degrees.max())
    bounds = [-1, *sorted({max(0, largest * k // 24 // 2 * 2) for k in (14, 18, 22)}), largest]
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
    rows: list[tuple[int, int, int]] = []
    row_of: dict[tuple[int, int], int] = {}
    for j1 in sorted({int(j1) for j1, _, _ in chosen}):
        partners = [int(j) for k, _, j in chosen if k == j1]
        rows.append((j1 - low, min(partners) - low, max(partners) - low))
        for j in range(min(partners), max(partners) + 1):
            row_of[j1, j] = len(row_of)
    entries = [row_of[int(j1), int(j)] * len(columns) + int(j2) - low for j1, j2, j in chosen]
    return _Grid(
        low=low,
        evaluate=[torch.tensor(values[part], dtype=dtype, device=device) for part in columns],
        columns=columns,
        rows=rows,
        entries=torch.tensor(entries, device=device),
        components=torch.tensor(members, device=device),
        factors=torch.tensor(chosen[:, 2] + 1, dtype=dtype, device=device),
    )


def _values(grid: _Grid, x: Tensor) -> Tensor:
    """Values [n, degrees, Q] of f_j w^(1/3) on the points."""
    values = x.new_empty(x.shape[0], len(grid.columns), grid.evaluate[0].shape[1])
    for index, (columns, matrix) in enumerate(zip(grid.columns, grid.evaluate, strict=True)):
        torch.mm(x[:, columns], matrix, out=values[:, index])
    return values


def _products(grid: _Grid, values: Tensor) -> Tensor:
    """Products f_j1 f_j [n, products, Q]."""
    result = values.new_empty(values.shape[0], sum(last - first + 1 for _, first, last in grid.rows), values.shape[2])
    start = 0
    for one, first, last in grid.rows:
        stop = start + last - first + 1
        torch.mul(values[:, one, None], values[:, first : last + 1], out=result[:, start:stop])
        start = stop
    return result


def _values_gradient(grid: _Grid, values: Tensor, grad: Tensor) -> Tensor:
    """Gradient [n, degrees, Q] in the values for the gradient [n, T] in all components."""
    products = _products(grid, values)
    table = values.new_zeros(values.shape[0], products.shape[1] * values.shape[1])
    table[:, grid.entries] = grad[:, grid.components] * grid.factors
    table = table.view(values.shape[0], products.shape[1], values.shape[1])
    result = torch.bmm(table.mT, products)
    grad_products = torch.bmm(table, values)
    start = 0
    for one, first, last in grid.rows:
        part = grad_products[:, start : start + last - first + 1]
        result[:, one] += (part * values[:, first : last + 1]).sum(1)
        result[:, first : last + 1].addcmul_(part, values[:, one, None])
        start += last - first + 1
    return result
