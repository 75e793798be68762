"""The entropy of a dataset that a batch of structures joins, and its gradient in their features (METHOD section 3)."""

import numpy as np
import torch
from torch import Tensor

from entromax.entropy.apart import repulsion
from entromax.entropy.state import EntropyState
from entromax.entropy.strata import DatasetState


class EntropyFunctional:
    """H of the dataset so far and a whole batch together; the mean over strata of 1/2 ln det S.

    Args:
        state: the dataset so far: n_0 rows with sum of y y^T = n_0 (S_0 - eps I), and the frozen normalisation.
        strata: [S] stratum of every structure of the batch.
        device: where the features are.
        apart: weight of the force that keeps the atoms of a structure from becoming equivalent
            (:mod:`entromax.entropy.apart`), for ``rows: atoms``; 0: the plain gradient of H.
    """

    def __init__(
        self, state: DatasetState, strata: np.ndarray, device: torch.device | str = "cpu", apart: float = 0.0
    ) -> None:
        """Move the statistics to ``device``, in double precision."""
        self._strata = torch.as_tensor(np.asarray(strata), device=device)
        self._parts = [_Part(part, device, apart) for part in state.parts]
        self._present = sorted(set(np.asarray(strata).tolist()))

    def __call__(self, q: Tensor, system: Tensor, sizes: Tensor) -> tuple[float, Tensor]:
        """Return H of dataset and batch together [nats] and dH/dq.

        With rows y = (q - mu) / sigma of the batch in a stratum, n = n_0 + n_b and S = (n_0 S_0 + sum y y^T) / n + eps
        I, dH/dq = (1/n) S^-1 y / sigma; no automatic differentiation through the determinant. For ``rows: structures``
        a row is the mean over the atoms of a structure, and each of its atoms carries 1/size of the gradient.

        Args:
            q: [N, D] features of the atoms, any precision.
            system: [N] long, structure of every atom.
            sizes: [S] atoms per structure.

        Returns:
            H and dH/dq [N, D], the gradient in the precision of ``q``; with ``apart`` the gradient of
            H + apart/n L at fixed metric S.
        """
        total = sum(part.alone for index, part in enumerate(self._parts) if index not in self._present)
        gradient = torch.zeros_like(q, dtype=torch.float64)
        for index in self._present:
            own = self._strata == index
            atoms = own[system]
            renumbered = torch.cumsum(own, 0) - 1
            h, part = self._parts[index](q.detach()[atoms].double(), renumbered[system[atoms]], sizes[own])
            total += h
            gradient[atoms] = part / len(self._parts)
        return total / len(self._parts), gradient.to(q.dtype)


class _Part:
    """H of one stratum."""

    def __init__(self, state: EntropyState, device: torch.device | str, apart: float) -> None:
        self._moment = torch.as_tensor(state.moment, dtype=torch.float64, device=device)
        self._mean = torch.as_tensor(state.mean, dtype=torch.float64, device=device)
        self._scale = torch.as_tensor(state.scale, dtype=torch.float64, device=device)
        self._n = state.n
        self._eps = state.eps
        self._rows = state.rows
        self._apart = apart if state.rows == "atoms" else 0.0
        self.alone = state.h()

    def __call__(self, q: Tensor, system: Tensor, sizes: Tensor) -> tuple[float, Tensor]:
        y = (q - self._mean) / self._scale
        weight = sizes.to(y.dtype).reciprocal()[:, None]
        if self._rows == "structures":
            y = y.new_zeros(len(sizes), y.shape[1]).index_add(0, system, y) * weight
        n = self._n + len(y)
        covariance = (self._moment + y.T @ y) / n
        covariance.diagonal().add_(self._eps)
        factor = torch.linalg.cholesky(covariance)
        whitened = torch.linalg.solve_triangular(factor, y.T, upper=False).T
        force = whitened
        if self._apart:
            force = force + self._apart * repulsion(whitened, system, sizes)[1]
        gradient = torch.linalg.solve_triangular(factor.T, force.T, upper=True).T / n / self._scale
        if self._rows == "structures":
            gradient = (gradient * weight).index_select(0, system)
        return float(torch.log(factor.diagonal()).sum()), gradient
