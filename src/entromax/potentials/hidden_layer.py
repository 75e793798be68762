"""A layer of Gaussian units over the descriptors of atoms: nonlinear in them, linear in what is fitted.

A radial basis function network whose centres are environments of the training set [D. S. Broomhead and D. Lowe, Complex
Systems 2, 321 (1988)], on top of a linear potential. So a potential gets the saturation with many neighbours that
products of a few lack, and all that is known of linear fits still holds. Its readout has the prior of a sparse Gaussian
process [J. Quinonero-Candela and C. E. Rasmussen, J. Mach. Learn. Res. 6, 1939 (2005)]: smooth functions of the
descriptors are expected, however many units share in one of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial.distance import cdist, pdist

from entromax.potentials.design import growth

LENGTH = 2.0
"""Width of a unit, in units of the median distance between two of them."""
NUGGET = 1e-8
"""Variance of each unit of its own, beside 1: keeps the prior of neighbours apart."""
READOUT_SCALE = 10.0
"""What ``Design.scale`` is for a unit: of all of them the prior expects a tenth of what it expects of one function."""


@dataclass(frozen=True)
class HiddenLayer:
    """Units u_s(x) = exp(-|x - c_s|^2 / 2) - exp(-|c_s|^2 / 2) of descriptors x = b / scales; a free atom has none.

    Attributes:
        centres: c [S, P], of the first P descriptors.
        scales: [P].
    """

    centres: np.ndarray
    scales: np.ndarray

    @classmethod
    def none(cls) -> "HiddenLayer":
        """Return the layer without units."""
        return cls(np.zeros((0, 0)), np.zeros(0))

    @classmethod
    def at_environments(cls, descriptors: np.ndarray, degrees: np.ndarray, units: int, seed: int) -> "HiddenLayer":
        """Place units at environments of a training set; they vary slower with rougher descriptors.

        Args:
            descriptors: of all environments [N, P].
            degrees: how rough they are [P], see ``ClusterFunction.degree``.
            units: S; as many as there are environments when it is larger.
            seed: of the choice.
        """
        spread = descriptors.std(axis=0)
        spread[spread == 0] = 1.0
        chosen = np.sort(np.random.default_rng(seed).permutation(len(descriptors))[:units])
        scales = spread * growth(degrees)
        distance = np.median(pdist(descriptors[chosen] / scales)) if len(chosen) > 1 else 0.0
        scales *= LENGTH * (distance or 1.0)  # nothing tells a width where most units are the same
        return cls(descriptors[chosen] / scales, scales)

    @property
    def size(self) -> int:
        """Number of units."""
        return len(self.centres)

    def whitening(self) -> np.ndarray:
        """Return U [S, S]: readouts U w with w of unit variance give functions of the prior."""
        covariance = self._bells(self.centres) + NUGGET * np.eye(self.size)
        factor = cholesky(covariance, lower=True)
        return np.asarray(solve_triangular(factor, np.eye(self.size), lower=True, trans="T"))

    def extend(self, descriptors: np.ndarray) -> np.ndarray:
        """Return descriptors [N, p] with the units behind them [N, p + S]."""
        offsets = np.exp(-np.sum(self.centres**2, axis=1) / 2)
        return np.hstack([descriptors, self._bells(self._scaled(descriptors)) - offsets])

    def gradients(self, descriptors: np.ndarray, parts: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return gradients of the descriptors [p] of one atom, ``parts`` [..., p], with those of its units behind."""
        x = self._scaled(descriptors[None])
        bells, away = self._bells(x)[0], self.centres - x
        return [np.concatenate([part, (self._scaled(part) @ away.T) * bells], axis=-1) for part in parts]

    def slopes(self, coefficients: np.ndarray, descriptors: np.ndarray) -> np.ndarray:
        """Return the derivatives [N, p] of ``extend(descriptors) @ coefficients`` in the descriptors [N, p]."""
        linear, readout = np.split(coefficients, [descriptors.shape[1]])
        x = self._scaled(descriptors)
        weights = self._bells(x) * readout
        found = np.tile(linear, (len(descriptors), 1))
        found[:, : len(self.scales)] += (weights @ self.centres - weights.sum(axis=1, keepdims=True) * x) / self.scales
        return found

    def _scaled(self, descriptors: np.ndarray) -> np.ndarray:
        return np.asarray(descriptors[..., : len(self.scales)] / self.scales)

    def _bells(self, x: np.ndarray) -> np.ndarray:
        return np.exp(-cdist(x, self.centres, "sqeuclidean") / 2) if self.size else np.zeros((len(x), 0))
