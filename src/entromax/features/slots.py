"""Neighbours in a fixed number of slots, so that an optimiser step never asks the device how many there are.

A GPU computes while Python is already at the next operation; every number that Python has to know stops it. What
depends on the data, which pairs there are and how many, is therefore settled every few steps only (`renew`). In
between, pairs closer than the cutoff are put into slots, of which every atom has as many as it is likely to need, and
a structure that has outrun its list, or has run out of slots, is reported as lost: it has to wait for the next renewal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from entromax.features.batch import Batch, choose
from entromax.features.images import ImagePairs, image_pairs, inverse_cells, smallest_stretch


@dataclass(frozen=True)
class Part:
    """Structures whose features are computed together.

    Attributes:
        atoms: their atoms.
        slots: their slots.
        centre: [slots] long, central atom counted from the first of `atoms`; the same tensor until the next renewal.
    """

    atoms: slice
    slots: slice
    centre: Tensor


@dataclass(frozen=True)
class Slots:
    """Pairs closer than the cutoff, in slots that are sorted by central atom.

    Attributes:
        i: [M] long, central atom.
        j: [M] long, neighbour; the atom itself in an empty slot.
        system: [M] long, structure.
        vectors: [M, 3] from centre to neighbour; in an empty slot as long as twice the cutoff.
        lost: [S] true where pairs may be missing.
        parts: how the batch is cut to bound the memory.
    """

    i: Tensor
    j: Tensor
    system: Tensor
    vectors: Tensor
    lost: Tensor
    parts: list[Part]


class SlottedNeighbours:
    """Neighbours of one batch of structures along its optimisation.

    A search takes all pairs within cutoff + skin. For cells h0 -> h the motion of an atom is split into the affine part
    x0 F, F = h0^-1 h, and the rest u (mean removed). A pair that is not in the list had |r0| >= cutoff + skin, now has
    |r| >= s_min(F) |r0| - 2 max|u|, s_min the smallest singular value. So the list of a structure holds as long as

        s_min(F) (cutoff + skin) - 2 max|u| >= cutoff.

    Args:
        cutoff: radius [d_nn].
        skin: extra radius of the search [d_nn].
        every: calls from one renewal to the next; with 1 every call is one, and nothing is ever lost.
        spare: slots are those of the pairs within cutoff + spare at the renewal [d_nn].
        max_pairs: slots in a part, unless one structure has more.
    """

    def __init__(self, cutoff: float, skin: float, every: int, spare: float, max_pairs: int) -> None:
        """Start without a list; the first call makes one."""
        self.cutoff, self.skin, self.every, self.spare, self.max_pairs = cutoff, skin, every, spare, max_pairs
        self._age = every
        self._plan: _Plan | None = None

    @property
    def due(self) -> bool:
        """Whether the next call is a renewal, which asks the device."""
        return self._age >= self.every

    def __call__(self, batch: Batch) -> Slots:
        """Return the pairs at the present positions and cells; all calls have to be with the same structures.

        Raises:
            ValueError: at a renewal, a position or cell is not finite or a cell has no volume.
        """
        if self.due:
            self._plan, self._age = self._renewed(batch), 0
        self._age += 1
        assert self._plan is not None
        return self._fill(batch, self._plan)

    def _renewed(self, batch: Batch) -> _Plan:
        # A list that has to last is made anew unless most of its skin is left.
        stale = None if self._plan is None else self._outrun(batch, self._plan, self.skin * (1 - 1 / self.every))
        if self._plan is None or stale is None or bool(stale.all()):
            pairs, origin = image_pairs(batch, self.cutoff + self.skin), batch
        elif bool(stale.any()):
            pairs, origin = self._searched(batch, self._plan, stale)
        else:
            pairs, origin = self._plan.pairs, self._plan.origin
        vectors = pairs.vectors(batch)
        within = (vectors * vectors).sum(dim=1) < (self.cutoff + self.spare) ** 2
        listed = torch.bincount(pairs.i, minlength=batch.n_atoms)
        width = torch.zeros_like(listed).index_add(0, pairs.i, within.long())
        i = torch.repeat_interleave(torch.arange(batch.n_atoms, device=width.device), width)
        starts = torch.cumsum(width, 0) - width
        slots = width.new_zeros(batch.n_systems).index_add(0, batch.system, width)
        return _Plan(
            origin,
            inverse_cells(origin.cells),
            pairs,
            torch.cumsum(listed, 0) - listed,
            width,
            starts,
            i,
            batch.system[i],
            batch.system[pairs.i],
            _parts(batch.sizes.tolist(), slots.tolist(), i, self.max_pairs),
        )

    def _searched(self, batch: Batch, plan: _Plan, stale: Tensor) -> tuple[ImagePairs, Batch]:
        """Return the pairs and the positions of their searches after another search for some structures."""
        atoms = torch.nonzero(stale[batch.system]).flatten()
        renumbered = torch.cumsum(stale, 0) - 1
        some = Batch(batch.positions[atoms], batch.cells[stale], renumbered[batch.system[atoms]])
        found = image_pairs(some, self.cutoff + self.skin)
        return plan.pairs.replaced(found, atoms, stale, batch.system), choose(stale, batch, plan.origin)

    def _fill(self, batch: Batch, plan: _Plan) -> Slots:
        pairs, count = plan.pairs, len(plan.pairs.i)
        vectors = pairs.vectors(batch)
        inside = (vectors * vectors).sum(dim=1) < self.cutoff**2
        before = torch.nn.functional.pad(torch.cumsum(inside, 0), (1, 0))
        rank = before[:-1] - before.index_select(0, plan.first).index_select(0, pairs.i)
        fits = inside & (rank < plan.width.index_select(0, pairs.i))
        slot = torch.where(fits, plan.start.index_select(0, pairs.i) + rank, len(plan.i))
        numbers = torch.arange(count, device=slot.device)
        taken = torch.full((len(plan.i) + 1,), count, device=slot.device).scatter_(0, slot, numbers)[:-1]
        far = vectors.new_zeros(1, 3)
        far[0, 2] = 2 * self.cutoff
        j = torch.nn.functional.pad(pairs.j, (0, 1)).index_select(0, taken)
        lost = self._outrun(batch, plan, 0.0)
        missing = (inside & ~fits).long()
        return Slots(
            plan.i,
            torch.where(taken < count, j, plan.i),
            plan.slot_system,
            torch.cat([vectors, far]).index_select(0, taken),
            lost | (torch.zeros_like(batch.sizes).index_add(0, plan.pair_system, missing) > 0),
            plan.parts,
        )

    def _outrun(self, batch: Batch, plan: _Plan, reserve: float) -> Tensor:
        """[S] true where the list holds no longer than cutoff + ``reserve`` (class docstring)."""
        system, sizes = batch.system, batch.sizes
        deformation = plan.inverse @ batch.cells
        affine = (plan.origin.positions[:, :, None] * deformation.index_select(0, system)).sum(dim=1)
        rest = batch.positions - affine
        mean = torch.zeros_like(batch.cells[:, 0]).index_add(0, system, rest) / sizes[:, None]
        length = torch.linalg.vector_norm(rest - mean.index_select(0, system), dim=1)
        largest = torch.zeros_like(mean[:, 0]).scatter_reduce(0, system, length, "amax")
        reach = smallest_stretch(deformation) * (self.cutoff + self.skin) - 2 * largest
        return ~(reach >= (self.cutoff + reserve) * (1 + 1e-6))


@dataclass(frozen=True)
class _Plan:
    """What a renewal has settled.

    Attributes:
        origin: positions and cells at the searches.
        inverse: [S, 3, 3] inverse of these cells.
        pairs: all pairs within cutoff + skin.
        first: [N] first pair of every atom.
        width: [N] slots of every atom.
        start: [N] first slot of every atom.
        i: [M] atom of every slot.
        slot_system: [M] structure of every slot.
        pair_system: [P] structure of every pair.
        parts: how the batch is cut.
    """

    origin: Batch
    inverse: Tensor
    pairs: ImagePairs
    first: Tensor
    width: Tensor
    start: Tensor
    i: Tensor
    slot_system: Tensor
    pair_system: Tensor
    parts: list[Part]


def _parts(sizes: list[int], slots: list[int], i: Tensor, max_pairs: int) -> list[Part]:
    """Cut a batch between structures into parts of at most ``max_pairs`` slots, or of one structure."""
    parts: list[Part] = []
    atom = slot = atoms_in = slots_in = 0
    for size, count in zip([*sizes, 0], [*slots, max_pairs + 1], strict=True):  # the last one ends the last part
        if atoms_in and slots_in + count > max_pairs:
            rows = slice(slot, slot + slots_in)
            parts.append(Part(slice(atom, atom + atoms_in), rows, i[rows] - atom))
            atom, slot, atoms_in, slots_in = atom + atoms_in, rows.stop, 0, 0
        atoms_in, slots_in = atoms_in + size, slots_in + count
    return parts
