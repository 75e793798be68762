"""Couplings of angular momenta against sympy, and what makes functions of them invariant."""

import numpy as np
import pytest
from ase.build import bulk
from scipy.spatial.transform import Rotation
from sympy.physics.wigner import clebsch_gordan as exact

from entromax.potentials.cluster_basis import ClusterBasis, bessel_matrix
from entromax.potentials.cluster_functions import clebsch_gordan, cluster_functions, invariants


@pytest.mark.parametrize(("j1", "j2", "j"), [(0, 0, 0), (1, 1, 2), (2, 1, 2), (3, 2, 1), (2, 2, 4)])
def test_clebsch_gordan_coefficients(j1: int, j2: int, j: int) -> None:
    for m1 in range(-j1, j1 + 1):
        for m2 in range(max(-j2, -j - m1), min(j2, j - m1) + 1):
            assert clebsch_gordan(j1, m1, j2, m2, j) == pytest.approx(
                float(exact(j1, j2, j, m1, m2, m1 + m2)), abs=1e-12
            )


def test_functions_are_the_same_for_every_orientation_of_a_crystal_and_its_mirror_image() -> None:
    basis = ClusterBasis(cluster_functions([3, 2, 2, 2], [0, 3, 2, 2], 200), 4.5)
    atoms = bulk("Al", "hcp", a=2.8, c=4.6)
    atoms.rattle(0.2, seed=0)
    turned = atoms.copy()
    turned.set_cell(-atoms.cell.array @ Rotation.random(random_state=0).as_matrix(), scale_atoms=True)
    values = basis.projections(atoms)
    np.testing.assert_allclose(basis.projections(turned), values, atol=1e-9 * np.abs(values).max())


@pytest.mark.parametrize(
    ("channels", "count"),
    [
        ((((1, 0)),), 1),
        (((1, 1), (1, 1), (1, 1), (1, 1)), 1),  # of the three couplings of four vectors one is left when they are equal
        (((1, 1), (2, 1), (3, 1), (4, 1)), 3),
        (((1, 1), (1, 2), (1, 2)), 0),  # it changes sign under inversion
    ],
)
def test_equal_channels_leave_fewer_independent_functions(channels: tuple, count: int) -> None:
    assert len(invariants(channels)) == count


def test_radial_functions_are_orthonormal_and_end_smoothly() -> None:
    r = np.linspace(1e-6, 1, 20001)
    matrix = bessel_matrix(6)
    values = np.sinc(r[:, None] * np.arange(1, len(matrix) + 1)) @ matrix
    overlap = np.trapezoid(values[:, :, None] * values[:, None, :] * r[:, None, None] ** 2, r, axis=0)
    np.testing.assert_allclose(overlap, np.eye(6), atol=1e-6)
    assert np.abs(values[-1]).max() < 1e-9 and np.abs(values[-1] - values[-2]).max() < 1e-3
