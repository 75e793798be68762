"""Linear least squares: blocks of rows, left-out structures, ridge, committee; what error bars are worth."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from entromax.potentials.base import FitError
from entromax.potentials.cutoffs import fair_judges
from entromax.potentials.linear import (
    TIE,
    Judge,
    LinearFit,
    NormalEquations,
    duplicates,
    judges,
    left_out,
    shortest,
    solve,
)
from entromax.potentials.uncertainty import judge_bars
from entromax.potentials.weights import library_heights
from entromax.structures.kinds import LIBRARY, LOW_ENERGY

KINDS = np.array([0, 1, 1, 1, 2, 2])


def problem(structures: int = 60, columns: int = 20, noise: float = 0.1, seed: int = 0) -> list[Judge]:
    """Structures of one energy, three forces and two stresses, of columns whose sizes differ by orders."""
    generator = np.random.default_rng(seed)
    sizes = 10.0 ** generator.uniform(-3, 3, columns)
    truth = generator.normal(size=columns) / sizes
    made = []
    for _ in range(structures):
        rows = generator.normal(size=(len(KINDS), columns)) * sizes
        targets = rows @ truth + noise * generator.normal(size=len(rows))
        made.append(Judge(rows / 0.5, targets / 0.5, np.full(len(rows), 0.5), KINDS))
    return made


def fitted(made: list[Judge], members: int = 8) -> tuple[LinearFit, np.ndarray]:
    equations = NormalEquations(made[0].rows.shape[1])
    for judge in made:
        equations.add(judge.rows, judge.targets)
    scale = np.sqrt(np.mean([(judge.rows[0] * judge.errors[0]) ** 2 for judge in made], axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    return solve(equations, scale, made, duplicates(made, scale), members=members, seed=0), scale


def by_hand(made: list[Judge], ridge: float, scale: np.ndarray) -> np.ndarray:
    x, y = (np.concatenate([getattr(judge, name) for judge in made]) for name in ("rows", "targets"))
    x = x / scale
    return np.linalg.solve(x.T @ x + ridge * np.eye(len(scale)), x.T @ y) / scale


def test_moments_are_those_of_all_rows_at_once_whatever_the_blocks() -> None:
    x = np.random.default_rng(0).normal(size=(300, 7))
    for block in (1, 70, 300):
        equations = NormalEquations(7)
        equations._limit = 64
        for start in range(0, 300, block):
            equations.add(x[start : start + block], x[start : start + block, 0])
        assert equations.rows == 300
        np.testing.assert_allclose(equations.moment(), x.T @ x, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(equations.product, x.T @ x[:, 0], rtol=1e-12, atol=1e-12)


def test_left_out_errors_are_those_of_fits_without_the_structure() -> None:
    made = problem()
    fit, scale = fitted(made)
    assert np.allclose(fit.coefficients, by_hand(made, fit.ridge, scale), rtol=1e-6)
    for ridge, (energy, force) in fit.errors.items():
        squares = []
        for index, judge in enumerate(made):
            rest = by_hand(made[:index] + made[index + 1 :], ridge, scale)
            squares.append(((judge.rows @ rest - judge.targets) * judge.errors) ** 2)
        found = np.array(squares)
        assert energy == pytest.approx(np.sqrt(found[:, KINDS == 0].mean()), rel=1e-5)
        assert force == pytest.approx(np.sqrt(found[:, KINDS == 1].mean()), rel=1e-5)
    assert fit.score == min(np.sqrt(energy * force) for energy, force in fit.errors.values())


def test_left_out_bars_are_those_of_the_matrix_without_the_group() -> None:
    rows = np.random.default_rng(3).normal(size=(30, 6))
    matrix = rows.T @ rows + 0.1 * np.eye(6)
    groups = [np.arange(0, 3), np.arange(3, 5)]
    _, bars = left_out(rows[:5], np.zeros(5), np.linalg.cholesky(matrix), groups)
    for group in groups:
        without = np.linalg.inv(matrix - rows[group].T @ rows[group])
        expected = np.sqrt(np.einsum("np,pq,nq->n", rows[group], without, rows[group]))
        np.testing.assert_allclose(bars[group], expected)


def test_duplicates_are_left_out_together() -> None:
    """A structure whose copy stays in the fit would judge nothing."""
    made = problem(structures=12, columns=60, noise=1.0)
    alone, scale = fitted(made)
    twice, _ = fitted([*made, *made])
    assert [len(group) for group in duplicates([*made, *made], scale)] == [2 * len(KINDS)] * 12
    assert min(twice.errors.values()) == pytest.approx(min(alone.errors.values()), rel=0.3)


def test_noisy_data_get_a_stronger_regularisation_than_clean_ones() -> None:
    chosen = [fitted(problem(structures=10, columns=40, noise=noise))[0].ridge for noise in (30.0, 1e-6)]
    assert chosen[0] > 100 * chosen[1]


def test_the_committee_has_the_covariance_of_the_fit() -> None:
    made = problem()
    fit, scale = fitted(made, members=1000)
    x = np.concatenate([judge.rows for judge in made]) / scale
    expected = np.sqrt(np.diag(np.linalg.inv(x.T @ x + fit.ridge * np.eye(len(scale)))))
    np.testing.assert_allclose(np.sqrt(np.mean((fit.deviations * scale) ** 2, axis=0)), expected, rtol=0.15)


def test_scaled_bars_do_not_depend_on_the_size_of_the_expected_errors() -> None:
    """Ten times the errors are a hundred times the ridge, and the left-out errors are the measure of the bars."""
    made = problem(structures=10, columns=40, noise=3.0)
    larger = [Judge(one.rows / 10, one.targets / 10, 10 * one.errors, one.kinds) for one in made]
    (fit, _), (again, _) = fitted(made), fitted(larger)
    assert again.ridge == pytest.approx(fit.ridge / 100)
    np.testing.assert_allclose(again.coefficients, fit.coefficients)
    np.testing.assert_allclose(again.scales[0] * again.deviations, fit.scales[0] * fit.deviations)
    assert fit.calibration["energy"]["n"] == 10 and fit.calibration["forces"]["n"] == 30


def test_of_equal_cutoffs_the_shortest_is_taken() -> None:
    fit, _ = fitted(problem())
    worse = replace(fit, errors={fit.ridge: (fit.score * TIE * 1.01, fit.score * TIE * 1.01)})
    equal = replace(fit, errors={fit.ridge: (fit.score * 1.01, fit.score * 1.01)})
    assert shortest({2.4: fit, 2.2: equal, 2.0: worse}) == 2.2


def test_a_column_of_zeros_gets_no_coefficient() -> None:
    made = problem()
    for judge in made:
        judge.rows[:, 3] = 0
    fit, _ = fitted(made)
    assert fit.coefficients[3] == 0 and np.isfinite(fit.coefficients).all()


def test_the_lowest_judge_and_not_too_many() -> None:
    assert judges(np.linspace(0, 20, 40), seed=0).tolist() == list(range(20))
    assert judges(np.linspace(0, 2, 101), seed=0).tolist() == list(range(51))
    many = judges(np.linspace(0, 1.5, 3000), seed=0)
    assert len(set(many.tolist())) == 200 and many.max() < 2001


def test_bad_input_is_refused() -> None:
    with pytest.raises(FitError, match="not finite"):
        NormalEquations(2).add(np.array([[1.0, np.nan]]), np.ones(1))
    with pytest.raises(FitError, match="2 structures cannot be fitted"):
        judges(np.zeros(2), seed=0)


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


def test_library_structures_judge_fits_by_their_height_above_labels_of_like_volume() -> None:
    cells = []
    for volume, energy, kind in ((10, -3.0, LIBRARY), (10, -2.5, LIBRARY), (20, -1.0, LIBRARY), (10, -4.0, LOW_ENERGY)):
        atoms = Atoms("Al", cell=np.eye(3) * volume ** (1 / 3), pbc=True)
        atoms.info.update(REF_energy=energy, config_type=kind)
        cells.append(atoms)
    np.testing.assert_allclose(library_heights(cells), [1.0, 1.5, 0.0, np.inf])
    np.testing.assert_allclose(fair_judges(cells, fewest=2), [1.0, 1.5, 0.0, np.inf])
    assert fair_judges(cells, fewest=3) is None


def test_no_ridge_below_the_weakest_is_tried() -> None:
    made = problem()
    equations = NormalEquations(20)
    for judge in made:
        equations.add(judge.rows, judge.targets)
    fit = solve(equations, np.ones(20), made, duplicates(made, np.ones(20)), members=8, seed=0, weakest=1e-3)
    assert min(fit.errors) == pytest.approx(1e-3)
