"""First half of the bispectrum: from pair vectors to hyperspherical coefficients of every atom, and back."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
import torch
from torch import Tensor

from entromax.features.hypersphere import harmonics, moment_basis
from entromax.features.workspace import Workspace, chunk_size

_CHUNK = {"cpu": 4096, "cuda": 1 << 18}
"""Pairs (with padding) handled at once: their factors, about 100 numbers each, should stay in the cache of a core, or
keep a GPU busy."""


@dataclass(frozen=True)
class Layout:
    """Pairs in the order of computation: chunks of atoms with about equally many neighbours, padded.

    Attributes:
        slots: [M] index of the pair in every slot; P where there is none.
        chunks: (first slot, atoms [n], slots per atom m) of every chunk; it owns the n m slots from the first.
    """

    slots: Tensor
    chunks: list[tuple[int, Tensor, int]]


def arrange(centre: Tensor, n_atoms: int) -> Layout:
    """Lay out pairs by their centres [P]; asks the device for the numbers of neighbours."""
    order = torch.argsort(centre, stable=True) if bool((centre[1:] < centre[:-1]).any()) else None
    counts = torch.bincount(centre, minlength=n_atoms)
    starts = torch.cumsum(counts, 0) - counts
    atoms = torch.argsort(counts, descending=True)
    sorted_counts = counts[atoms].tolist()
    slots, chunks, first, position = [centre[:0]], [], 0, 0
    busy = n_atoms - sorted_counts.count(0)
    most = chunk_size(_CHUNK, centre.device)
    while position < busy:
        width = sorted_counts[position]
        chosen = atoms[position : min(busy, position + max(1, most // width))]
        column = torch.arange(width, device=centre.device)
        pairs = torch.where(column < counts[chosen][:, None], starts[chosen][:, None] + column, len(centre))
        slots.append(pairs.flatten())
        chunks.append((first, chosen, width))
        first += pairs.numel()
        position += len(chosen)
    joined = torch.cat(slots)
    return Layout(joined if order is None else torch.nn.functional.pad(order, (0, 1), value=len(order))[joined], chunks)


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
        # A pair that is not there sits at the cutoff, where its weight vanishes.
        self._nobody = torch.tensor([[0.0, 0.0, cutoff]], dtype=dtype, device=device)

    def forward(self, vectors: Tensor, layout: Layout, n_atoms: int) -> Tensor:
        """Coefficients [n_atoms, D] from vectors [P, 3]."""
        table, _ = self._map(vectors, layout)
        products = vectors.new_zeros(n_atoms, len(self._products))
        scratch = Workspace(vectors)
        for first, atoms, width in layout.chunks:
            factors = self._factors(_chunk(table, first, len(atoms), width), scratch)
            moments = scratch.take("moments", len(atoms), factors.left.shape[0], self.basis.right_size)
            torch.bmm(factors.left.transpose(0, 1), factors.weighted.permute(1, 2, 0), out=moments)
            products[atoms] = moments.flatten(1).index_select(1, self._products)
        return torch.addmm(self._own, products, self._transform.T)

    def backward(self, vectors: Tensor, layout: Layout, grad: Tensor) -> Tensor:
        """Gradient [P, 3] in the vectors for the gradient [N, D] in the coefficients."""
        table, frame = self._map(vectors, layout)
        n_left = sum(self.basis.left_sizes)
        grad_products = grad @ self._transform
        grad_table = torch.empty_like(table)
        most = max((len(atoms) for _, atoms, _ in layout.chunks), default=0)
        grad_moments = grad.new_zeros(most, n_left * self.basis.right_size)
        scratch = Workspace(vectors)
        for first, atoms, width in layout.chunks:
            n = len(atoms)
            grad_moments[:n, self._products] = grad_products[atoms]
            self._chunk_backward(
                _chunk(table, first, n, width),
                grad_moments[:n].view(n, n_left, self.basis.right_size),
                _chunk(grad_table, first, n, width),
                scratch,
            )
        result = vectors.new_zeros(len(vectors) + 1, 3)
        result[layout.slots] = _map_backward(grad_table, frame)
        return result[:-1]

    def _map(self, vectors: Tensor, layout: Layout) -> tuple[Tensor, _Frame]:
        """Rows Re a, Im a, Re b, Im b, f_c [5, M] of all slots, and what the way back needs."""
        vectors = torch.cat([vectors, self._nobody]).index_select(0, layout.slots)
        distance = torch.linalg.vector_norm(vectors, dim=1)
        unit = vectors.T / distance.clamp_min(torch.finfo(vectors.dtype).tiny)
        rate = self._rfac0 * pi / self._cutoff
        cosine, sine = torch.cos(rate * distance), torch.sin(rate * distance)
        x, y, z = sine * unit
        inside = (distance < self._cutoff).to(distance.dtype)
        weight = 0.5 * (torch.cos(pi / self._cutoff * distance) + 1) * inside
        slope = -0.5 * pi / self._cutoff * torch.sin(pi / self._cutoff * distance) * inside
        return torch.stack([cosine, -z, y, -x, weight]), _Frame(unit, distance, cosine, sine, slope, rate)

    def _factors(self, table: Tensor, scratch: Workspace) -> _Factors:
        """Factors of the moments for one chunk of the table [5, n, m]."""
        shape = table.shape[1:]
        a = _powers(table[0], table[1], scratch.take("a", self.basis.right_size, *shape))
        b = _powers(table[2], table[3], scratch.take("b", self.basis.right_size, *shape))
        t = table[0] ** 2 + table[1] ** 2 - table[2] ** 2 - table[3] ** 2
        chebyshev = _chebyshev(t, len(self.basis.left_sizes))
        left = scratch.take("left", sum(self.basis.left_sizes), *shape)
        start = 0
        for size, polynomial in zip(self.basis.left_sizes, chebyshev, strict=True):
            torch.mul(a[:size], polynomial, out=left[start : start + size])
            start += size
        weighted = torch.mul(b, table[4], out=scratch.take("weighted", *b.shape))
        return _Factors(a, b, left, weighted, chebyshev)

    def _chunk_backward(self, table: Tensor, grad_moments: Tensor, out: Tensor, scratch: Workspace) -> None:
        """Write the gradient in the rows of `_map` to out [5, n, m]; grad_moments [n, left, right] is given."""
        f = self._factors(table, scratch)
        n, m = table.shape[1:]
        # The products come out with the atoms first; the element-wise work below wants the factors first.
        by_atom = torch.bmm(
            grad_moments, f.weighted.transpose(0, 1), out=scratch.take("grad_left by atom", n, f.left.shape[0], m)
        )
        grad_left = scratch.take("grad_left", *f.left.shape).copy_(by_atom.transpose(0, 1))
        by_atom = torch.bmm(
            grad_moments.mT, f.left.transpose(0, 1), out=scratch.take("grad_right by atom", n, f.b.shape[0], m)
        )
        grad_b = scratch.take("grad_b", *f.b.shape).copy_(by_atom.transpose(0, 1))
        product = scratch.take("product", *f.b.shape)
        torch.sum(torch.mul(grad_b, f.b, out=product), dim=0, out=out[4])
        grad_b.mul_(table[4])
        start = f.a.shape[0]
        grad_a = grad_left[:start]
        grad_t = torch.zeros_like(table[0])
        slopes = _chebyshev_slopes(f.chebyshev)
        for order, size in list(enumerate(self.basis.left_sizes))[1:]:
            part = grad_left[start : start + size]
            grad_t.addcmul_(torch.mul(part, f.a[:size], out=product[:size]).sum(0), slopes[order])
            grad_a[:size].addcmul_(part, f.chebyshev[order])
            start += size
        self._power_gradient(f.a, grad_a, out[0], out[1], scratch)
        self._power_gradient(f.b, grad_b, out[2], out[3], scratch)
        for row, sign in enumerate((2, 2, -2, -2)):
            out[row].addcmul_(grad_t, table[row], value=sign)

    def _power_gradient(
        self, powers: Tensor, grad: Tensor, out_real: Tensor, out_imaginary: Tensor, scratch: Workspace
    ) -> None:
        """Gradient in Re z, Im z for the gradient in the powers of z: d z^k = k z^(k-1) dz."""
        real, imaginary = powers[1:-2:2], powers[2:-1:2]
        grad_real, grad_imaginary = grad[3::2], grad[4::2]
        terms = scratch.take("terms", *real.shape)
        torch.mul(grad_real, real, out=terms).addcmul_(grad_imaginary, imaginary).mul_(self._orders)
        torch.add(grad[1], terms.sum(0), out=out_real)
        torch.mul(grad_imaginary, real, out=terms).addcmul_(grad_real, imaginary, value=-1).mul_(self._orders)
        torch.add(grad[2], terms.sum(0), out=out_imaginary)


@dataclass(frozen=True)
class _Factors:
    """Powers of a and b, left factors, weighted right factors, all [rows, n, m]; T_n(t) [n, m] for every n."""

    a: Tensor
    b: Tensor
    left: Tensor
    weighted: Tensor
    chebyshev: list[Tensor]


@dataclass(frozen=True)
class _Frame:
    """Per slot: unit vector [3, M]; distance, cosine and sine of theta, slope of f_c, all [M]; and d theta / d r."""

    unit: Tensor
    distance: Tensor
    cosine: Tensor
    sine: Tensor
    slope: Tensor
    rate: float


def _chunk(table: Tensor, first: int, n: int, width: int) -> Tensor:
    """View [rows, n, width] of the slots of one chunk."""
    return table[:, first : first + n * width].unflatten(1, (n, width))


def _map_backward(grad: Tensor, frame: _Frame) -> Tensor:
    """Gradient [P, 3] in the vectors for that in Re a, Im a, Re b, Im b, f_c [5, P]: radial and tangential part."""
    imaginary = torch.stack([-grad[3], grad[2], -grad[1]])
    along = (imaginary * frame.unit).sum(0)
    radial = frame.rate * (frame.cosine * along - frame.sine * grad[0]) + frame.slope * grad[4]
    tangential = frame.sine / frame.distance.clamp_min(torch.finfo(grad.dtype).tiny)
    return (frame.unit * (radial - tangential * along) + tangential * imaginary).T


def _powers(real: Tensor, imaginary: Tensor, out: Tensor) -> Tensor:
    """Rows Re z^0, Re z, Im z, Re z^2, Im z^2, ... written to out [2 highest + 1, ...]."""
    out[0] = 1
    out[1], out[2] = real, imaginary
    for row in range(3, len(out), 2):
        before_real, before_imaginary = out[row - 2], out[row - 1]
        torch.mul(before_real, real, out=out[row]).addcmul_(before_imaginary, imaginary, value=-1)
        torch.mul(before_real, imaginary, out=out[row + 1]).addcmul_(before_imaginary, real)
    return out


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
