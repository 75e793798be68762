"""The power spectrum is that of featomic (its own neighbours, harmonics, radial integrals), up to order and sign.

Featomic's radial integrals carry an error of about 1e-8; ours are held to 1e-12 against numerical quadrature.
"""

from collections.abc import Callable

import featomic
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from scipy.integrate import quad
from scipy.special import ive, sph_harm_y

from entromax.features import evaluate
from entromax.features.power_spectrum import PowerSpectrum, radial_functions, radial_series, real_harmonics


def featomic_spectrum(atoms: Atoms, cutoff: float, n_max: int, l_max: int, width: float) -> np.ndarray:
    """Components over l, then n1 <= n2, off-diagonal ones times sqrt(2), without the sign (-1)^l."""
    calculator = featomic.SoapPowerSpectrum(
        cutoff={"radius": cutoff, "smoothing": {"type": "ShiftedCosine", "width": cutoff / 2}},
        density={"type": "Gaussian", "width": width, "center_atom_weight": 1.0},
        basis={
            "type": "TensorProduct",
            "max_angular": l_max,
            "radial": {"type": "Gto", "max_radial": n_max - 1, "radius": cutoff},
            "spline_accuracy": None,
        },
    )
    (block,) = calculator.compute(atoms).blocks()
    table = {
        tuple(label): column for label, column in zip(block.properties.values.tolist(), block.values.T, strict=True)
    }
    return np.stack(
        [
            table[degree, n, m] * (1 if n == m else 2**0.5) * (-1) ** degree
            for degree in range(l_max + 1)
            for n in range(n_max)
            for m in range(n, n_max)
        ],
        axis=1,
    )


def cells() -> list[Atoms]:
    rng = np.random.default_rng(0)
    skewed = Atoms("H2", cell=[[1, 0, 0], [2.7, 0.9, 0], [-1.2, 1.9, 1.6]], positions=rng.random((2, 3)), pbc=True)
    fcc = bulk("H", "fcc", a=2**0.5, cubic=True)
    fcc.rattle(0.1, seed=1)
    return [skewed, fcc, bulk("H", "sc", a=1.0), Atoms("H", cell=np.eye(3) * 9, pbc=True)]


@pytest.mark.parametrize(("n_max", "l_max", "width"), [(5, 4, 0.3), (3, 6, 0.5), (1, 0, 0.3)])
def test_components_equal_those_of_featomic(n_max: int, l_max: int, width: float) -> None:
    """To 1e-7 of the largest component."""
    features = PowerSpectrum(2.0, n_max, l_max, width)
    for atoms in cells():
        theirs = featomic_spectrum(atoms, 2.0, n_max, l_max, width)
        ours = evaluate([atoms], features)
        assert ours.shape == theirs.shape == (len(atoms), features.dim)
        assert np.allclose(ours, theirs, rtol=0, atol=1e-7 * np.abs(theirs).max())


def test_real_harmonics_equal_those_of_scipy() -> None:
    """Real and imaginary parts of scipy's complex harmonics up to l = 9, its phase (-1)^m taken out."""
    unit = torch.nn.functional.normalize(torch.randn(40, 3, dtype=torch.float64), dim=1)
    polar, azimuth = np.arccos(unit[:, 2].numpy()), np.arctan2(unit[:, 1].numpy(), unit[:, 0].numpy())
    ours = real_harmonics(unit, 9).numpy()
    for degree in range(10):
        for m in range(-degree, degree + 1):
            value = sph_harm_y(degree, abs(m), polar, azimuth) * (-1.0) ** m * (2**0.5 if m else 1)
            expected = value.imag if m < 0 else value.real
            assert np.allclose(ours[:, degree**2 + degree + m], expected, rtol=0, atol=1e-12)


def test_radial_functions_equal_their_integrals() -> None:
    """Closed form and Chebyshev series against numerical quadrature of orthonormalised primitives."""
    cutoff, n_max, l_max, width = 2.0, 3, 3, 0.3
    spread = np.sqrt(np.maximum(np.arange(n_max), 1)) * cutoff / n_max

    def primitive(s: float, n: int) -> float:
        return s**n * np.exp(-(s**2) / (2 * spread[n] ** 2))

    def integral(function: Callable[[float], float]) -> float:
        return quad(function, 0, 14, epsabs=1e-15, epsrel=1e-13, limit=200)[0]

    overlap = np.array(
        [
            [integral(lambda s, n=n, m=m: s**2 * primitive(s, n) * primitive(s, m)) for m in range(n_max)]
            for n in range(n_max)
        ]
    )
    norm = np.diag(overlap) ** -0.5
    values, vectors = np.linalg.eigh(norm[:, None] * overlap * norm)
    orthonormal = norm[:, None] * (vectors @ np.diag(values**-0.5) @ vectors.T)

    def gaussian(s: float, r: float, degree: int) -> float:
        bessel = ive(degree + 0.5, s * r / width**2) * np.sqrt(np.pi * width**2 / (2 * s * r))
        return 4 * np.pi * (np.pi * width**2) ** -0.75 * bessel * np.exp(-((r - s) ** 2) / (2 * width**2))

    distances = np.array([0.2, 0.9, 1.9])
    expected = np.array(
        [
            [
                [integral(lambda s, r=r, n=n, d=d: s**2 * primitive(s, n) * gaussian(s, r, d)) for n in range(n_max)]
                for d in range(l_max + 1)
            ]
            for r in distances
        ]
    )
    expected = expected @ orthonormal
    closed = radial_functions(distances, cutoff, n_max, l_max, width)
    series = np.polynomial.chebyshev.chebval(distances - 1, radial_series(cutoff, n_max, l_max, width))
    assert np.allclose(closed, expected, rtol=0, atol=1e-12)
    assert np.allclose(series.T.reshape(closed.shape), expected, rtol=0, atol=1e-12)
