"""Harmonics and quadrature on the 3-sphere keep the theorems that the bispectrum rests on."""

import numpy as np
import pytest
from scipy.special import eval_chebyu

from entromax.features.bispectrum import bispectrum_triples
from entromax.features.hypersphere import harmonics, moment_basis, quadrature
from entromax.features.triple import degree_classes


def quaternions(count: int, seed: int) -> np.ndarray:
    """Random unit quaternions [4, count]."""
    values = np.random.default_rng(seed).normal(size=(4, count))
    return values / np.linalg.norm(values, axis=0)


@pytest.mark.parametrize("max_degree", [0, 1, 5, 8, 10])
def test_addition_theorem(max_degree: int) -> None:
    """Products summed over one degree depend on the angle alone, as the character of SU(2)."""
    basis = moment_basis(max_degree)
    one, other = quaternions(30, 0), quaternions(30, 1)
    first, second = (harmonics(basis, q[0] + 1j * q[1], q[2] + 1j * q[3]) for q in (one, other))
    angle = (one * other).sum(0)
    for degree in range(max_degree + 1):
        rows = basis.degree == degree
        assert rows.sum() == (degree + 1) ** 2
        expected = (degree + 1) * eval_chebyu(degree, angle)
        assert np.allclose((first * second)[rows].sum(0), expected, rtol=0, atol=1e-11 * (degree + 1) ** 2)


@pytest.mark.parametrize("degree", [0, 2, 8, 14, 18, 24, 30])
def test_quadrature_is_exact(degree: int) -> None:
    """The harmonics of half the degree are orthonormal among those of equal parity, and no lower rule would do."""
    basis = moment_basis(degree // 2)
    for rule, exact in ((degree, True), (degree - 2, False)):
        if rule < 0 or (not exact and degree < 8):
            continue
        a, b, weights = quadrature(rule)
        values = harmonics(basis, a, b)
        same = (basis.degree[:, None] - basis.degree) % 2 == 0
        error = np.abs((values * weights) @ values.T - np.eye(len(basis.degree)))[same].max()
        assert (error < 1e-12) == exact


@pytest.mark.parametrize(("twojmax", "count"), [(2, 5), (4, 14), (6, 30), (8, 55), (10, 91)])
def test_components_are_counted_once(twojmax: int, count: int) -> None:
    """Number of components as published; every one belongs to one class of total degrees."""
    triples = bispectrum_triples(twojmax)
    assert len(triples) == len(np.unique(triples, axis=0)) == count
    members = np.concatenate(degree_classes(triples.sum(axis=1)))
    assert sorted(members) == list(range(count))
