"""Hyperspherical harmonics and quadrature on the 3-sphere of unit quaternions, SU(2).

A unit quaternion is written with Cayley-Klein parameters q = (a, b), |a|^2 + |b|^2 = 1, complex. With the Haar measure
normalised to 1, |a|^2 is uniform on [0, 1] and both phases are uniform, so the functions

    Y_{k m n}(q) = N_{k m n} a^k b^m P_n^{(m, k)}(t),    t = |a|^2 - |b|^2,    j = k + m + 2 n,

with P_n^{(m, k)} a Jacobi polynomial, their conjugates in a and in b (real and imaginary parts here), form an
orthonormal real basis; the (j + 1)^2 functions of degree j are the matrix elements of the Wigner matrix U^(j) in
other words (Bartok et al., Phys. Rev. B 81, 184117 (2010); Varshalovich, Quantum Theory of Angular Momentum, 4.7).
Addition theorem, with C_j the Chebyshev polynomial of the second kind (the character of SU(2)):

    sum over degree j of Y(q) Y(q') = (j + 1) C_j(q . q').
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, sqrt

import numpy as np
from scipy.integrate import lebedev_rule
from scipy.special import eval_chebyt, eval_jacobi


@dataclass(frozen=True)
class MomentBasis:
    """How the harmonics up to degree J follow from products of three simple factors.

    Left factors are T_n(t) Re/Im a^k, right factors Re/Im b^m, both in the order Re 0, Re 1, Im 1, Re 2, Im 2, ...;
    the left list runs over n = 0 .. J/2 and, within, over k = 0 .. J - 2 n. Every harmonic is a short combination of
    products left x right with the same a^k b^m and Chebyshev polynomials T of order up to n.

    Attributes:
        left_sizes: Number of left factors for every n.
        right_size: Number of right factors, 2 J + 1.
        products: [D] index left * right_size + right of the products that are needed.
        transform: [D, D] with Y = transform @ products.
        degree: [D] degree j of every harmonic, not decreasing.
    """

    left_sizes: tuple[int, ...]
    right_size: int
    products: np.ndarray
    transform: np.ndarray
    degree: np.ndarray


def moment_basis(max_degree: int) -> MomentBasis:
    """Build the basis of all harmonics of degree 0 .. `max_degree`."""
    left_sizes = tuple(2 * (max_degree - 2 * n) + 1 for n in range(max_degree // 2 + 1))
    starts = np.concatenate([[0], np.cumsum(left_sizes)])
    right_size = 2 * max_degree + 1
    labels = [
        (k + m + 2 * n, p, q, n)
        for p, k in enumerate(_orders(max_degree))
        for q, m in enumerate(_orders(max_degree))
        for n in range((max_degree - k - m) // 2 + 1)
    ]
    labels.sort()
    column = {(p, q, n): index for index, (_, p, q, n) in enumerate(labels)}
    transform = np.zeros((len(labels), len(labels)))
    for row, (_, p, q, n) in enumerate(labels):
        for order, coefficient in enumerate(_radial(n, (p + 1) // 2, (q + 1) // 2)):
            transform[row, column[p, q, order]] = coefficient
    return MomentBasis(
        left_sizes=left_sizes,
        right_size=right_size,
        products=np.array([(starts[n] + p) * right_size + q for _, p, q, n in labels]),
        transform=transform,
        degree=np.array([j for j, *_ in labels]),
    )


def harmonics(basis: MomentBasis, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Harmonics [D, Q] at Q quaternions (a, b), straight from the definition of the basis."""
    t = np.abs(a) ** 2 - np.abs(b) ** 2
    right = _powers(b, basis.right_size)
    left = np.concatenate(
        [eval_chebyt(n, t) * _powers(a, size) for n, size in enumerate(basis.left_sizes)],
    )
    rows, columns = np.divmod(basis.products, basis.right_size)
    return basis.transform @ (left[rows] * right[columns])


def quadrature(degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points a [Q], b [Q] and weights [Q] exact for *even* polynomials on the 3-sphere of at most this even degree.

    Even polynomials of degree 2 L are the functions on SO(3) up to angular momentum L. A rotation is a direction and a
    turn about it: a Lebedev rule of order >= L for the first, L + 1 equidistant angles for the second.
    """
    order = degree // 2
    directions, weights = lebedev_rule(max(3, order + (order + 1) % 2))
    polar, azimuth = np.arccos(np.clip(directions[2], -1, 1)), np.arctan2(directions[1], directions[0])
    turn = 2 * np.pi * np.arange(order + 1)[:, None] / (order + 1)
    a = np.cos(polar / 2) * np.exp(0.5j * (azimuth + turn))
    b = np.sin(polar / 2) * np.exp(0.5j * (azimuth - turn))
    return a.ravel(), b.ravel(), np.tile(weights / (4 * np.pi * (order + 1)), order + 1)


def _orders(max_degree: int) -> list[int]:
    """Power of every factor in the order Re 0, Re 1, Im 1, Re 2, Im 2, ..."""
    return [(p + 1) // 2 for p in range(2 * max_degree + 1)]


def _powers(z: np.ndarray, size: int) -> np.ndarray:
    return np.stack(
        [(z ** ((p + 1) // 2)).imag if p and p % 2 == 0 else (z ** ((p + 1) // 2)).real for p in range(size)]
    )


def _radial(n: int, k: int, m: int) -> np.ndarray:
    """Chebyshev coefficients of the normalised P_n^{(m, k)}, with the factors sqrt(2) of real and imaginary parts."""
    nodes = np.cos(np.pi * (np.arange(n + 1) + 0.5) / (n + 1))
    coefficients = np.polynomial.chebyshev.chebfit(nodes, eval_jacobi(n, m, k, nodes), n)
    norm = (k + m + 2 * n + 1) * factorial(n) * factorial(n + k + m) / (factorial(n + k) * factorial(n + m))
    return coefficients * sqrt(norm * (2 if k else 1) * (2 if m else 1))
