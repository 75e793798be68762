"""Invariant products of the atomic cluster expansion: which there are, and how harmonics couple to them.

Written from the equations of R. Drautz, Phys. Rev. B 99, 014104 (2019) and 102, 024104 (2020): a function of order k is
sum_m c(m) A(n1 l1 m1) ... A(nk lk mk), with A(n l m) = sum_neighbours g_n(r) Y_lm and coefficients c that couple the
angular momenta to zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from math import factorial, sqrt

import numpy as np

Channel = tuple[int, int]
"""Radial index n >= 1 and angular momentum l of one factor."""
Factors = tuple[tuple[int, int, int], ...]
"""(n, l, m) of every factor of a product, ascending."""
INDEPENDENT = 1e-8
"""A coupling counts when this part of its norm is no combination of those before."""


@dataclass(frozen=True)
class ClusterFunction:
    """A function Re sum c A ... A, real by its symmetry under m -> -m, of which one half is kept.

    Attributes:
        channels: of its factors, ascending.
        terms: coefficient c by the factors of the product.
    """

    channels: tuple[Channel, ...]
    terms: dict[Factors, float]

    @property
    def degree(self) -> int:
        """Sum of n - 1 and l over the factors: how rough the function is."""
        return sum(n - 1 + ell for n, ell in self.channels)


def cluster_functions(n_max: Sequence[int], l_max: Sequence[int], count: int) -> list[ClusterFunction]:
    """Return the ``count`` smoothest functions, by the sum of n + l + 1 over the factors: as pacemaker takes them.

    Args:
        n_max: radial functions by order, pairs first.
        l_max: largest angular momentum by order.
        count: functions; all that there are when it is larger.
    """
    found: list[ClusterFunction] = []
    groups = [
        channels
        for order, (top, momentum) in enumerate(zip(n_max, l_max, strict=True), start=1)
        for channels in combinations_with_replacement(
            [(n, ell) for n in range(1, top + 1) for ell in range(momentum + 1)], order
        )
        if sum(ell for _, ell in channels) % 2 == 0  # else it changes sign under inversion
    ]
    for channels in sorted(groups, key=lambda group: (sum(n + ell + 1 for n, ell in group), len(group), group)):
        found += invariants(channels)
        if len(found) >= count:
            break
    return found[:count]


def invariants(channels: tuple[Channel, ...]) -> list[ClusterFunction]:
    """Return the independent functions of some channels: equal channels make some couplings equal or zero."""
    merged: list[dict[Factors, float]] = []
    for coupling in couplings(tuple(ell for _, ell in channels)):
        terms: dict[Factors, float] = {}
        for momenta, value in coupling.items():
            factors = [(n, ell, m) for (n, ell), m in zip(channels, momenta, strict=True)]
            key = min(tuple(sorted(factors)), tuple(sorted((n, ell, -m) for n, ell, m in factors)))
            terms[key] = terms.get(key, 0.0) + value
        merged.append(terms)
    keys = sorted({key for terms in merged for key in terms})
    basis: list[np.ndarray] = []
    for terms in merged:
        vector = np.array([terms.get(key, 0.0) for key in keys])
        rest = vector - sum((vector @ known * known for known in basis), np.zeros(len(keys)))
        if np.linalg.norm(rest) > INDEPENDENT:
            basis.append(rest / np.linalg.norm(rest))
    return [
        ClusterFunction(
            channels, {key: float(value) for key, value in zip(keys, vector, strict=True) if abs(value) > 0}
        )
        for vector in basis
    ]


@cache
def couplings(momenta: tuple[int, ...]) -> list[dict[tuple[int, ...], float]]:
    """Return coefficients by (m1, ..., mk) for every way to couple angular momenta (l1, ..., lk) to zero.

    The ways differ in the intermediate momenta of the chain ((l1 l2) l3) ... lk.
    """
    first, last = momenta[0], momenta[-1]
    if len(momenta) == 1:
        return [{(0,): 1.0}] if first == 0 else []
    chains: list[tuple[int, dict[tuple[int, ...], float]]] = [(first, {(m,): 1.0 for m in range(-first, first + 1)})]
    for ell in momenta[1:-1]:
        chains = [
            (total, _join(chain, between, ell, total))
            for between, chain in chains
            for total in range(abs(between - ell), between + ell + 1)
        ]
    return [
        {(*ms, -sum(ms)): (-1) ** sum(ms) / sqrt(2 * last + 1) * value for ms, value in chain.items()}
        for total, chain in chains
        if total == last
    ]


def _join(chain: dict[tuple[int, ...], float], between: int, ell: int, total: int) -> dict[tuple[int, ...], float]:
    """Return a chain of total momentum ``between`` with one more factor of momentum ``l``, coupled to ``total``."""
    found = {}
    for ms, value in chain.items():
        for m in range(-ell, ell + 1):
            if abs(sum(ms) + m) <= total:
                found[(*ms, m)] = value * clebsch_gordan(between, sum(ms), ell, m, total)
    return found


@cache
def clebsch_gordan(j1: int, m1: int, j2: int, m2: int, j: int) -> float:
    """Return <j1 m1 j2 m2 | j m1+m2> for integers by Racah's sum."""
    m = m1 + m2
    front: float = (2 * j + 1) * factorial(j1 + j2 - j) * factorial(j1 - j2 + j) * factorial(j2 - j1 + j)
    front /= factorial(j1 + j2 + j + 1)
    for a, b in ((j1, m1), (j2, m2), (j, m)):
        front *= factorial(a + b) * factorial(a - b)
    total = 0.0
    for k in range(max(0, j2 - j - m1, j1 - j + m2), min(j1 + j2 - j, j1 - m1, j2 + m2) + 1):
        bottom = factorial(k) * factorial(j1 + j2 - j - k) * factorial(j1 - m1 - k) * factorial(j2 + m2 - k)
        total += (-1) ** k / (bottom * factorial(j - j2 + m1 + k) * factorial(j - j1 - m2 + k))
    return sqrt(front) * total
