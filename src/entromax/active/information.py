"""Which labels would tell a linear fit most about the library cells that its user will judge it by."""

import logging

import numpy as np

from entromax.potentials.linear import ENERGY, FORCES

logger = logging.getLogger("entromax.active")

WINDOW = 1.0
"""Structures below this height above the labels of like volume are to become certain [eV/atom]: the scorecard's ..."""
FEWEST = 20
"""... at least so many of the lowest."""
ROUNDING = 1e-12
"""Variances below it are none [eV^2/atom^2, eV^2/Å^2]."""


def wanted(heights: np.ndarray) -> np.ndarray:
    """Return which structures [S] are to become certain; ``heights`` [S] of ``above_labels``."""
    return np.asarray(heights <= max(WINDOW, float(np.sort(heights)[:FEWEST][-1])))


def most_telling(
    rows: np.ndarray, errors: np.ndarray, owners: np.ndarray, kinds: np.ndarray, targets: np.ndarray, n: int
) -> np.ndarray:
    """Return which ``n`` of S structures to label, best first, so that predictions of the targets become certain.

    Whatever its values, a label takes K_tc (K_cc + e_c^2)^-1 K_ct from the variance of a prediction t, with the
    covariance K and the errors e_c of the rows of structure c. Each one takes most of what those before have left of
    the variances of the targets' energies, and of their forces, each as a part of its sum; the next one sees what is
    known with it [Cohn, Ghahramani & Jordan, J. Artif. Intell. Res. 4, 129 (1996)]. So it prefers what the fit knows
    least of, what many targets resemble, and nothing twice.

    Args:
        rows: of all structures [R, p]; their products are the covariance K of the predictions.
        errors: [R] that the fit expects of the labels; infinite: has none.
        owners: [R] index of the structure of each row, ascending.
        kinds: [R] what it predicts, see ``potentials.linear``.
        targets: [S] those that are to become certain.
        n: how many; fewer when there are not so many.
    """
    rows, rest = rows.copy(), np.ones(len(targets), dtype=bool)
    parts = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(owners)) + 1)
    judged = [targets[owners] & (kinds == kind) for kind in (ENERGY, FORCES)]
    order = np.zeros(min(n, len(targets)), dtype=int)
    before = [deviation(rows[some]) for some in judged]
    for k in range(len(order)):
        seen = rows / errors[:, None]
        weighed = seen @ sum(relative(rows[some].T @ rows[some]) for some in judged)
        gains = [gain(seen[part], weighed[part]) if rest[s] else -np.inf for s, part in enumerate(parts)]
        order[k] = best = int(np.argmax(gains))
        rest[best] = False
        rows = conditioned(rows, seen[parts[best]])
    after = [deviation(rows[some]) for some in judged]
    logger.info(
        "%d targets: expected errors %.1f -> %.1f meV/atom, %.3f -> %.3f eV/Å",
        *(targets.sum(), 1e3 * before[0], 1e3 * after[0], before[1], after[1]),
    )
    return order


def gain(seen: np.ndarray, weighed: np.ndarray) -> float:
    """Return what labels take from the variance of the targets.

    Args:
        seen: rows of a structure [r, p], divided by their errors.
        weighed: these times the second moment of the targets [r, p].
    """
    return float(np.trace(np.linalg.solve(np.eye(len(seen)) + seen @ seen.T, weighed @ seen.T)))


def conditioned(rows: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return rows [R, p] whose products are covariances once labels are known; ``seen`` [r, p] as in ``gain``."""
    _, sizes, directions = np.linalg.svd(seen, full_matrices=False)
    return np.asarray(rows - (rows @ directions.T) * (1 - 1 / np.hypot(1, sizes)) @ directions)


def relative(moment: np.ndarray) -> np.ndarray:
    """Return a second moment as a part of its trace; nothing where that is but rounding, as of forces by symmetry."""
    total = np.trace(moment)
    return np.asarray(moment / total) if total > ROUNDING else np.zeros_like(moment)


def deviation(rows: np.ndarray) -> float:
    """Return the root mean square of the standard deviations of predictions, zero without any."""
    return float(np.sqrt(np.sum(rows**2) / max(len(rows), 1)))
