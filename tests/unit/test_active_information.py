"""Which labels tell a linear fit most, against variances calculated anew for every set of labels."""

import numpy as np

from entromax.active.information import most_telling
from entromax.potentials.linear import ENERGY, FORCES, STRESS


def least_variance(
    covariance: np.ndarray, errors: np.ndarray, owners: np.ndarray, judged: list[np.ndarray], n: int
) -> list[int]:
    """Return the greedy choice, the variances of the targets given each set of labels calculated anew."""
    chosen: list[int] = []

    def variances(known: list[int]) -> np.ndarray:
        label = np.isin(owners, known) & np.isfinite(errors)
        inner = covariance[np.ix_(label, label)] + np.diag(errors[label] ** 2)
        left = covariance - covariance[:, label] @ np.linalg.solve(inner, covariance[label])
        return np.array([np.diag(left)[some].sum() for some in judged])

    for _ in range(n):
        rest = [k for k in range(owners.max() + 1) if k not in chosen]
        now = variances(chosen)
        chosen.append(min(rest, key=lambda k: float((variances([*chosen, k]) / now).sum())))
    return chosen


def test_most_telling_labels_leave_the_least_variance_of_the_targets() -> None:
    rng = np.random.default_rng(5)
    owners = np.repeat(np.arange(25), rng.integers(2, 8, 25))
    kinds = np.concatenate([[ENERGY, *[FORCES] * (n - 2), STRESS] for n in np.bincount(owners)])
    rows = rng.normal(size=(len(owners), 12)) * rng.uniform(0.3, 3, 25)[owners, None]
    errors, targets = rng.uniform(0.2, 2, len(owners)), rng.random(25) < 0.4
    errors[kinds == STRESS] = np.inf
    judged = [targets[owners] & (kinds == kind) for kind in (ENERGY, FORCES)]
    order = most_telling(rows, errors, owners, kinds, targets, 10).tolist()
    assert order == least_variance(rows @ rows.T, errors, owners, judged, 10)
    everything = most_telling(rows, errors, owners, kinds, targets, 99).tolist()
    assert everything[:10] == order and sorted(everything) == list(range(25))
    still = np.where((kinds == FORCES)[:, None], 1e-12 * rows, rows)  # by symmetry: rounding does not judge
    energies = [targets[owners] & (kinds == ENERGY)]
    order = most_telling(still, errors, owners, kinds, targets, 5).tolist()
    assert order == least_variance(still @ still.T, errors, owners, energies, 5)
