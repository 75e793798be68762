"""Linear least squares by blocks, its cross-validation and committee; what error bars are worth."""

import numpy as np
import pytest

from entromax.potentials.base import FitError
from entromax.potentials.linear import NormalEquations
from entromax.potentials.uncertainty import judge_bars


def problem(
    rows: int = 400, columns: int = 20, noise: float = 0.1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, columns)) * 10.0 ** generator.uniform(-3, 3, columns)
    truth = generator.normal(size=columns) / np.abs(x).max(axis=0)
    return x, x @ truth + noise * generator.normal(size=rows), np.arange(rows) % 5


def filled(x: np.ndarray, y: np.ndarray, folds: np.ndarray, block: int) -> NormalEquations:
    equations = NormalEquations(x.shape[1], 5)
    for fold in range(5):
        mine = np.flatnonzero(folds == fold)
        for start in range(0, len(mine), block):
            part = mine[start : start + block]
            equations.add(x[part], y[part], fold)
    return equations


def by_hand(x: np.ndarray, y: np.ndarray, ridge: float, norms: np.ndarray) -> np.ndarray:
    scaled = x / norms
    return np.linalg.solve(scaled.T @ scaled + ridge * np.eye(x.shape[1]), scaled.T @ y) / norms


def test_coefficients_equal_those_of_all_rows_at_once_whatever_the_blocks() -> None:
    x, y, folds = problem()
    norms = np.linalg.norm(x, axis=0)
    for block in (1, 7, 1000):
        fit = filled(x, y, folds, block).solve()
        assert np.allclose(fit.coefficients * norms, by_hand(x, y, fit.ridge, norms) * norms, rtol=1e-9, atol=1e-9)
        assert fit.rows == len(x)


def test_left_out_errors_are_those_of_fits_without_the_fold() -> None:
    x, y, folds = problem()
    fit = filled(x, y, folds, 50).solve()
    norms = np.linalg.norm(x, axis=0)
    for ridge, score in fit.scores.items():
        lost = 0.0
        for k in range(5):
            rest = folds != k
            lost += np.sum((x[~rest] @ by_hand(x[rest], y[rest], ridge, norms) - y[~rest]) ** 2)
        assert score == pytest.approx(lost / (y @ y), rel=1e-6)
    assert fit.scores[fit.ridge] == min(fit.scores.values())


def test_noisy_data_get_a_stronger_regularisation_than_clean_ones() -> None:
    chosen = {}
    for noise in (3.0, 1e-6):
        x, y, folds = problem(rows=40, columns=30, noise=noise)
        chosen[noise] = filled(x, y, folds, 10).solve().ridge
    assert chosen[3.0] > 100 * chosen[1e-6]


def test_the_committee_is_the_jackknife() -> None:
    """Its standard deviation of a mean is the standard error of the mean."""
    generator = np.random.default_rng(1)
    y = 5 + generator.normal(size=4000)
    equations = NormalEquations(1, 20)
    for fold in range(20):
        equations.add(np.ones((200, 1)), y[fold::20], fold)
    fit = equations.solve()
    means = np.array([y[fold::20].mean() for fold in range(20)])
    expected = means.std(ddof=1) / np.sqrt(20)
    # A mean of 5 asks for the weakest ridge.
    assert np.sqrt(np.mean(fit.deviations**2)) == pytest.approx(expected, rel=1e-3)


def test_a_column_of_zeros_gets_no_coefficient() -> None:
    x, y, folds = problem()
    x[:, 3] = 0
    fit = filled(x, y, folds, 50).solve()
    assert fit.coefficients[3] == 0 and np.isfinite(fit.coefficients).all()


def test_bad_input_is_refused() -> None:
    equations = NormalEquations(2, 3)
    with pytest.raises(FitError, match="not finite"):
        equations.add(np.array([[1.0, np.nan]]), np.ones(1), 0)
    equations.add(np.ones((1, 2)), np.ones(1), 0)
    with pytest.raises(FitError, match="1 of the folds hold data"):
        equations.solve()


def test_true_error_bars_are_recognised_as_such() -> None:
    generator = np.random.default_rng(0)
    bars = generator.uniform(0.1, 2.0, 20_000)
    errors = bars * generator.normal(size=len(bars))
    found = judge_bars(errors, bars)
    for nominal, actual in found["coverage"].items():
        assert actual == pytest.approx(float(nominal), abs=0.01)
    assert found["scale"] == pytest.approx(1, abs=0.02) and found["spearman"] > 0.4
    assert judge_bars(errors, bars / 3)["scale"] == pytest.approx(3, abs=0.06)
    assert abs(judge_bars(errors, generator.permutation(bars))["spearman"]) < 0.05
