"""A batch of periodic structures as three tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Structures side by side: all atoms in one array, in the order of the structures.

    Attributes:
        positions: [N, 3] Cartesian positions, units of d_nn.
        cells: [S, 3, 3] cell vectors as rows, units of d_nn.
        system: [N] long, index of the structure of every atom, not decreasing.
    """

    positions: Tensor
    cells: Tensor
    system: Tensor

    def __post_init__(self) -> None:
        """Refuse shapes that cannot be meant."""
        n = self.positions.shape[0]
        if self.positions.shape != (n, 3) or self.cells.shape[1:] != (3, 3) or self.system.shape != (n,):
            raise ValueError(
                "Batch needs positions [N, 3], cells [S, 3, 3] and system [N]; got "
                f"{tuple(self.positions.shape)}, {tuple(self.cells.shape)}, {tuple(self.system.shape)}."
            )

    @property
    def n_atoms(self) -> int:
        """Number of atoms N of all structures together."""
        return self.positions.shape[0]

    @property
    def n_systems(self) -> int:
        """Number of structures S."""
        return self.cells.shape[0]

    @property
    def sizes(self) -> Tensor:
        """[S] long, number of atoms of every structure."""
        ones = torch.ones_like(self.system)  # bincount would ask a GPU for the largest
        return ones.new_zeros(self.n_systems).index_add(0, self.system, ones)

    @classmethod
    def from_atoms(
        cls,
        structures: Sequence[Atoms],
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> Batch:
        """Gather ASE structures. Positions are taken as they are, wrapped or not.

        Raises:
            ValueError: If there is no structure, or one is empty, not periodic in all directions, or flat.
        """
        if not structures:
            raise ValueError("A batch needs at least one structure.")
        for index, atoms in enumerate(structures):
            name = atoms.info.get("sid", f"number {index}")
            if len(atoms) == 0:
                raise ValueError(f"Structure {name} has no atoms.")
            if not atoms.pbc.all() or atoms.cell.rank < 3:
                raise ValueError(f"Structure {name} must be periodic in three directions with a cell of full rank.")
        sizes = torch.tensor([len(atoms) for atoms in structures])
        return cls(
            positions=torch.tensor(np.concatenate([a.positions for a in structures]), dtype=dtype, device=device),
            cells=torch.tensor(np.stack([a.cell.array for a in structures]), dtype=dtype, device=device),
            system=torch.repeat_interleave(torch.arange(len(structures)), sizes).to(device),
        )

    def to_atoms(self) -> list[Atoms]:
        """Return ASE structures of the placeholder element X, positions as they are (not wrapped)."""
        positions = self.positions.detach().cpu().double().numpy()
        cells = self.cells.detach().cpu().double().numpy()
        parts = np.split(positions, np.cumsum(self.sizes.cpu().numpy())[:-1])
        return [
            Atoms(numbers=np.zeros(len(part), dtype=int), positions=part, cell=cell, pbc=True)
            for part, cell in zip(parts, cells, strict=True)
        ]

    def to(self, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Batch:
        """Return the batch in another precision or on another device."""
        return Batch(
            positions=self.positions.to(dtype=dtype, device=device),
            cells=self.cells.to(dtype=dtype, device=device),
            system=self.system.to(device=device),
        )


def choose(mask: Tensor, yes: Batch, no: Batch) -> Batch:
    """Return the structures of ``yes`` where ``mask`` [S] is true, else those of ``no``."""
    atoms = mask[yes.system][:, None]
    return Batch(
        torch.where(atoms, yes.positions, no.positions),
        torch.where(mask[:, None, None], yes.cells, no.cells),
        yes.system,
    )
