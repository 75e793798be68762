"""The entropy of a dataset that a batch of structures joins, and its gradient in their features (METHOD section 3)."""

from dataclasses import dataclass

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
        sizes: [S] atoms of every structure.
        device: where the features are.
        apart: weight of the force that keeps the atoms of a structure from becoming equivalent
            (:mod:`entromax.entropy.apart`), for ``rows: atoms``; 0: the plain gradient of H.
    """

    def __init__(
        self,
        state: DatasetState,
        strata: np.ndarray,
        sizes: np.ndarray,
        device: torch.device | str = "cpu",
        apart: float = 0.0,
    ) -> None:
        """Move the statistics to ``device``, in double precision, and settle which rows belong where."""
        self._groups = [
            _Group.of(np.asarray(strata) == index, np.asarray(sizes), device) for index in range(len(state.parts))
        ]
        self._parts = [_Part(part, device, apart) for part in state.parts]

    def __call__(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Return H of dataset and batch together [nats] and dH/dq.

        With rows y = (q - mu) / sigma of the batch in a stratum, n = n_0 + n_b and S = (n_0 S_0 + sum y y^T) / n + eps
        I, dH/dq = (1/n) S^-1 y / sigma; no automatic differentiation through the determinant. For ``rows: structures``
        a row is the mean over the atoms of a structure, and each of its atoms carries 1/size of the gradient.

        Args:
            q: [N, D] features of the atoms, any precision.

        Returns:
            H, a scalar on the device, and dH/dq [N, D], the gradient in the precision of ``q``; with ``apart`` the
            gradient of H + apart/n L at fixed metric S.
        """
        count = len(self._parts)
        total = q.new_zeros((), dtype=torch.float64)
        gradient = torch.zeros_like(q, dtype=torch.float64)
        for group, part in zip(self._groups, self._parts, strict=True):
            if group.largest == 0:
                total = total + part.alone
                continue
            h, own = part(q.detach().index_select(0, group.atoms).double(), group)
            total = total + h
            gradient.index_copy_(0, group.atoms, own / count)
        return total / count, gradient.to(q.dtype)


@dataclass(frozen=True)
class _Group:
    """The structures of one stratum.

    Attributes:
        atoms: [n] long, their atoms in the batch.
        system: [n] long, structure of each, counted in the stratum.
        sizes: [s] long, atoms per structure.
        largest: atoms of the largest structure.
    """

    atoms: Tensor
    system: Tensor
    sizes: Tensor
    largest: int

    @classmethod
    def of(cls, own: np.ndarray, sizes: np.ndarray, device: torch.device | str) -> "_Group":
        atoms, system = np.flatnonzero(np.repeat(own, sizes)), np.repeat(np.arange(own.sum()), sizes[own])
        return cls(
            torch.as_tensor(atoms, device=device),
            torch.as_tensor(system, device=device),
            torch.as_tensor(sizes[own], device=device),
            int(sizes[own].max(initial=0)),
        )


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

    def __call__(self, q: Tensor, group: _Group) -> tuple[Tensor, Tensor]:
        y = (q - self._mean) / self._scale
        weight = group.sizes.to(y.dtype).reciprocal()[:, None]
        if self._rows == "structures":
            y = y.new_zeros(len(group.sizes), y.shape[1]).index_add(0, group.system, y) * weight
        n = self._n + len(y)
        covariance = (self._moment + y.T @ y) / n
        covariance.diagonal().add_(self._eps)
        factor = torch.linalg.cholesky_ex(covariance).L  # cholesky would ask a GPU whether it went well
        whitened = torch.linalg.solve_triangular(factor, y.T, upper=False).T
        force = whitened
        if self._apart:
            force = force + self._apart * repulsion(whitened, group.system, group.sizes, largest=group.largest)[1]
        gradient = torch.linalg.solve_triangular(factor.T, force.T, upper=True).T / n / self._scale
        if self._rows == "structures":
            gradient = (gradient * weight).index_select(0, group.system)
        return torch.log(factor.diagonal()).sum(), gradient
