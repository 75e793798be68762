"""Linear least squares by blocks of rows, with cross-validated regularisation and a committee, for all linear families.

Rows never stand in memory together: every fold of the data keeps its p x p normal equations, so memory does not grow
with the number of structures. Sums of these serve cross-validation and committee without another look at the data.
"""

import logging
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.blas import dsyrk

from entromax.potentials.base import FitError

logger = logging.getLogger("entromax.potentials")

RIDGES = 10.0 ** -np.arange(1, 14)
"""Strengths of the regularisation that may be tried, relative to the squared norm of each column [1]."""
PATIENCE = 2
"""So many weaker ones in a row may be worse than the best before the search ends."""
BUFFER = 4_000_000
"""Numbers that wait, all folds together, until they are worth a matrix product [32 MB]."""


@dataclass(frozen=True)
class LinearFit:
    """Result of a fit with p coefficients and K folds.

    Attributes:
        coefficients: [p].
        deviations: [K, p] committee: the variance of a prediction x . coefficients is the mean of (x . deviations)^2.
            They are the jackknife's, sqrt(K - 1) (fit without fold k - mean of these fits) [Efron & Stein, Ann.
            Statist. 9, 586 (1981)].
        ridge: strength of the regularisation that was chosen [1].
        scores: weighted sum of squared errors on the left-out folds, by strength, over that of coefficients zero.
        rows: number of rows.
    """

    coefficients: np.ndarray
    deviations: np.ndarray
    ridge: float
    scores: dict[float, float]
    rows: int


class NormalEquations:
    """Weighted least squares X c = y from blocks of rows; a block belongs to one fold."""

    def __init__(self, columns: int, folds: int) -> None:
        """Start without data.

        Args:
            columns: number of coefficients p; memory is about ``folds`` p^2 numbers.
            folds: parts of the cross-validation.
        """
        self.rows = 0
        # Fortran order, upper triangle: what dsyrk adds to in place.
        self._moments = [np.zeros((columns, columns), order="F") for _ in range(folds)]
        self._products = np.zeros((folds, columns))
        self._squares = np.zeros(folds)
        self._waiting: list[list[np.ndarray]] = [[] for _ in range(folds)]
        self._limit = max(BUFFER // (folds * columns), 64)

    def add(self, rows: np.ndarray, targets: np.ndarray, fold: int) -> None:
        """Add rows [n, p] with targets [n], both already multiplied with the square roots of their weights.

        Raises:
            FitError: a number is not finite.
        """
        if not (np.isfinite(rows).all() and np.isfinite(targets).all()):
            raise FitError("a row of the design matrix or its target is not finite")
        self.rows += len(rows)
        self._products[fold] += targets @ rows
        self._squares[fold] += targets @ targets
        self._waiting[fold].append(rows)
        if sum(map(len, self._waiting[fold])) >= self._limit:
            self._flush(fold)

    def _flush(self, fold: int) -> None:
        if self._waiting[fold]:
            block = np.concatenate(self._waiting[fold])
            dsyrk(1.0, block.T, beta=1.0, c=self._moments[fold], overwrite_c=1)
            self._waiting[fold] = []

    def solve(self) -> LinearFit:
        """Fit with the regularisation that predicts left-out folds best.

        Columns are scaled to norm 1, so that one strength suits all of them.

        Raises:
            FitError: fewer than two folds hold data, or no regularisation makes the equations solvable.
        """
        for fold in range(len(self._moments)):
            self._flush(fold)
        held = [fold for fold, square in enumerate(self._squares) if square > 0]
        if len(held) < 2:
            raise FitError(f"{len(held)} of the folds hold data, cross-validation needs 2; give more structures")
        moment, product = np.sum([self._moments[fold] for fold in held], axis=0), self._products.sum(axis=0)
        norms = np.sqrt(np.diag(moment))
        norms[norms == 0] = 1.0
        scores: dict[float, float] = {}
        best: tuple[float, np.ndarray] | None = None
        for ridge in map(float, RIDGES):
            try:
                fits = [_ridge(moment - self._moments[k], product - self._products[k], norms, ridge) for k in held]
            except LinAlgError:
                break
            lost = sum(self._lost(coefficients, fold) for coefficients, fold in zip(fits, held, strict=True))
            scores[ridge] = lost / float(self._squares.sum())
            logger.info("ridge %.0e: left-out error %.3e of the targets' norm", ridge, np.sqrt(scores[ridge]))
            if scores[ridge] <= min(scores.values()):
                best = ridge, np.array(fits)
            elif min(list(scores.values())[-PATIENCE:]) > min(scores.values()):
                break
        if best is None:
            raise FitError("the equations cannot be solved, whatever the regularisation: too few or equal structures")
        chosen, parts = best
        deviations = np.sqrt(len(held) - 1) * (parts - parts.mean(axis=0))
        return LinearFit(_ridge(moment, product, norms, chosen), deviations, chosen, scores, self.rows)

    def _lost(self, coefficients: np.ndarray, fold: int) -> float:
        """Return the weighted sum of squared errors on one fold."""
        upper = np.triu(self._moments[fold])
        half = coefficients @ upper
        quadratic = 2 * half @ coefficients - np.diag(upper) @ coefficients**2
        return max(float(self._squares[fold] - 2 * self._products[fold] @ coefficients + quadratic), 0.0)


def _ridge(moment: np.ndarray, product: np.ndarray, norms: np.ndarray, ridge: float) -> np.ndarray:
    """Solve (S + ridge 1) u = product / norms with S the scaled moment (upper triangle), for u / norms."""
    scaled = moment / np.outer(norms, norms)
    scaled[np.diag_indices_from(scaled)] += ridge
    solution: np.ndarray = cho_solve(cho_factor(scaled, overwrite_a=True, check_finite=False), product / norms) / norms
    return solution
