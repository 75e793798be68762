"""Neighbour pairs of a batch of small periodic cells, kept between optimiser steps.

The pairs come from `vesin` (cells far smaller than the cutoff, self-images and strong skew included; measured 1.6 times
faster than matscipy and 30 times faster than ASE on batches of 1-32 atoms). Distances are never taken from there:
`pair_vectors` recomputes them differentiably from positions and cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import vesin
from torch import Tensor

from entromax.features.batch import Batch


@dataclass(frozen=True)
class Pairs:
    """A full neighbour list: every pair in both directions, own images included, sorted by `i`.

    The vector of a pair is `positions[j] - positions[i] + shift @ cells[system[i]]`.

    Attributes:
        i: [P] long, central atom (index into the batch).
        j: [P] long, neighbour.
        shift: [P, 3] long, cell vectors crossed between the two, for positions as given (not wrapped).
    """

    i: Tensor
    j: Tensor
    shift: Tensor

    def __len__(self) -> int:
        """Number of pairs P."""
        return self.i.shape[0]

    def select(self, mask: Tensor) -> Pairs:
        """Return the pairs at which `mask` [P] is true."""
        return Pairs(self.i[mask], self.j[mask], self.shift[mask])


def pair_vectors(positions: Tensor, cells: Tensor, system: Tensor, pairs: Pairs) -> Tensor:
    """Vectors [P, 3] from centre to neighbour, differentiable in positions [N, 3] and cells [S, 3, 3]."""
    offsets = torch.einsum("pa,pab->pb", pairs.shift.to(cells.dtype), cells.index_select(0, system[pairs.i]))
    return positions.index_select(0, pairs.j) - positions.index_select(0, pairs.i) + offsets


def find_pairs(batch: Batch, cutoff: float) -> Pairs:
    """All pairs closer than `cutoff` (units of d_nn), without a skin.

    Raises:
        ValueError: If a position or cell is not finite or a cell has no volume.
    """
    return NeighbourList(cutoff, skin=0.0)(batch)


class NeighbourList:
    """Neighbour pairs that are searched again only when atoms or cell have moved too far.

    Pairs are searched with radius cutoff + skin and trimmed to the cutoff at every call. For cells h0 -> h the motion
    of an atom is split into the affine part x0 F, F = h0^-1 h, and the rest u (mean removed). A pair that is not in
    the list had |r0| >= cutoff + skin, now has |r| >= s_min(F) |r0| - 2 max|u|, s_min the smallest singular value. So
    the list of a structure holds exactly as long as

        s_min(F) (cutoff + skin) - 2 max|u| >= cutoff.

    Structures are checked and searched again one by one; one restless structure does not cost the others a search.
    Wrapping atoms back into the cell between calls is allowed: it counts as motion and leads to a new search.

    Args:
        cutoff: Radius, units of d_nn.
        skin: Extra radius, units of d_nn. 0 searches at every call.
    """

    def __init__(self, cutoff: float, skin: float = 0.3) -> None:
        """Start without a list; the first call searches every structure."""
        if cutoff <= 0 or skin < 0:
            raise ValueError(f"cutoff must be positive and skin not negative; got {cutoff} and {skin}.")
        self.cutoff = cutoff
        self.skin = skin
        self.searches = 0
        """Structures searched so far: what the skin saves can be counted."""
        self._finder = vesin.NeighborList(cutoff=cutoff + skin, full_list=True, sorted=True, n_threads=1)
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._sizes = torch.empty(0, dtype=torch.long)
        self._positions = torch.empty(0, 3, dtype=torch.float64)
        self._cells = torch.empty(0, 3, 3, dtype=torch.float64)
        self._pairs: Pairs | None = None

    def __call__(self, batch: Batch) -> Pairs:
        """Pairs closer than the cutoff for the present positions and cells.

        Raises:
            ValueError: If a position or cell is not finite or a cell has no volume.
        """
        positions = batch.positions.detach().to("cpu", torch.float64)
        cells = batch.cells.detach().to("cpu", torch.float64)
        sizes = batch.sizes.cpu()
        _check_geometry(positions, cells)
        if not torch.equal(sizes, self._sizes):
            self._parts = [_NO_PAIRS] * len(sizes)
            self._sizes, self._positions, self._cells = sizes, positions.clone(), cells.clone()
            stale = torch.ones(len(sizes), dtype=torch.bool)
        else:
            stale = self.stale(positions, cells)
        if bool(stale.any()):
            self._search(positions, cells, stale)
        if self._pairs is None or self._pairs.i.device != batch.positions.device:
            self._pairs = self._join(batch.positions.device)
        vectors = pair_vectors(batch.positions.detach(), batch.cells.detach(), batch.system, self._pairs)
        return self._pairs.select(torch.einsum("pa,pa->p", vectors, vectors) < self.cutoff**2)

    def stale(self, positions: Tensor, cells: Tensor) -> Tensor:
        """[S] bool, which structures need a new search (class docstring); positions and cells float64 on the CPU."""
        count = self._sizes
        system = torch.repeat_interleave(torch.arange(len(count)), count)
        deformation = torch.linalg.solve(self._cells, cells)
        affine = torch.einsum("na,nab->nb", self._positions, deformation[system])
        rest = positions - affine
        mean = torch.zeros(len(count), 3, dtype=rest.dtype).index_add_(0, system, rest) / count[:, None]
        length = torch.linalg.norm(rest - mean[system], dim=1)
        largest = torch.zeros(len(count), dtype=rest.dtype).scatter_reduce_(0, system, length, "amax")
        smallest = torch.linalg.svdvals(deformation)[:, -1]
        return smallest * (self.cutoff + self.skin) - 2 * largest < self.cutoff * (1 + 1e-12)

    def _search(self, positions: Tensor, cells: Tensor, stale: Tensor) -> None:
        starts = torch.cumsum(self._sizes, 0) - self._sizes
        for s in torch.nonzero(stale).flatten().tolist():
            atoms = slice(int(starts[s]), int(starts[s] + self._sizes[s]))
            i, j, shift = self._finder.compute(
                points=positions[atoms].numpy(), box=cells[s].numpy(), periodic=True, quantities="ijS"
            )
            self._parts[s] = (
                i.astype(np.int64) + atoms.start,
                j.astype(np.int64) + atoms.start,
                shift.astype(np.int64),
            )
            self._positions[atoms] = positions[atoms]
            self._cells[s] = cells[s]
            self.searches += 1
        self._pairs = None

    def _join(self, device: torch.device) -> Pairs:
        i, j, shift = (np.concatenate([part[k] for part in self._parts]) for k in range(3))
        return Pairs(*(torch.from_numpy(array).to(device) for array in (i, j, shift)))


_NO_PAIRS = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty((0, 3), dtype=np.int64))


def _check_geometry(positions: Tensor, cells: Tensor) -> None:
    if not bool(torch.isfinite(positions).all()):
        raise ValueError("Positions hold values that are not finite; the optimiser has diverged.")
    volumes = torch.linalg.det(cells).abs()
    bad = torch.nonzero(~(volumes > 0) | ~torch.isfinite(cells).all(dim=(1, 2))).flatten().tolist()
    if bad:
        raise ValueError(f"Cells of structures {bad} of the batch have no volume or are not finite.")
