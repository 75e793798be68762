"""First half of the bispectrum: from pair vectors to hyperspherical coefficients of every atom, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import pi

import numpy as np
import torch
from torch import Tensor

from entromax.features.hypersphere import harmonics, moment_basis

_CHUNK = 4096
"""Pairs (with padding) handled at once: their factors, about 100 numbers each, should stay in the cache of a core."""


@dataclass(frozen=True)
class _Chunk:
    """Atoms with about equally many neighbours: indices [n] of the atoms, [n, m] of their pairs, padded with P."""

    atoms: Tensor
    pairs: Tensor


class PairMoments:
    """Coefficients x [N, D] of the neighbour density on the 3-sphere, and the gradient in the pair vectors.

    x_i = sum over neighbours of f_c(r) Y(q(r)), plus Y(1) for the atom itself. Atoms are handled in chunks with about
    equally many neighbours; within one, M = L^T R is one batched matrix product over [atoms, left, pairs] and
    [atoms, pairs, right] (`hypersphere.MomentBasis`).
    """

    def __init__(self, cutoff: float, twojmax: int, rfac0: float, dtype: torch.dtype, device: torch.device) -> None:
        """Prepare the basis; arguments as for `Bispectrum`."""
        self.basis = moment_basis(twojmax)
        self._cutoff, self._rfac0, self._twojmax = cutoff, rfac0, twojmax
        self._products = torch.tensor(self.basis.products, device=device)
        self._transform = torch.tensor(self.basis.transform, dtype=dtype, device=device)
        own = harmonics(self.basis, np.ones(1, dtype=complex), np.zeros(1, dtype=complex))
        self._own = torch.tensor(own[:, 0], dtype=dtype, device=device)
        self._orders = torch.arange(2, twojmax + 1, dtype=dtype, device=device)[:, None, None]

    def forward(self, vectors: Tensor, centre: Tensor, n_atoms: int) -> Tensor:
        """Coefficients [n_atoms, D] from vectors [P, 3] and their central atoms [P]."""
        vectors, centre, _ = self._within(vectors, centre)
        table = self._map(vectors)[0]
        products = vectors.new_zeros(n_atoms, len(self._products))
        for chunk in _chunks(centre, n_atoms):
            _, _, left, weighted, _ = self._factors(table[:, chunk.pairs])
            moments = torch.bmm(left.transpose(0, 1), weighted.permute(1, 2, 0))
            products[chunk.atoms] = moments.flatten(1)[:, self._products]
        return torch.addmm(self._own, products, self._transform.T)

    def backward(self, vectors: Tensor, centre: Tensor, grad: Tensor) -> Tensor:
        """Gradient [P, 3] in the vectors for the gradient [N, D] in the coefficients."""
        result = torch.zeros_like(vectors)
        inside, centre, kept = self._within(vectors, centre)
        table, frame = self._map(inside)
        n_left = sum(self.basis.left_sizes)
        grad_products = grad @ self._transform
        grad_table = torch.empty_like(table[:5])
        for chunk in _chunks(centre, grad.shape[0]):
            n = len(chunk.atoms)
            grad_moments = grad.new_zeros(n, n_left * self.basis.right_size)
            grad_moments[:, self._products] = grad_products[chunk.atoms]
            grad_chunk = self._factors_backward(
                table[:, chunk.pairs], grad_moments.view(n, n_left, self.basis.right_size)
            )
            real = chunk.pairs < centre.shape[0]
            grad_table[:, chunk.pairs[real]] = grad_chunk[:, real]
        result[kept] = _map_backward(grad_table[:, :-1], frame)
        return result

    def _within(self, vectors: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        kept = torch.nonzero(torch.einsum("pa,pa->p", vectors, vectors) < self._cutoff**2).flatten()
        return vectors[kept], centre[kept], kept

    def _map(self, vectors: Tensor) -> tuple[Tensor, _Frame]:
        """Rows Re a, Im a, Re b, Im b, f_c [5, P + 1], last column zero (padding); and what the way back needs."""
        distance = torch.linalg.vector_norm(vectors, dim=1)
        unit = vectors.T / distance.clamp_min(torch.finfo(vectors.dtype).tiny)
        rate = self._rfac0 * pi / self._cutoff
        cosine, sine = torch.cos(rate * distance), torch.sin(rate * distance)
        x, y, z = sine * unit
        weight = 0.5 * (torch.cos(pi / self._cutoff * distance) + 1)
        slope = -0.5 * pi / self._cutoff * torch.sin(pi / self._cutoff * distance)
        table = torch.nn.functional.pad(torch.stack([cosine, -z, y, -x, weight]), (0, 1))
        return table, _Frame(unit, distance, cosine, sine, slope, rate)

    def _factors(self, table: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, list[Tensor]]:
        """Powers of a and b, left factors, weighted right factors, T_n(t); all [rows, n, m]."""
        a = _powers(table[0], table[1], self._twojmax)
        b = _powers(table[2], table[3], self._twojmax)
        t = table[0] ** 2 + table[1] ** 2 - table[2] ** 2 - table[3] ** 2
        chebyshev = _chebyshev(t, len(self.basis.left_sizes))
        left = torch.cat([a[:size] * chebyshev[n] for n, size in enumerate(self.basis.left_sizes)])
        return a, b, left, b * table[4], chebyshev

    def _factors_backward(self, table: Tensor, grad_moments: Tensor) -> Tensor:
        """Gradient [5, n, m] in the rows of `_map` for the gradient [n, left, right] in the moments."""
        a, b, left, weighted, chebyshev = self._factors(table)
        grad_left = torch.bmm(grad_moments, weighted.transpose(0, 1)).transpose(0, 1).contiguous()
        grad_right = torch.bmm(grad_moments.mT, left.transpose(0, 1)).transpose(0, 1).contiguous()
        grad_weight = (grad_right * b).sum(0)
        grad_b = grad_right * table[4]
        grad_a = grad_left[: a.shape[0]].clone()
        grad_t = torch.zeros_like(table[0])
        start = a.shape[0]
        slopes = _chebyshev_slopes(chebyshev)
        for n, size in list(enumerate(self.basis.left_sizes))[1:]:
            part = grad_left[start : start + size]
            grad_a[:size].addcmul_(part, chebyshev[n])
            grad_t.addcmul_((part * a[:size]).sum(0), slopes[n])
            start += size
        rows = [*self._power_gradient(a, grad_a), *self._power_gradient(b, grad_b)]
        for index, sign in enumerate((2, 2, -2, -2)):
            rows[index].addcmul_(grad_t, table[index], value=sign)
        return torch.stack([*rows, grad_weight])

    def _power_gradient(self, powers: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Gradient in Re z, Im z for the gradient in the powers of z: d z^k = k z^(k-1) dz."""
        real, imaginary = self._orders * powers[1:-2:2], self._orders * powers[2:-1:2]
        grad_real, grad_imaginary = grad[3::2], grad[4::2]
        return (
            grad[1] + (grad_real * real).addcmul_(grad_imaginary, imaginary).sum(0),
            grad[2] + (grad_imaginary * real).addcmul_(grad_real, imaginary, value=-1).sum(0),
        )


@dataclass(frozen=True)
class _Frame:
    """Per pair: unit vector [3, P]; distance, cosine and sine of theta, slope of f_c, all [P]; and d theta / d r."""

    unit: Tensor
    distance: Tensor
    cosine: Tensor
    sine: Tensor
    slope: Tensor
    rate: float


def _map_backward(grad: Tensor, frame: _Frame) -> Tensor:
    """Gradient [P, 3] in the vectors for that in Re a, Im a, Re b, Im b, f_c [5, P]: radial and tangential part."""
    imaginary = torch.stack([-grad[3], grad[2], -grad[1]])
    along = (imaginary * frame.unit).sum(0)
    radial = frame.rate * (frame.cosine * along - frame.sine * grad[0]) + frame.slope * grad[4]
    tangential = frame.sine / frame.distance.clamp_min(torch.finfo(grad.dtype).tiny)
    return (frame.unit * (radial - tangential * along) + tangential * imaginary).T


def _powers(real: Tensor, imaginary: Tensor, highest: int) -> Tensor:
    """Rows Re z^0, Re z, Im z, Re z^2, Im z^2, ... [2 highest + 1, ...]."""
    rows = real.new_empty(2 * highest + 1, *real.shape)
    rows[0] = 1
    rows[1], rows[2] = real, imaginary
    for k in range(2, highest + 1):
        before_real, before_imaginary = rows[2 * k - 3], rows[2 * k - 2]
        torch.mul(before_real, real, out=rows[2 * k - 1]).addcmul_(before_imaginary, imaginary, value=-1)
        torch.mul(before_real, imaginary, out=rows[2 * k]).addcmul_(before_imaginary, real)
    return rows


def _chebyshev(t: Tensor, count: int) -> list[Tensor]:
    """Chebyshev polynomials of the first kind T_0 .. T_{count - 1}."""
    values = [torch.ones_like(t), t]
    while len(values) < count:
        values.append(2 * t * values[-1] - values[-2])
    return values[:count]


def _chebyshev_slopes(values: list[Tensor]) -> list[Tensor]:
    """Derivatives of T_0 .. T_n: T_n' = 2 T_{n-1} + 2 t T_{n-1}' - T_{n-2}'."""
    slopes = [torch.zeros_like(values[0]), torch.ones_like(values[0])]
    for n in range(2, len(values)):
        slopes.append(2 * (values[n - 1] + values[1] * slopes[-1]) - slopes[-2])
    return slopes[: len(values)]


def _chunks(centre: Tensor, n_atoms: int) -> Iterator[_Chunk]:
    """Cut the atoms that have neighbours into chunks of similar neighbour count, at most `_CHUNK` padded pairs each."""
    by_atom = torch.argsort(centre, stable=True)
    counts = torch.bincount(centre, minlength=n_atoms)
    starts = torch.cumsum(counts, 0) - counts
    order = torch.argsort(counts, descending=True)
    sorted_counts = counts[order].tolist()
    position = 0
    while position < n_atoms and sorted_counts[position] > 0:
        width = sorted_counts[position]
        atoms = order[position : position + max(1, _CHUNK // width)]
        atoms = atoms[counts[atoms] > 0]
        slot = torch.arange(width, device=centre.device)
        pairs = by_atom[(starts[atoms][:, None] + slot).clamp_max(len(by_atom) - 1)]
        yield _Chunk(atoms, torch.where(slot < counts[atoms][:, None], pairs, len(by_atom)))
        position += len(atoms)
