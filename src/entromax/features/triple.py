"""Second half of the bispectrum: triple correlation of band-limited functions on the 3-sphere, and its gradient."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from entromax.features.fused import Compiled, fused
from entromax.features.hypersphere import MomentBasis, harmonics, quadrature
from entromax.features.workspace import Workspace, chunk_size

_CHUNK = {"cpu": 128, "cuda": 8192}
"""Atoms handled at once: their values on the quadrature points should stay in the cache of a core, or keep a GPU
busy."""
_FUSED_CHUNK = {"cpu": 64, "cuda": 8192}
"""The same with compiled kernels, which go over the values once."""


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
        groups: The components, by the products that they share.
        components: [T'] all of them, in the order of the groups.
    """

    evaluate: list[Tensor]
    columns: list[slice]
    groups: list[_Group]
    components: Tensor


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
        self._compiled: tuple[Compiled, Compiled] | None = None

    def fuse(self) -> bool:
        """Use kernels compiled for this machine from now on; return whether there are any."""
        like, sizes = self._grids[0].evaluate[0], [(len(g.columns), g.evaluate[0].shape[1]) for g in self._grids]
        values = [like.new_zeros(degrees, 8, points) for degrees, points in sizes]
        weights = [like.new_zeros(sum(len(group.components) for group in grid.groups), 8) for grid in self._grids]
        version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
        name = f"triple-{len(self._factors)}-{version}"
        made = (
            fused(_Integrals(self._grids), values, f"{name}-integrals"),
            fused(_Slopes(self._grids), [*values, *weights], f"{name}-slopes"),
        )
        if made[0] is None or made[1] is None:
            return False
        self._compiled = (made[0], made[1])
        self._chunk = chunk_size(_FUSED_CHUNK, like.device)
        return True

    def forward(self, x: Tensor) -> Tensor:
        """Components [N, T]."""
        result = x.new_empty(len(self._factors), x.shape[0])
        scratch = Workspace(x)
        for start in range(0, x.shape[0], self._chunk):
            part = slice(start, start + self._chunk)
            if self._compiled is not None and len(x[part]) > 1:
                values = [_values(grid, x[part], scratch, str(k)) for k, grid in enumerate(self._grids)]
                for grid, terms in zip(self._grids, self._compiled[0](values), strict=True):
                    result[grid.components, part] = terms
                continue
            for grid in self._grids:
                result[grid.components, part] = _integrals(grid, _values(grid, x[part], scratch), scratch)
        return (result * self._factors).T

    def backward(self, x: Tensor, grad: Tensor) -> Tensor:
        """Gradient [N, D] in the coefficients for the gradient [N, T] in the components."""
        result = torch.zeros_like(x)
        scaled = grad.T * self._factors
        scratch = Workspace(x)
        for start in range(0, x.shape[0], self._chunk):
            part = slice(start, start + self._chunk)
            weights = [scaled[grid.components, part] for grid in self._grids]
            if self._compiled is not None and len(x[part]) > 1:
                values = [_values(grid, x[part], scratch, str(k)) for k, grid in enumerate(self._grids)]
                for grid, slopes in zip(self._grids, self._compiled[1]([*values, *weights]), strict=True):
                    _pull_back(grid, slopes, result[part])
                continue
            for grid, own in zip(self._grids, weights, strict=True):
                _pull_back(grid, _slopes(grid, _values(grid, x[part], scratch), own, scratch), result[part])
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
    matrices = [torch.tensor(values[part], dtype=dtype, device=device) for part in columns]
    return _Grid(matrices, columns, groups, torch.cat([group.components for group in groups]))


def _values(grid: _Grid, x: Tensor, scratch: Workspace, name: str = "") -> Tensor:
    """Values [degrees, n, Q] of f_j w^(1/3) on the points."""
    values = scratch.take(f"values{name}", len(grid.columns), x.shape[0], grid.evaluate[0].shape[1])
    for columns, matrix, row in zip(grid.columns, grid.evaluate, values, strict=True):
        torch.mm(x[:, columns], matrix, out=row)
    return values


def _pull_back(grid: _Grid, slopes: Tensor, out: Tensor) -> None:
    """Add to out [n, D] the gradient in the coefficients for that in the values [degrees, n, Q]."""
    for columns, matrix, row in zip(grid.columns, grid.evaluate, slopes, strict=True):
        out[:, columns].addmm_(row, matrix.T)


def _integrals(grid: _Grid, values: Tensor, scratch: Workspace) -> Tensor:
    """Integrals [T', n] from the values [degrees, n, Q]."""
    result = []
    for group in grid.groups:
        third = values[group.third]
        product = torch.mul(values[group.one], values[group.other], out=scratch.take("one", *third.shape[1:]))
        result.append(torch.mul(third, product, out=scratch.take("many", *third.shape)).sum(-1))
    return torch.cat(result)


def _slopes(grid: _Grid, values: Tensor, grad: Tensor, scratch: Workspace) -> Tensor:
    """Gradient [degrees, n, Q] in the values for the gradient [T', n] in all integrals."""
    result = scratch.take("gradient", *values.shape).zero_()
    first = 0
    for group in grid.groups:
        weights = grad[first : first + len(group.components), :, None]
        first += len(group.components)
        one, other, third = values[group.one], values[group.other], values[group.third]
        product = scratch.take("one", *one.shape)
        result[group.third].addcmul_(weights, torch.mul(one, other, out=product))
        torch.sum(torch.mul(weights, third, out=scratch.take("many", *third.shape)), dim=0, out=product)
        result[group.one].addcmul_(product, other)
        result[group.other].addcmul_(product, one)
    return result


class _Integrals(torch.nn.Module):
    """`_integrals` of all grids as one function to compile, without scratch memory."""

    def __init__(self, grids: list[_Grid]) -> None:
        super().__init__()
        self._plans = [_plan(grid) for grid in grids]

    def forward(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        results = []
        for plan, values in zip(self._plans, arguments, strict=True):
            results.append(torch.stack([(values[a] * values[b] * values[c]).sum(-1) for a, b, c in plan]))
        return tuple(results)


class _Slopes(torch.nn.Module):
    """`_slopes` of all grids as one function to compile, without scratch memory."""

    def __init__(self, grids: list[_Grid]) -> None:
        super().__init__()
        self._plans = [_plan(grid) for grid in grids]

    def forward(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        results = []
        halves = arguments[: len(self._plans)], arguments[len(self._plans) :]
        for plan, values, grad in zip(self._plans, *halves, strict=True):
            slopes: list[Tensor | None] = [None] * len(values)
            for (a, b, c), weight in zip(plan, grad.unbind(0), strict=True):
                for target, one, other in ((a, b, c), (b, a, c), (c, a, b)):
                    term = weight[:, None] * values[one] * values[other]
                    before = slopes[target]
                    slopes[target] = term if before is None else before + term
            results.append(torch.stack([torch.zeros_like(values[0]) if s is None else s for s in slopes]))
        return tuple(results)


def _plan(grid: _Grid) -> list[tuple[int, int, int]]:
    """The three factors of every integral, in the order of the components."""
    return [
        (group.one, group.other, third)
        for group in grid.groups
        for third in range(group.third.start, group.third.stop, group.third.step)
    ]
