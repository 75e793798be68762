"""Coordinates of a batch as one space: displacements of atoms and strain of cells, and a FIRE step in it.

A strain of the cell moves its atoms by about its length; strain is therefore multiplied by L = V^(1/3), which gives
both kinds of coordinates the unit of a length and steps of like size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from entromax.entropy.objective import Gradient
from entromax.features import Batch
from entromax.structures.constraints import cell_volumes


@dataclass(frozen=True)
class Direction:
    """A vector in the space of coordinates: positions [N, 3] and L x strain [S, 3, 3], both in d_nn."""

    positions: Tensor
    strain: Tensor

    def __add__(self, other: "Direction") -> "Direction":
        """Return the sum."""
        return Direction(self.positions + other.positions, self.strain + other.strain)

    def scaled(self, factor: Tensor, system: Tensor) -> "Direction":
        """Return the vector with the part of every structure multiplied by ``factor`` [S]."""
        return Direction(self.positions * factor[system][:, None], self.strain * factor[:, None, None])


def lengths(cells: Tensor) -> Tensor:
    """Return L = V^(1/3) of cells [S, 3, 3]."""
    return cell_volumes(cells) ** (1 / 3)


def force_of(gradient: Gradient, batch: Batch, sign: float) -> Direction:
    """Return ``sign`` times a gradient in these coordinates."""
    return Direction(sign * gradient.positions, sign * gradient.strain / lengths(batch.cells)[:, None, None])


def dot(a: Direction, b: Direction, system: Tensor) -> Tensor:
    """Return the scalar product of every structure, [S]."""
    cell = (a.strain * b.strain).sum(dim=(1, 2))
    return cell.index_add(0, system, (a.positions * b.positions).sum(dim=1))


def largest(a: Direction, system: Tensor) -> Tensor:
    """Return the largest length of a row (a displacement, or a row of the scaled strain) of every structure, [S]."""
    cell = torch.linalg.vector_norm(a.strain, dim=2).amax(dim=1)
    return cell.scatter_reduce(0, system, torch.linalg.vector_norm(a.positions, dim=1), "amax")


def levelled(a: Direction, system: Tensor) -> Direction:
    """Return the direction with the length l of every displacement and strain replaced by sqrt(l / largest).

    The largest of each structure becomes 1 and the others come nearer to it: not one atom moves at a time.
    """
    top = largest(a, system).clamp(min=1e-12)
    atoms = torch.linalg.vector_norm(a.positions, dim=1)
    strain = torch.linalg.vector_norm(a.strain, dim=2).amax(dim=1)
    return Direction(
        a.positions / (atoms * top[system]).clamp(min=1e-24).sqrt()[:, None],
        a.strain / (strain * top).clamp(min=1e-24).sqrt()[:, None, None],
    )


def displace(batch: Batch, step: Direction) -> Batch:
    """Return the batch after a step: strained first, then displaced."""
    identity = torch.eye(3, dtype=batch.cells.dtype, device=batch.cells.device)
    deformation = identity + step.strain / lengths(batch.cells)[:, None, None]
    positions = torch.einsum("na,nab->nb", batch.positions, deformation[batch.system]) + step.positions
    return Batch(positions, batch.cells @ deformation, batch.system)


def choose_direction(mask: Tensor, yes: Direction, no: Direction, system: Tensor) -> Direction:
    """Return the part of every structure from ``yes`` where ``mask`` [S] is true, else from ``no``."""
    return Direction(
        torch.where(mask[system][:, None], yes.positions, no.positions),
        torch.where(mask[:, None, None], yes.strain, no.strain),
    )


class Fire:
    """Fast inertial relaxation engine (Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)), every structure on its own.

    Args:
        like: zero direction of the batch: shapes, precision, device.
        system: [N] structure of every atom.
        dt: first time step.
        dt_max: largest time step.
        max_step: largest displacement in one step [d_nn].
    """

    def __init__(self, like: Direction, system: Tensor, dt: float = 0.4, dt_max: float = 1.5, max_step: float = 0.1):
        """Start at rest."""
        count = len(like.strain)
        self._velocity = Direction(torch.zeros_like(like.positions), torch.zeros_like(like.strain))
        self._dt = like.strain.new_full((count,), dt)
        self._alpha = like.strain.new_full((count,), 0.1)
        self._downhill = torch.zeros(count, dtype=torch.long, device=like.strain.device)
        self._system = system
        self._dt_max = dt_max
        self._max_step = max_step

    def step(self, force: Direction) -> Direction:
        """Return the displacement that follows from the force."""
        system = self._system
        power = dot(force, self._velocity, system)
        up = power < 0
        self._downhill = torch.where(up, 0, self._downhill + 1)
        faster = self._downhill > 5
        self._dt = torch.where(up, self._dt * 0.5, torch.where(faster, self._dt * 1.1, self._dt)).clamp(
            max=self._dt_max
        )
        self._alpha = torch.where(up, 0.1, torch.where(faster, self._alpha * 0.99, self._alpha))
        speed = dot(self._velocity, self._velocity, system).sqrt()
        strength = dot(force, force, system).sqrt().clamp(min=1e-300)
        keep = torch.where(up, 0.0, 1 - self._alpha)
        turn = torch.where(up, 0.0, self._alpha * speed / strength)
        self._velocity = self._velocity.scaled(keep, system) + force.scaled(turn + self._dt, system)
        step = self._velocity.scaled(self._dt, system)
        return step.scaled((self._max_step / largest(step, system).clamp(min=1e-300)).clamp(max=1), system)

    def stop(self, which: Tensor) -> None:
        """Take the velocity of some structures [S] away and halve their time step."""
        self._velocity = self._velocity.scaled((~which).to(self._dt.dtype), self._system)
        self._dt = torch.where(which, self._dt * 0.5, self._dt)
        self._downhill = torch.where(which, 0, self._downhill)
