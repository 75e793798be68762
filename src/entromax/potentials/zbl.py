"""Screened nuclear repulsion of Ziegler, Biersack and Littmark, switched off as in ``pair_style zbl`` of LAMMPS."""

import numpy as np
import torch
from ase import Atoms
from ase.stress import full_3x3_to_voigt_6_stress
from torch import Tensor

from entromax.features import Batch, Pairs, find_pairs, pair_vectors

COULOMB = 14.399645
"""e^2 / (4 pi eps_0) [eV Å], the value of LAMMPS in metal units."""
RADIUS, POWER = 0.46850, 0.23
TERMS = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))


class Zbl:
    """Repulsive energy of a pair of equal atoms, zero with two derivatives from the outer radius on.

    E(r) = Z^2 e^2 / r sum_k c_k exp(-d_k r / a) + S(r), a = 0.46850 Å / (2 Z^0.23); S is constant up to the inner
    radius and adds A/3 (r - r_1)^3 + B/4 (r - r_1)^4 beyond it (documentation of LAMMPS, ``pair_style zbl``).
    """

    def __init__(self, number: int, inner: float, outer: float) -> None:
        """Prepare the switching function.

        Args:
            number: atomic number Z.
            inner: radius at which the switching begins [Å].
            outer: radius from which on the energy is zero [Å].
        """
        self.number, self.inner, self.outer = number, inner, outer
        r = torch.tensor(outer, dtype=torch.float64, requires_grad=True)
        energy = self._bare(r)
        (slope,) = torch.autograd.grad(energy, r, create_graph=True)
        (curvature,) = torch.autograd.grad(slope, r)
        e, first, second = (float(value.detach()) for value in (energy, slope, curvature))
        width = outer - inner
        self._a = (-3 * first + width * second) / width**2
        self._b = (2 * first - width * second) / width**3
        self._c = -e + width * first / 2 - width**2 * second / 12

    def _bare(self, r: Tensor) -> Tensor:
        x = r * (2 * self.number**POWER / RADIUS)
        screening = torch.stack([c * torch.exp(-d * x) for c, d in TERMS]).sum(0)
        return self.number**2 * COULOMB / r * screening

    def __call__(self, r: Tensor) -> Tensor:
        """Energy [eV] of pairs at distances r [Å], differentiable."""
        near = r[r < self.outer]
        t = (near - self.inner).clamp_min(0)
        energy = torch.zeros_like(r)
        energy[r < self.outer] = self._bare(near) + self._a / 3 * t**3 + self._b / 4 * t**4 + self._c
        return energy


def zbl_of(atoms: Atoms, zbl: Zbl) -> tuple[float, np.ndarray, np.ndarray]:
    """Return energy [eV], forces [N, 3] [eV/Å] and stress [6] [eV/Å^3] of a periodic structure."""
    batch = Batch.from_atoms([atoms])
    pairs = find_pairs(batch, zbl.outer)
    vectors = pair_vectors(batch.positions, batch.cells, batch.system, pairs).requires_grad_()
    energy = zbl(torch.linalg.vector_norm(vectors, dim=1)).sum() / 2
    (gradient,) = torch.autograd.grad(energy, vectors)
    forces, virial = from_pairs(gradient, vectors.detach(), pairs, len(atoms))
    return float(energy.detach()), forces, virial / atoms.get_volume()


def from_pairs(gradient: Tensor, vectors: Tensor, pairs: Pairs, n_atoms: int) -> tuple[np.ndarray, np.ndarray]:
    """Return forces [N, 3] and dE/d strain [6] (ASE's order) for the gradient [P, 3] of E in the pair vectors."""
    forces = torch.zeros(n_atoms, 3, dtype=gradient.dtype)
    forces.index_add_(0, pairs.i, gradient).index_add_(0, pairs.j, -gradient)
    tensor = (gradient.T @ vectors).numpy()
    return forces.numpy(), full_3x3_to_voigt_6_stress(tensor)
