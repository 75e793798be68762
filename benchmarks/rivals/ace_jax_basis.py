"""Linear ACE of ace-jax [ACEsuit, MIT] as rows of a design matrix, for `potentials.permissive`.

Needs `pip install ace-jax==0.4.1`. Structures are padded to few shapes: every new one is compiled, in some 6 s of CPU.
"""

import jax
import numpy as np
from ace_jax.basis.model import build_model
from ase import Atoms
from matscipy.neighbours import neighbour_list

jax.config.update("jax_enable_x64", True)


class JaxBasis:
    """Functions of one element with the methods of `entromax.potentials.ace_model.AceBasis`.

    Attributes:
        size: number p of functions, those of the pair term last.
    """

    def __init__(
        self, element: str, cutoff: float, d_nn: float, order: int, degree: int, radial: str, count: int
    ) -> None:
        """Build the basis.

        Args:
            element: chemical symbol.
            cutoff: [Å].
            d_nn: scale of the radial transform [Å].
            order: correlation order.
            degree: largest sum of n + l over the factors.
            radial: ``poly``, of ace-jax, or ``sbessel``, of pacemaker.
            count: the first functions by this sum.
        """
        built = build_model([element], order, degree, wL=1.0, rcut=cutoff, r0=d_nn, rnl_basis=radial)
        self._model, self._cutoff = built.model, cutoff
        chosen = np.argsort([sum(n + ell for n, ell in body) for body in built.nnll], kind="stable")[:count]
        pair = len(built.nnll) + np.arange(built.meta["n_pair"])
        self._columns = np.concatenate([np.sort(chosen), pair])
        bodies = [built.nnll[k] for k in np.sort(chosen)] + [((n, 0),) for n in range(1, len(pair) + 1)]
        self._degrees = np.array([sum(n - 1 + ell for n, ell in body) for body in bodies], dtype=float)
        self.size = len(self._columns)
        self._values = jax.jit(lambda rij, mask: self._model.site_basis_dense(rij, *self._species(mask), mask))
        self._slopes = jax.jit(lambda rij, mask: self._model.edge_jacobian_dense(rij, *self._species(mask), mask))

    @staticmethod
    def _species(mask: jax.Array) -> tuple[jax.Array, jax.Array]:
        zero = jax.numpy.zeros(mask.shape, int)
        return zero, zero

    def degrees(self) -> np.ndarray:
        """Return the sum of n - 1 + l over the factors of every function [p]."""
        return self._degrees

    def _graph(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return vectors [M, K, 3], whether they are real, and neighbours; M and K from few sizes, the rest padding."""
        i, j, vectors = neighbour_list("ijD", atoms, self._cutoff)
        counts = np.bincount(i, minlength=len(atoms))
        width = 2 ** int(np.ceil(np.log2(max(counts.max(), 64))))
        height = max(len(atoms), 4)
        rij = np.tile([self._cutoff, 0.0, 0.0], (height, width, 1))
        real, neighbour = np.zeros((height, width), bool), np.zeros((height, width), int)
        place = np.concatenate([np.arange(count) for count in counts])
        rij[i, place], real[i, place], neighbour[i, place] = vectors, True, j
        return rij, real, neighbour

    def projections(self, atoms: Atoms) -> np.ndarray:
        """Return the functions [N, p] of every atom."""
        rij, real, _ = self._graph(atoms)
        return np.concatenate(self._values(rij, real), axis=1)[: len(atoms), self._columns]

    def rows(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return energy [p], forces [N, 3, p] and stress [6, p] per unit of each coefficient."""
        rij, real, neighbour = self._graph(atoms)
        values, slopes = (np.asarray(part) for part in self._slopes(rij, real))
        slopes = slopes.reshape(*real.shape, -1, 3)[:, :, self._columns] * real[..., None, None]
        forces = np.zeros((len(atoms), 3, self.size))
        for atom in range(len(atoms)):
            parts = slopes[atom].transpose(0, 2, 1)
            forces[atom] += parts.sum(axis=0)
            np.subtract.at(forces, neighbour[atom], parts)
        strain = np.einsum("nka,nkpb->abp", rij, slopes, optimize=True)
        stress = (strain + strain.transpose(1, 0, 2)) / (2 * atoms.get_volume())
        return values[: len(atoms), self._columns].sum(axis=0), forces, stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
