"""SOAP power spectrum with Gaussian-type radial functions.

Neighbours are Gaussians of width sigma, damped by a cutoff function f_c; the central atom is one of them with weight 1.
The density is expanded in real spherical harmonics Y_lm and orthonormal radial functions R_n (Loewdin orthonormalised
r^n exp(-r^2 / 2 s_n^2), s_n = max(sqrt(n), 1) r_c / n_max),

    c_nlm = sum_j f_c(r_j) g_nl(r_j) Y_lm(r_j / |r_j|),      p_{n1 n2 l} = (2 l + 1)^(-1/2) sum_m c_{n1 l m} c_{n2 l m}

(Bartok, Kondor & Csanyi, Phys. Rev. B 87, 184115 (2013); as in featomic's `SoapPowerSpectrum`, with which the oracle
test compares, but for its sign (-1)^l). g_nl(r) is known in closed form (a confluent hypergeometric function). It is
entire in r, so it is stored as a Chebyshev series on [0, r_c], accurate to rounding, and evaluated by one matrix
product; another density or radial basis needs other coefficients only.
"""

from __future__ import annotations

from math import factorial, pi, sqrt
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field
from scipy.fft import dct
from scipy.special import gamma, hyp1f1

from entromax.config.models import FeatureSettings
from entromax.features.base import FeatureSet

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class PowerSpectrumSettings(FeatureSettings):
    """SOAP power spectrum, as featomic's."""

    name: Literal["power_spectrum"] = "power_spectrum"
    n_max: int = Field(5, ge=1, le=12, description="radial functions")
    l_max: int = Field(4, ge=0, le=9, description="largest angular momentum")


class PowerSpectrum:
    """SOAP power spectrum; components run over l, then n1 <= n2, those with n1 < n2 times sqrt(2).

    The factor makes scalar products equal to those of the full symmetric array.

    Attributes:
        dim: n_max (n_max + 1) / 2 * (l_max + 1).
        cutoff: Radius r_c, units of d_nn.
    """

    def __init__(
        self,
        cutoff: float,
        n_max: int = 5,
        l_max: int = 4,
        width: float = 0.3,
        dtype: torch.dtype | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare the radial series.

        Args:
            cutoff: Radius r_c, units of d_nn. The cutoff function falls from 1 to 0 over its outer half.
            n_max: Number of radial functions.
            l_max: Largest angular momentum.
            width: Standard deviation sigma of the Gaussians, units of d_nn.
            dtype: float64, also where none is given, or float32.
            device: Where to compute.
        """
        import torch

        self.cutoff = cutoff
        self.dtype = dtype or torch.float64
        self.device = torch.device(device)
        self.dim = n_max * (n_max + 1) // 2 * (l_max + 1)
        self._shape = (l_max + 1, n_max)
        series = radial_series(cutoff, n_max, l_max, width)
        self._series = torch.tensor(series, dtype=self.dtype, device=device)
        own = np.zeros((l_max + 1, n_max))
        own[0] = radial_functions(np.zeros(1), cutoff, n_max, l_max, width)[0, 0] / sqrt(4 * pi)
        self._own = torch.tensor(own, dtype=self.dtype, device=device)
        first, second = torch.triu_indices(n_max, n_max, device=device)
        self._pairs = (first, second)
        self._factors = torch.where(first == second, 1.0, sqrt(2)).to(self.dtype)

    def __call__(self, vectors: Tensor, centre: Tensor, n_atoms: int) -> Tensor:
        """Components [n_atoms, dim], differentiable in `vectors` [P, 3]; see `Features`."""
        import torch

        vectors = vectors.to(self.dtype)
        distance = torch.linalg.vector_norm(vectors, dim=1)
        unit = vectors / distance.clamp_min(torch.finfo(self.dtype).tiny)[:, None]
        distance = distance.clamp(max=self.cutoff)  # from there on the damping is 0
        radial = (self._damping(distance)[:, None] * self._radial(distance)).view(-1, *self._shape)
        angular = real_harmonics(unit, self._shape[0] - 1)
        parts = []
        for degree in range(self._shape[0]):
            harmonics = angular[:, degree**2 : (degree + 1) ** 2]
            terms = radial[:, degree, :, None] * harmonics[:, None, :]
            density = torch.zeros(n_atoms, *terms.shape[1:], dtype=self.dtype, device=vectors.device)
            density = density.index_add(0, centre, terms)
            density = density + self._own[degree][:, None] * (degree == 0)
            spectrum = torch.einsum("anm,akm->ank", density, density) / sqrt(2 * degree + 1)
            parts.append(spectrum[:, self._pairs[0], self._pairs[1]] * self._factors)
        return torch.cat(parts, dim=1)

    def _damping(self, distance: Tensor) -> Tensor:
        """Cutoff function: 1 up to half the cutoff, then half a cosine to 0."""
        import torch

        scaled = (2 * distance / self.cutoff - 1).clamp(0, 1)
        return 0.5 * (1 + torch.cos(pi * scaled))

    def _radial(self, distance: Tensor) -> Tensor:
        """Radial functions [P, (l_max + 1) n_max] from their Chebyshev series."""
        import torch

        t = 2 * distance / self.cutoff - 1
        values = [torch.ones_like(t), t]
        for _ in range(2, self._series.shape[0]):
            values.append(2 * t * values[-1] - values[-2])
        return torch.stack(values, dim=1) @ self._series


def radial_functions(distance: np.ndarray, cutoff: float, n_max: int, l_max: int, width: float) -> np.ndarray:
    """Overlaps g_nl(r) [P, l_max + 1, n_max] of a normalised Gaussian at distance r with the radial functions.

    g_nl(r) = 4 pi (pi sigma^2)^(-3/4) exp(-r^2 / 2 sigma^2) integral s^2 R_n(s) exp(-s^2 / 2 sigma^2) i_l(r s /
    sigma^2) ds with the modified spherical Bessel function i_l; the integral over a primitive s^n exp(-s^2 / 2 s_n^2)
    is a 1F1.
    """
    spread = np.sqrt(np.maximum(np.arange(n_max), 1.0)) * cutoff / n_max
    result = np.empty((len(distance), l_max + 1, n_max))
    prefactor = 4 * pi * (pi * width**2) ** -0.75
    for n in range(n_max):
        rate = 0.5 / width**2 + 0.5 / spread[n] ** 2
        for degree in range(l_max + 1):
            half, order = (n + degree + 3) / 2, degree + 1.5
            z = (distance / width**2) ** 2 / (4 * rate)
            # Kummer: exp(-z) 1F1(a, b, z) = 1F1(b - a, b, -z); what is left of the exponential does not grow.
            series = hyp1f1(half, order, z) * np.exp(-(distance**2) / (2 * width**2))
            scale = sqrt(pi) / 4 * gamma(half) / gamma(order) * rate**-half
            result[:, degree, n] = prefactor * scale * (distance / (2 * width**2)) ** degree * series
    return result @ _orthonormaliser(spread)


def radial_series(cutoff: float, n_max: int, l_max: int, width: float) -> np.ndarray:
    """Chebyshev coefficients [K, (l_max + 1) n_max] of the radial functions on [0, cutoff], cut where they vanish."""
    count = 24 + int(8 * cutoff / width)
    nodes = np.cos(pi * (np.arange(count) + 0.5) / count)
    values = radial_functions((nodes + 1) / 2 * cutoff, cutoff, n_max, l_max, width).reshape(count, -1)
    series = dct(values, axis=0) / count
    series[0] /= 2
    relevant = np.flatnonzero(np.abs(series).max(axis=1) > 1e-15 * np.abs(series).max())
    return series[: relevant[-1] + 1]


def real_harmonics(unit: Tensor, l_max: int) -> Tensor:
    """Real spherical harmonics [P, (l_max + 1)^2] of unit vectors [P, 3], column l^2 + l + m, no Condon-Shortley phase.

    Polynomials in x, y, z by recursion: m > 0 goes with Re (x + i y)^m, m < 0 with Im (x + i y)^|m|.
    """
    import torch

    x, y, z = unit.unbind(1)
    columns: dict[tuple[int, int], Tensor] = {}
    real, imaginary = torch.ones_like(x), torch.zeros_like(x)
    for m in range(l_max + 1):
        before, legendre = torch.zeros_like(x), torch.full_like(x, _double_factorial(2 * m - 1))
        for degree in range(m, l_max + 1):
            if degree > m:
                following = ((2 * degree - 1) * z * legendre - (degree + m - 1) * before) / (degree - m)
                before, legendre = legendre, following
            norm = sqrt((2 * degree + 1) / (4 * pi) * factorial(degree - m) / factorial(degree + m) * (2 if m else 1))
            columns[degree, m] = norm * legendre * real
            if m:
                columns[degree, -m] = norm * legendre * imaginary
        real, imaginary = x * real - y * imaginary, x * imaginary + y * real
    return torch.stack([columns[degree, m] for degree in range(l_max + 1) for m in range(-degree, degree + 1)], dim=1)


def _double_factorial(odd: int) -> float:
    return float(np.prod(np.arange(1, odd + 1, 2)))


def _orthonormaliser(spread: np.ndarray) -> np.ndarray:
    """Matrix that makes the primitives orthonormal: each normalised first, then S^(-1/2) of these (Loewdin).

    Overlaps are integral s^(2 + n + m) exp(-s^2 / 2 s_n^2 - s^2 / 2 s_m^2) ds.
    """
    n = np.arange(len(spread))
    order = (3 + n[:, None] + n[None, :]) / 2
    rate = 0.5 / spread[:, None] ** 2 + 0.5 / spread[None, :] ** 2
    overlap = 0.5 * gamma(order) * rate**-order
    norm = np.diag(overlap) ** -0.5
    eigenvalues, vectors = np.linalg.eigh(overlap * norm[:, None] * norm)
    return norm[:, None] * (vectors * eigenvalues**-0.5) @ vectors.T


class PowerSpectrumSet(FeatureSet[PowerSpectrumSettings]):
    """The power spectrum for the registry."""

    name = "power_spectrum"
    settings = PowerSpectrumSettings
    citation = "A. P. Bartók, R. Kondor and G. Csányi, Phys. Rev. B 87, 184115 (2013)."

    def build(self, settings: PowerSpectrumSettings, dtype: torch.dtype, device: torch.device) -> PowerSpectrum:
        """Return the features that the settings describe; see ``FeatureSet.build``."""
        return PowerSpectrum(settings.cutoff, settings.n_max, settings.l_max, dtype=dtype, device=device)


FEATURES = PowerSpectrumSet()
