"""Regularised linear least squares, judged on left-out structures of low energy, for all linear families.

    minimise  sum_rows (x . c - y)^2 / error_row^2  +  ridge sum_k (scale_k c_k)^2

The rows are energies per atom, forces and stresses of labelled structures, and energies of anchors. scale_k is the root
mean square of function k over the structures times its growth, which lets rough functions earn their place. The ridge
is the one whose errors on left-out structures of low energy are smallest: all that a user does with a potential happens
there.

What a fit without some of the structures says about them needs no other fit: with the rows X of these structures,
divided by their errors, the matrix A of the whole fit and H = X A^-1 X^T, their left-out residuals are (1 - H)^-1 times
those of the whole fit, and the left-out covariance of their predictions is H (1 - H)^-1 [Allen, Technometrics 16, 125
(1974); Cook & Weisberg, Residuals and Influence in Regression, 1982]. Duplicates are left out together.

Rows never stand in memory together, but for those of the structures that judge: memory does not grow with their number.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from ase import Atoms
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular
from scipy.linalg.blas import dsyrk
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from entromax.potentials.anchors import Anchor
from entromax.potentials.base import FitError
from entromax.potentials.uncertainty import judge_bars
from entromax.potentials.weights import heights

logger = logging.getLogger("entromax.potentials")

RIDGES = 10.0 ** -np.arange(-2, 14)
"""Strengths of the regularisation that are tried [1]."""
LOW = 1.0
"""Structures below this height judge [eV/atom] ..."""
FEWEST, MOST = 20, 200
"""... at least so many of the lowest, and of more at most so many by lot."""
FEWEST_CHOSEN = 5
"""At least so many where a family says which structures judge."""
DUPLICATE = 0.01
"""Structures whose mean features differ by less than this part are left out together."""
TIE = 1.05
"""Of several cutoffs the shortest is taken whose score is within this factor of the best."""
BUFFER = 4_000_000
"""Numbers that wait until they are worth a matrix product [32 MB]."""
ENERGY, FORCES, STRESS = range(3)


class Design(Protocol):
    """Structures as a linear family sees them: labels are linear in p coefficients, above free atoms and ZBL."""

    @property
    def size(self) -> int:
        """Number of coefficients p."""

    def scale(self, sizes: np.ndarray) -> np.ndarray:
        """Return one over the size that every coefficient is expected to have [p]; see the head of ``linear``.

        Args:
            sizes: root mean squares of the functions [p].
        """

    def rows(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """Return rows [1 + 3 N + 6, p] of a labelled structure and targets: energy per atom, forces, stress if any."""

    def energy(self, atoms: Atoms) -> tuple[np.ndarray, float]:
        """Return the row [p] of the energy per atom, and the repulsion that the energy is above [eV/atom]."""


@dataclass(frozen=True)
class LinearFit:
    """Result of a fit with p coefficients.

    Attributes:
        coefficients: [p].
        deviations: [M, p] committee: the variance of a prediction x . coefficients is the mean of (x . deviations)^2,
            before it is scaled. Drawn from the posterior of the fit.
        ridge: strength of the regularisation that was chosen [1].
        errors: root mean square of left-out errors of energies [eV/atom] and forces [eV/Å] at low energy, by ridge.
        calibration: what :func:`judge_bars` says about the error bars of these left-out energies and forces.
        rows: number of rows.
    """

    coefficients: np.ndarray
    deviations: np.ndarray
    ridge: float
    errors: dict[float, tuple[float, float]]
    calibration: dict[str, dict[str, Any]]
    rows: int

    @property
    def score(self) -> float:
        """Geometric mean of both errors: no weight to choose."""
        return score(self.errors[self.ridge])

    @property
    def scales(self) -> tuple[float, float]:
        """Factors that make the error bars of energy and forces cover what they promise."""
        return self.calibration["energy"]["scale"], self.calibration["forces"]["scale"]

    def facts(self) -> dict[str, Any]:
        """Return what the card of a potential tells about the fit."""
        return {
            "rows": self.rows,
            "ridge": self.ridge,
            "left_out_errors": {f"{ridge:.0e}": errors for ridge, errors in self.errors.items()},
            "members": len(self.deviations),
            "calibration": self.calibration,
        }


class NormalEquations:
    """Weighted least squares X c = y from blocks of rows, already divided by their errors."""

    def __init__(self, columns: int) -> None:
        """Start without data; memory is about p^2 numbers."""
        self.rows = 0
        self.product = np.zeros(columns)
        self._moment = np.zeros((columns, columns), order="F")  # what dsyrk adds to in place
        self._waiting: list[np.ndarray] = []
        self._limit = max(BUFFER // columns, 64)

    def add(self, rows: np.ndarray, targets: np.ndarray) -> None:
        """Add rows [n, p] with targets [n].

        Raises:
            FitError: a number is not finite.
        """
        if not (np.isfinite(rows).all() and np.isfinite(targets).all()):
            raise FitError("a row of the design matrix or its target is not finite")
        self.rows += len(rows)
        self.product += targets @ rows
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= self._limit:
            self._flush()

    def moment(self) -> np.ndarray:
        """Return X^T X [p, p]."""
        self._flush()
        return np.triu(self._moment) + np.triu(self._moment, 1).T

    def _flush(self) -> None:
        if self._waiting:
            dsyrk(1.0, np.concatenate(self._waiting).T, beta=1.0, c=self._moment, overwrite_c=1)
            self._waiting = []


@dataclass(frozen=True)
class Judge:
    """Rows of a structure of low energy, divided by their errors; infinite errors have no row."""

    rows: np.ndarray
    targets: np.ndarray
    errors: np.ndarray
    kinds: np.ndarray


def fit_linear(
    structures: Sequence[Atoms],
    design: Design,
    *,
    errors: np.ndarray,
    anchors: Sequence[Anchor],
    members: int,
    seed: int,
    judging: np.ndarray | None = None,
    weakest: float = RIDGES[-1],
) -> LinearFit:
    """Fit with the regularisation that predicts left-out structures of low energy best.

    Args:
        structures: labelled, without the free atom.
        design: of the family.
        errors: [N, 3] expected errors of energy per atom, forces and stress; see ``expected_errors``.
        anchors: see ``short_range_anchors``.
        members: of the committee.
        seed: of the committee, and of the choice of judges.
        judging: [N] heights by which the judges are chosen [eV/atom]; None: above the lowest structure.
        weakest: smallest ridge that is tried.

    Raises:
        FitError: too few structures, a number that is not finite, or no regularisation makes the equations solvable.
    """
    fewest = FEWEST if judging is None else FEWEST_CHOSEN
    chosen = set(judges(heights(structures) if judging is None else judging, seed, fewest).tolist())
    equations, sizes, kept = assemble(structures, design, errors, anchors, chosen)
    groups = duplicates(kept, sizes)
    return solve(equations, design.scale(sizes), kept, groups, members=members, seed=seed, weakest=weakest)


def assemble(
    structures: Sequence[Atoms],
    design: Design,
    errors: np.ndarray,
    anchors: Sequence[Anchor],
    judging: Collection[int] = (),
) -> tuple[NormalEquations, np.ndarray, list[Judge]]:
    """Return the equations of a fit, the root mean squares [p] of its functions, and the rows that judge.

    Args:
        structures: see ``fit_linear``.
        design: of the family.
        errors: see ``fit_linear``.
        anchors: see ``fit_linear``.
        judging: indices of the structures whose rows are kept.

    Raises:
        FitError: a number is not finite.
    """
    equations, squares, kept = NormalEquations(design.size), np.zeros(design.size), []
    for index, atoms in enumerate(structures):
        rows, targets = design.rows(atoms)
        kinds = kinds_of_rows(atoms, rows)
        squares += rows[0] ** 2
        error = errors[index][kinds]
        equations.add(rows / error[:, None], targets / error)
        if index in judging:
            kept.append(Judge(rows / error[:, None], targets / error, error, kinds))
        if (index + 1) % max(len(structures) // 10, 1) == 0:
            logger.info("design matrix: %d of %d structures", index + 1, len(structures))
    for anchor in anchors:
        row, repulsion = design.energy(anchor.atoms)
        equations.add(row[None] / anchor.error, np.array([anchor.energy - repulsion]) / anchor.error)
    sizes = np.sqrt(squares / len(structures))
    sizes[sizes == 0] = 1.0
    return equations, sizes, kept


def kinds_of_rows(atoms: Atoms, rows: np.ndarray) -> np.ndarray:
    """Return what each row [R] of a structure is: ``ENERGY``, ``FORCES`` or ``STRESS``; see ``Design.rows``."""
    return np.repeat([ENERGY, FORCES, STRESS], [1, 3 * len(atoms), len(rows) - 1 - 3 * len(atoms)])


def shortest(fits: Mapping[float, LinearFit]) -> float:
    """Return the shortest cutoff whose fit is within 5 % of the best score."""
    best = min(fit.score for fit in fits.values())
    return min(cutoff for cutoff, fit in fits.items() if fit.score <= TIE * best)


def judges(heights: np.ndarray, seed: int, fewest: int = FEWEST) -> np.ndarray:
    """Return the indices of the structures on which a fit is judged: the low ones, or the ``fewest`` lowest.

    Raises:
        FitError: fewer than three structures.
    """
    if len(heights) < 3:
        raise FitError(f"{len(heights)} structures cannot be fitted and left out in turn; give more")
    limit = max(LOW, float(np.sort(heights)[:fewest][-1]))
    low = np.flatnonzero(heights <= limit)
    return low if len(low) <= MOST else np.random.default_rng(seed).choice(low, MOST, replace=False)


def solve(
    equations: NormalEquations,
    scale: np.ndarray,
    kept: Sequence[Judge],
    groups: Sequence[np.ndarray],
    *,
    members: int,
    seed: int,
    weakest: float = RIDGES[-1],
) -> LinearFit:
    """Return the fit with the best ridge.

    Args:
        equations: of all structures and anchors.
        scale: [p] see ``Design.scale``.
        kept: structures that judge.
        groups: indices of rows of these that are left out together.
        members: of the committee.
        seed: of the committee.
        weakest: see ``fit_linear``.

    Raises:
        FitError: no regularisation makes the equations solvable.
    """
    moment, product = equations.moment() / np.outer(scale, scale), equations.product / scale
    rows = np.concatenate([judge.rows for judge in kept]) / scale
    targets = np.concatenate([judge.targets for judge in kept])
    found: dict[float, tuple[float, float]] = {}
    best: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None = None
    for ridge in map(float, RIDGES[weakest <= RIDGES]):
        try:
            factor = cholesky(moment + ridge * np.eye(len(scale)), lower=True, check_finite=False)
        except LinAlgError:
            break
        coefficients = cho_solve((factor, True), product)
        residuals, bars = left_out(rows, targets - rows @ coefficients, factor, groups)
        found[ridge] = root_mean_squares(kept, residuals)
        logger.info("ridge %.0e: left out %.1f meV/atom, %.3f eV/Å", ridge, 1e3 * found[ridge][0], found[ridge][1])
        if score(found[ridge]) <= min(map(score, found.values())):
            best, chosen = (coefficients, factor, residuals, bars), ridge
    if best is None:
        raise FitError("the equations cannot be solved, whatever the regularisation: too few or equal structures")
    coefficients, factor, residuals, bars = best
    draws = np.random.default_rng(seed).normal(size=(len(scale), members))
    deviations = solve_triangular(factor, draws, lower=True, trans="T").T / scale
    calibration = calibrate(kept, residuals, bars)
    return LinearFit(coefficients / scale, deviations, chosen, found, calibration, equations.rows)


def duplicates(kept: Sequence[Judge], sizes: np.ndarray) -> list[np.ndarray]:
    """Return the indices of the rows of each group of equal structures; ``sizes`` [p] of the functions."""
    features = np.array([judge.rows[0] * judge.errors[0] for judge in kept]) / sizes
    near = cdist(features, features) < DUPLICATE * np.linalg.norm(features, axis=1)
    group = connected_components(near, directed=False)[1]
    owner = np.repeat(group, [len(judge.rows) for judge in kept])
    return [np.flatnonzero(owner == index) for index in range(group.max() + 1)]


def left_out(
    rows: np.ndarray, residuals: np.ndarray, factor: np.ndarray, groups: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return residuals and standard deviations of rows [n, p] as predicted by fits without their group.

    Args:
        rows: divided by their errors and scales.
        residuals: [n] of the whole fit.
        factor: [p, p] lower Cholesky factor of its matrix.
        groups: indices of rows that are left out together.
    """
    half = solve_triangular(factor, rows.T, lower=True, check_finite=False)
    residuals, bars = residuals.copy(), np.empty(len(rows))
    for group in groups:
        hat = half[:, group].T @ half[:, group]
        solved = np.linalg.solve(np.eye(len(group)) - hat, np.column_stack([residuals[group], hat]))
        residuals[group] = solved[:, 0]
        bars[group] = np.sqrt(np.maximum(np.diag(solved[:, 1:]), 0.0))
    return residuals, bars


def root_mean_squares(kept: Sequence[Judge], residuals: np.ndarray) -> tuple[float, float]:
    """Return the root mean squares of energies [eV/atom] and forces [eV/Å]; every structure has the same weight."""
    energies, forces = [], []
    for judge, part in zip(kept, np.split(residuals, np.cumsum([len(judge.rows) for judge in kept])[:-1]), strict=True):
        errors = part * judge.errors
        energies.append(np.mean(errors[judge.kinds == ENERGY] ** 2))
        forces.append(np.mean(errors[judge.kinds == FORCES] ** 2))
    return float(np.sqrt(np.mean(energies))), float(np.sqrt(np.mean(forces)))


def score(errors: tuple[float, float]) -> float:
    """Return the geometric mean of the errors of energies and forces."""
    return float(np.sqrt(errors[0] * errors[1]))


def calibrate(kept: Sequence[Judge], residuals: np.ndarray, bars: np.ndarray) -> dict[str, dict[str, Any]]:
    """Return :func:`judge_bars` of left-out energies [eV/atom] and forces [eV/Å]."""
    errors = np.concatenate([judge.errors for judge in kept])
    kinds = np.concatenate([judge.kinds for judge in kept])
    found = {}
    for name, kind in (("energy", ENERGY), ("forces", FORCES)):
        some = (kinds == kind) & (bars * errors > 1e-9)  # what symmetry makes vanish has neither error nor bar
        found[name] = judge_bars((residuals * errors)[some], (bars * errors)[some])
    return found
