"""Which labels would tell a linear fit most about the library cells that its user will judge it by."""

import logging

import numpy as np

logger = logging.getLogger("entromax.active")

WINDOW = 1.0
"""Structures below this height above the labels of like volume are to become certain [eV/atom]: the scorecard's ..."""
FEWEST = 20
"""... at least so many of the lowest."""


def wanted(heights: np.ndarray) -> np.ndarray:
    """Return which structures [S] are to become certain; ``heights`` [S] of ``above_labels``."""
    return np.asarray(heights <= max(WINDOW, float(np.sort(heights)[:FEWEST][-1])))


def most_telling(covariance: np.ndarray, errors: np.ndarray, targets: np.ndarray, n: int) -> np.ndarray:
    """Return which ``n`` of S structures to label, best first, so that predictions of the targets become certain.

    A label of structure c takes K_tc^2 / (K_cc + e_c^2) from the variance of the prediction for t, whatever its value.
    Each one takes most of the sum over the targets that those before have left; the next one sees the covariance
    without it [Cohn, Ghahramani & Jordan, J. Artif. Intell. Res. 4, 129 (1996)]. So it prefers what the fit knows least
    of, what many targets resemble, and nothing twice.

    Args:
        covariance: K [S, S] of the predictions.
        errors: e [S] that the fit expects of the labels.
        targets: [S] those that are to become certain.
        n: how many; fewer when there are not so many.
    """
    left, rest = covariance.copy(), np.ones(len(covariance), dtype=bool)
    order = np.zeros(min(n, len(left)), dtype=int)
    for k in range(len(order)):
        taken = (left[targets] ** 2).sum(axis=0) / (np.diag(left) + errors**2)
        order[k] = best = int(np.argmax(np.where(rest, taken, -np.inf)))
        rest[best] = False
        left -= np.outer(left[:, best], left[best]) / (left[best, best] + errors[best] ** 2)
    if len(order):
        before, after = (np.sqrt(np.diag(part)[targets].mean()) for part in (covariance, left))
        logger.info("%d targets: expected error %.1f -> %.1f meV/atom", targets.sum(), 1e3 * before, 1e3 * after)
    return order
