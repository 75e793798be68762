"""Pairs of a batch of small periodic cells by sums over images, in torch on the device of the batch.

Cells are often smaller than the cutoff, so there is nothing to sort into boxes: an atom meets every atom of its
structure in every image of the cell that may be near. Images are tested first against a structure, then against an
atom, and only what is left atom by atom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from entromax.features.batch import Batch


@dataclass(frozen=True)
class ImagePairs:
    """Pairs, both directions and own images included, sorted by `i`.

    The vector of a pair is that between the atoms after each was moved into the cell by `wrap`, plus the shift of its
    image: `pair_vectors`.

    Attributes:
        i: [P] long, central atom.
        j: [P] long, neighbour.
        image: [P] long, image of the cell that the neighbour is in.
        shift: [I, 3] cell vectors that each image is away.
        image_system: [I] long, structure that each image belongs to.
        wrap: [N, 3] cell vectors by which each atom was moved.
    """

    i: Tensor
    j: Tensor
    image: Tensor
    shift: Tensor
    image_system: Tensor
    wrap: Tensor

    def vectors(self, batch: Batch) -> Tensor:
        """Return the vectors [P, 3] at other positions and cells of the same batch."""
        inside = batch.positions + _times(self.wrap, batch.cells, batch.system)
        away = _times(self.shift, batch.cells, self.image_system)
        return inside.index_select(0, self.j) - inside.index_select(0, self.i) + away.index_select(0, self.image)

    def replaced(self, new: ImagePairs, atoms: Tensor, stale: Tensor, system: Tensor) -> ImagePairs:
        """Return the pairs with those of some structures replaced.

        Args:
            new: pairs of these structures, which count from 0.
            atoms: [n] long, their atoms in the batch.
            stale: [S] true at these structures.
            system: [N] structure of every atom.
        """
        old_atom, old_image = ~stale[system], ~stale[self.image_system]
        kept = torch.nonzero(old_atom[self.i]).flatten()
        renumbered = torch.cumsum(old_image, 0) - 1
        old = (self.i[kept], self.j[kept], renumbered[self.image[kept]])
        added = (atoms[new.i], atoms[new.j], new.image + int(old_image.sum()))
        counts = torch.bincount(torch.cat([old[0], added[0]]), minlength=len(system))
        place = torch.cat([_places(part[0], counts) for part in (old, added)])
        i, j, image = (
            torch.empty_like(place).index_copy_(0, place, torch.cat(both)) for both in zip(old, added, strict=True)
        )
        systems = torch.nonzero(stale).flatten()
        return ImagePairs(
            i,
            j,
            image,
            torch.cat([self.shift[old_image], new.shift]),
            torch.cat([self.image_system[old_image], systems[new.image_system]]),
            self.wrap.index_copy(0, atoms, new.wrap),
        )


def image_pairs(batch: Batch, radius: float, at_once: int = 4_000_000) -> ImagePairs:
    """Return all pairs closer than `radius`; the sizes of the result are asked from the device.

    Args:
        batch: structures.
        radius: units of d_nn; rounding may add pairs that are longer by a part in 1e5.
        at_once: candidates tested at once; bounds the memory.

    Raises:
        ValueError: a position or cell is not finite, or a cell has no volume.
    """
    check_geometry(batch)
    cells, system, sizes = batch.cells, batch.system, batch.sizes
    inverse = inverse_cells(cells)
    wrap = -torch.floor(_times(batch.positions, inverse, system))
    positions = batch.positions + _times(wrap, cells, system)
    reach = torch.ceil(radius * torch.linalg.vector_norm(inverse, dim=1)).long()  # atoms differ by less than a cell
    span = 2 * reach + 1
    owner, place = _expand(span.prod(dim=1), torch.zeros_like(sizes))
    wide = span[owner]
    steps = torch.stack([place // (wide[:, 1] * wide[:, 2]), place // wide[:, 2] % wide[:, 1], place % wide[:, 2]], 1)
    shift = (steps - reach[owner]).to(cells.dtype)
    away = _times(shift, cells, owner)
    middle = positions.new_zeros(len(cells), 3).index_add(0, system, positions) / sizes[:, None]
    outward = positions - middle[system]
    extent = positions.new_zeros(len(cells)).scatter_reduce(0, system, torch.linalg.vector_norm(outward, dim=1), "amax")
    near = torch.nonzero(torch.linalg.vector_norm(away, dim=1) < radius + 2 * extent[owner]).flatten()
    owner, shift, away = owner[near], shift[near], away[near]
    images = torch.bincount(owner, minlength=len(cells))
    first_image, first_atom = torch.cumsum(images, 0) - images, torch.cumsum(sizes, 0) - sizes

    # From here on in single precision: the radius is a little larger for it.
    far = (radius * (1 + 1e-5)) ** 2
    positions, outward, away = positions.float(), outward.float(), away.float()
    reached = (radius * (1 + 1e-5) + extent.float()) ** 2
    still = (shift == 0).all(dim=1)
    parts = []
    for atoms in _atoms_at_once(images[system] * sizes[system], at_once):
        atom, image = _expand(images[system[atoms]], first_image[system[atoms]])
        atom = atom + atoms.start
        gap = away.index_select(0, image) - outward.index_select(0, atom)
        near = torch.nonzero((gap * gap).sum(dim=1) < reached[system[atom]]).flatten()
        atom, image = atom[near], image[near]
        target = positions.index_select(0, atom) - away.index_select(0, image)
        own = torch.where(still[image], atom, -1)  # what would be the atom itself
        which, other = _expand(sizes[system[atom]], first_atom[system[atom]])
        gap = positions.index_select(0, other) - target.index_select(0, which)
        near = torch.nonzero((gap * gap).sum(dim=1) < far).flatten()
        which, other = which[near], other[near]
        near = torch.nonzero(own[which] != other).flatten()
        which, other = which[near], other[near]
        parts.append((atom[which], other, image[which]))
    i, j, image = (torch.cat(part) for part in zip(*parts, strict=True))
    return ImagePairs(i, j, image, shift, owner, wrap)


def inverse_cells(cells: Tensor) -> Tensor:
    """Return the inverse [S, 3, 3] of cells by cross products; `torch.linalg` would ask a GPU whether there is one."""
    a, b, c = cells.unbind(dim=1)
    columns = torch.stack([torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], dim=2)
    return columns / (a * columns[:, :, 0]).sum(dim=1)[:, None, None]


def smallest_stretch(deformation: Tensor) -> Tensor:
    """Return the smallest singular value [S] of 3 x 3 matrices, from the eigenvalues of F^T F in closed form.

    O. K. Smith, Commun. ACM 4, 168 (1961); accurate to about 1e-8.
    """
    square = deformation.mT @ deformation
    mean = torch.einsum("saa->s", square) / 3
    rest = square - mean[:, None, None] * torch.eye(3, dtype=square.dtype, device=square.device)
    spread = ((rest * rest).sum(dim=(1, 2)) / 6).sqrt().clamp(min=1e-300)
    unit = rest / spread[:, None, None]
    a, b, c = unit.unbind(dim=1)
    angle = torch.acos(((a * torch.linalg.cross(b, c)).sum(dim=1) / 2).clamp(-1, 1)) / 3
    return (mean + 2 * spread * torch.cos(angle + 2 * torch.pi / 3)).clamp(min=0).sqrt()


def check_geometry(batch: Batch) -> None:
    """Refuse what has no neighbours.

    Raises:
        ValueError: a position or cell is not finite, or a cell has no volume.
    """
    if not bool(torch.isfinite(batch.positions).all()):
        raise ValueError("Positions hold values that are not finite; the optimiser has diverged.")
    a, b, c = batch.cells.unbind(dim=1)
    volumes = (a * torch.linalg.cross(b, c)).sum(dim=1).abs()
    bad = torch.nonzero(~(volumes > 0) | ~torch.isfinite(batch.cells).all(dim=2).all(dim=1)).flatten().tolist()
    if bad:
        raise ValueError(f"Cells of structures {bad} of the batch have no volume or are not finite.")


def _times(rows: Tensor, matrices: Tensor, which: Tensor) -> Tensor:
    """Return rows [N, 3], each times the matrix [3, 3] of its number."""
    return (rows[:, :, None] * matrices.index_select(0, which)).sum(dim=1)


def _expand(counts: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Return the items of ranges of numbers, each from ``first`` on: range of every item, and the item."""
    owner = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    before = torch.cumsum(counts, 0) - counts
    return owner, torch.arange(len(owner), device=counts.device) + (first - before).index_select(0, owner)


def _places(i: Tensor, counts: Tensor) -> Tensor:
    """Places of sorted pairs among those of all atoms, of which there are ``counts`` [N]; an atom is here or not."""
    own = torch.bincount(i, minlength=len(counts))
    return torch.arange(len(i), device=i.device) + (torch.cumsum(counts - own, 0) - (counts - own)).index_select(0, i)


def _atoms_at_once(candidates: Tensor, at_once: int) -> Iterator[slice]:
    """Cut atoms into runs with about so many candidates."""
    total = torch.cumsum(candidates, 0)
    last = int(total[-1])
    ends = torch.searchsorted(total, torch.arange(at_once, last + at_once, at_once, device=total.device)).tolist()
    first = 0
    for end in ends:
        stop = min(max(end + 1, first + 1), len(candidates))
        if stop > first:
            yield slice(first, stop)
        first = stop
    if first < len(candidates):
        yield slice(first, len(candidates))
