"""Values and derivatives of cluster functions for periodic structures of one element."""

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import groupby
from math import pi, sqrt

import numpy as np
import torch
from ase import Atoms
from scipy.sparse import csr_matrix
from torch import Tensor

from entromax.features import Batch, NeighbourList, Pairs, pair_vectors
from entromax.features.power_spectrum import real_harmonics
from entromax.potentials.cluster_functions import ClusterFunction
from entromax.potentials.zbl import from_pairs


class ClusterBasis:
    """Cluster functions over the radial functions of ``bessel_matrix`` and harmonics with Y_00 = 1.

    Attributes:
        functions: the p functions.
        cutoff: [Å].
        size: p.
    """

    def __init__(self, functions: Sequence[ClusterFunction], cutoff: float, skin: float = 0.0) -> None:
        """Prepare tables.

        Args:
            functions: from ``cluster_functions``.
            cutoff: radius [Å].
            skin: extra radius within which neighbours are remembered between calls [Å].
        """
        self.functions, self.cutoff, self.size = list(functions), cutoff, len(functions)
        channels = sorted({channel for function in functions for channel in function.channels})
        moments = [(n, ell, m) for n, ell in channels for m in range(-ell, ell + 1)]
        self._n_max, self._l_max = (max(column) for column in zip(*channels, strict=True))
        self._radial = np.array([n - 1 for n, _, _ in moments])
        self._angular = np.array([ell * ell + ell + m for _, ell, m in moments])
        self._bessel = torch.tensor(bessel_matrix(self._n_max) * cutoff**-1.5)
        self._complex = complex_harmonics(moments)
        self._index_products(moments)
        self._slopes = self._slope_matrix()
        self._neighbours = NeighbourList(cutoff, skin)

    def _index_products(self, moments: Sequence[tuple[int, int, int]]) -> None:
        """Number the products of all functions, by order, and their factors.

        ``_orders``: for every order the moments of its products [T_k, k]; ``_coupling`` [p, T]; for every factor of
        every product, L in the order of ``_others``: its moment ``_slots`` and its product ``_owners``.
        """
        index = {moment: k for k, moment in enumerate(moments)}
        products = sorted(
            {key for function in self.functions for key in function.terms}, key=lambda key: (len(key), key)
        )
        position = {key: k for k, key in enumerate(products)}
        entries = [
            (k, position[key], c) for k, function in enumerate(self.functions) for key, c in function.terms.items()
        ]
        rows, columns, values = (np.array(column) for column in zip(*entries, strict=True))
        self._coupling = csr_matrix((values, (rows, columns)), shape=(self.size, len(products)))
        self._orders, slots, owners, first = [], [], [], 0
        for _, group in groupby(products, key=len):
            factors = np.array([[index[moment] for moment in key] for key in group])
            self._orders.append(factors)
            slots.append(factors.T.ravel())
            owners.append(np.tile(np.arange(first, first + len(factors)), factors.shape[1]))
            first += len(factors)
        self._slots, self._owners = np.concatenate(slots), np.concatenate(owners)

    def _slope_matrix(self) -> csr_matrix:
        """Return S [p R, L]: the derivative of function k in the real moment r is Re(S @ _others)[k R + r]."""
        functions = self._coupling.tocsc()[:, self._owners].tocoo()
        real = self._complex[self._slots[functions.col]].tocoo()  # one row for each entry of functions
        size = len(self._radial)
        return csr_matrix(
            (
                functions.data[real.row] * real.data,
                (functions.row[real.row] * size + real.col, functions.col[real.row]),
            ),
            shape=(self.size * size, len(self._slots)),
        )

    def degrees(self) -> np.ndarray:
        """Return the degrees of the functions [p], see ``ClusterFunction.degree``."""
        return np.array([function.degree for function in self.functions], dtype=float)

    def projections(self, atoms: Atoms) -> np.ndarray:
        """Return the functions [N, p] of every atom of a periodic structure."""
        pairs, vectors = self._pairs(atoms)
        moments = self._moments(self._pooled(pairs, *self._factors(vectors), len(atoms)))
        return np.asarray((self._coupling @ self._products(moments).real).T)

    def gradients(self, atoms: Atoms) -> tuple[np.ndarray, Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
        """Return the functions [N, p] of every atom, and one by one what those of an atom alone would give.

        That is the indices [M] of the atoms that it pulls at, itself among them; and per unit of the coefficient [eV]
        the forces on these [M, 3, p] and the stress [6, p] (ASE's order and sign).
        """
        pairs, vectors = self._pairs(atoms)
        moments = self._moments(self._pooled(pairs, *self._factors(vectors), len(atoms)))
        values = np.asarray((self._coupling @ self._products(moments).real).T)
        return values, self._of_atoms(atoms, pairs, vectors, moments)

    def _of_atoms(
        self, atoms: Atoms, pairs: Pairs, vectors: Tensor, moments: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        slopes = (self._slopes @ self._others(moments)).real.reshape(self.size, -1, len(atoms))
        change, centre, other = self._changes(vectors), pairs.i.numpy(), pairs.j.numpy()
        for atom in range(len(atoms)):
            mine = centre == atom
            gradient = np.moveaxis(change[:, mine] @ slopes[:, :, atom].T, 0, 1)  # [pairs, 3, p]
            near, place = np.unique(np.append(atom, other[mine]), return_inverse=True)
            forces = np.zeros((len(near), 3, self.size))
            forces[place[0]] = gradient.sum(axis=0)
            np.subtract.at(forces, place[1:], gradient)
            strain = np.tensordot(vectors.detach()[mine].numpy(), gradient, (0, 0))
            stress = (strain + strain.transpose(1, 0, 2)) / (2 * atoms.get_volume())
            yield near, forces, stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]

    def energies(
        self, atoms: Atoms, readout: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what a function of the values of all functions gives.

        Args:
            atoms: periodic structure.
            readout: from the functions [N, p] to energies [N] and their derivatives in the functions [N, p].

        Returns:
            Energies [N] of the atoms; forces [N, 3] and dE/d strain [6] of their sum.
        """
        n, (pairs, vectors) = len(atoms), self._pairs(atoms)
        pooled = self._pooled(pairs, *self._factors(vectors.requires_grad_()), n)
        moments = self._moments(pooled)
        energies, derivatives = readout(np.asarray((self._coupling @ self._products(moments).real).T))
        weights = self._coupling.T @ derivatives.T
        slots = np.arange(len(self._slots))
        scatter = csr_matrix((np.ones(len(slots)), (self._slots, slots)), shape=(len(moments), len(slots)))
        others = self._others(moments)
        others *= weights[self._owners]
        slopes = np.zeros(pooled.shape)
        slopes[:, self._radial, self._angular] = (self._complex.T @ (scatter @ others)).real.T
        (gradient,) = torch.autograd.grad(pooled, vectors, torch.from_numpy(slopes))
        return energies, *from_pairs(gradient, vectors.detach(), pairs, n)

    def _pairs(self, atoms: Atoms) -> tuple[Pairs, Tensor]:
        """Return neighbour pairs, sorted by centre, and their vectors [P, 3]."""
        batch = Batch.from_atoms([atoms])
        pairs = self._neighbours(batch)
        return pairs, pair_vectors(batch.positions, batch.cells, batch.system, pairs)

    def _factors(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return radial functions [P, n_max] and real harmonics [P, (l_max + 1)^2] of pairs."""
        distance = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
        x = (pi / self.cutoff) * distance * torch.arange(1, self._n_max + 2, dtype=vectors.dtype)
        return (torch.sin(x) / x) @ self._bessel, sqrt(4 * pi) * real_harmonics(vectors / distance, self._l_max)

    def _pooled(self, pairs: Pairs, radial: Tensor, angular: Tensor, n_atoms: int) -> Tensor:
        """Return sums over neighbours of all products of one radial function and one harmonic [N, n, lm]."""
        counts = torch.bincount(pairs.i, minlength=n_atoms)
        place = torch.arange(len(pairs)) - (torch.cumsum(counts, 0) - counts)[pairs.i]
        width = int(counts.max())
        left, right = (
            torch.zeros(n_atoms, width, part.shape[1], dtype=part.dtype).index_put((pairs.i, place), part)
            for part in (radial, angular)
        )
        return left.transpose(1, 2) @ right

    def _moments(self, pooled: Tensor) -> np.ndarray:
        """Return complex moments A [R, N]."""
        return np.asarray(self._complex @ pooled.detach().numpy()[:, self._radial, self._angular].T)

    def _changes(self, vectors: Tensor) -> np.ndarray:
        """Return the derivatives in x, y and z of the real moments of every pair [3, P, R]."""
        radial, angular = self._factors(vectors.requires_grad_())
        # Columns picked by products with 0 and 1: backwards much faster than by index.
        picked = radial @ _columns(self._radial, radial.shape[1])
        features = picked * (angular @ _columns(self._angular, angular.shape[1]))
        # Backwards twice is once forwards: the gradient is linear in the weights of the features.
        weights = torch.zeros_like(features, requires_grad=True)
        (gradient,) = torch.autograd.grad(features, vectors, weights, create_graph=True)
        parts = [torch.autograd.grad(part.sum(), weights, retain_graph=True)[0] for part in gradient.unbind(1)]
        return torch.stack(parts).numpy()

    def _products(self, moments: np.ndarray) -> np.ndarray:
        """Return the products [T, N] of moments."""
        return np.concatenate([_product([moments[column] for column in factors.T]) for factors in self._orders])

    def _others(self, moments: np.ndarray) -> np.ndarray:
        """Return, for every factor of every product, the product of the others [L, N]."""
        parts = []
        for factors in self._orders:
            values = [moments[column] for column in factors.T]
            parts += [
                _product(values[:slot] + values[slot + 1 :] or [np.ones_like(values[0])]) for slot in range(len(values))
            ]
        return np.concatenate(parts)


def _product(factors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the product of arrays; much faster than ``prod`` of one array."""
    return reduce(np.multiply, factors)


def _columns(index: np.ndarray, size: int) -> Tensor:
    """Return the matrix [size, len(index)] whose products with something pick its columns."""
    return torch.from_numpy(np.eye(size)[:, index])


def complex_harmonics(moments: Sequence[tuple[int, int, int]]) -> csr_matrix:
    """Return U [R, R]: moments of complex harmonics (Condon-Shortley phase) from those of real ones."""
    index = {moment: k for k, moment in enumerate(moments)}
    entries: list[tuple[int, int, complex]] = []
    for k, (n, ell, m) in enumerate(moments):
        if m == 0:
            entries.append((k, k, 1.0))
        elif m > 0:
            entries += [(k, k, (-1) ** m / sqrt(2)), (k, index[n, ell, -m], 1j * (-1) ** m / sqrt(2))]
        else:
            entries += [(k, index[n, ell, -m], 1 / sqrt(2)), (k, k, -1j / sqrt(2))]
    rows, columns, values = (np.array(column) for column in zip(*entries, strict=True))
    return csr_matrix((values, (rows, columns)), shape=(len(moments), len(moments)))


def bessel_matrix(n_max: int) -> np.ndarray:
    """Return M [n_max + 1, n_max] of the radial functions g_n(r) = r_c^(-3/2) sum_k M_kn sinc(k pi r / r_c).

    They are combinations of spherical Bessel functions that vanish with their slope at the cutoff r_c, made orthonormal
    [E. Kocer, J. K. Mason, H. Erturk, J. Chem. Phys. 150, 154102 (2019)]; ``SBessel`` of pacemaker and ML-PACE.
    """
    raw = np.zeros((n_max + 1, n_max))
    for n in range(n_max):
        front = (-1) ** n * sqrt(2) * pi * (n + 1) * (n + 2) / sqrt((n + 1) ** 2 + (n + 2) ** 2)
        raw[n : n + 2, n] = front
    matrix, before = raw.copy(), 1.0
    for n in range(1, n_max):
        overlap = n**2 * (n + 2) ** 2 / (4 * (n + 1) ** 4 + 1)
        rest = 1 - overlap / before
        matrix[:, n] = (raw[:, n] + sqrt(overlap / before) * matrix[:, n - 1]) / sqrt(rest)
        before = rest
    return matrix
