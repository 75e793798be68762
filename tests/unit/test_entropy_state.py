from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from entromax.entropy import selection as selection_module
from entromax.entropy.functional import EntropyFunctional
from entromax.entropy.ordering import (
    DIFFERENT,
    d_optimal_order,
    diverse_order,
    interleave,
    leverage_order,
    leverages,
    prefix_entropies,
)
from entromax.entropy.ordering import structure_leverages as scores
from entromax.entropy.selection import greedy
from entromax.entropy.state import EntropyState
from entromax.entropy.strata import DatasetState, log_edges

DIM = 7


def _blocks(count: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    spread = rng.normal(size=(DIM, DIM))
    return [rng.normal(size=(rng.integers(1, 12), DIM)) @ spread * rng.uniform(0.2, 2) for _ in range(count)]


def _state(rows: str = "atoms", eps: float = 1e-3) -> EntropyState:
    rng = np.random.default_rng(9)
    return EntropyState.empty(rng.normal(size=DIM), rng.uniform(0.5, 2, DIM), eps, rows, "hash")


def _dataset(strata: int = 2) -> DatasetState:
    return DatasetState(log_edges([0.5, 3.5], strata), tuple(_state() for _ in range(strata)))


def test_entropy_is_half_the_log_determinant_of_the_covariance_of_all_rows() -> None:
    blocks = _blocks(20)
    y = np.concatenate(blocks)
    direct = 0.5 * np.log(np.linalg.det(y.T @ y / len(y) + 1e-3 * np.eye(DIM)))
    assert _state().add(blocks).h() == pytest.approx(direct, rel=1e-12)


@pytest.mark.parametrize("cut", [1, 7, 19])
def test_merging_any_partition_equals_adding_everything_at_once(cut: int) -> None:
    blocks = _blocks(20)
    whole = _state().add(blocks)
    merged = _state().add(blocks[cut:]).merge(_state().add(blocks[:cut]))
    assert merged.n == whole.n and merged.structures == 20
    assert merged.h() == pytest.approx(whole.h(), abs=1e-10)
    assert np.allclose(merged.moment, whole.moment, rtol=1e-12)


@pytest.mark.parametrize("before", [0, 1, 3, 30])
def test_gain_equals_the_difference_of_recomputed_entropies(before: int) -> None:
    blocks = _blocks(40)
    state = _state().add(blocks[:before])
    for block, gain in zip(blocks[30:], state.gains(blocks[30:]), strict=True):
        assert gain == pytest.approx(state.add([block]).h() - state.h(), abs=1e-9)
        assert state.gain(block) == pytest.approx(gain, abs=1e-12)


def test_gain_agrees_with_the_first_order_formula_for_a_small_addition() -> None:
    # METHOD section 3: 1/2 ln det(I + Y S^-1 Y^T / n) - (r / 2n) D
    state = _state(eps=1e-8).add(_blocks(4000))
    y = _blocks(1, seed=5)[0]
    inner = np.eye(len(y)) + y @ np.linalg.solve(state.covariance(), y.T) / state.n
    first_order = 0.5 * np.linalg.slogdet(inner)[1] - len(y) / (2 * state.n) * DIM
    assert state.gain(y) == pytest.approx(first_order, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"feature_hash": "other"}, "feature_hash"),
        ({"eps": 1e-4}, "eps"),
        ({"rows": "structures"}, "rows"),
        ({"mean": np.zeros(DIM)}, "reference samples"),
    ],
)
def test_states_of_different_meaning_are_not_merged(change: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        _state().merge(replace(_state(), **change))
    dataset = _dataset()
    with pytest.raises(ValueError, match=word):
        dataset.merge(DatasetState(dataset.edges, tuple(replace(part, **change) for part in dataset.parts)))


def test_datasets_with_other_strata_are_not_merged() -> None:
    with pytest.raises(ValueError, match="strata"):
        _dataset().merge(DatasetState(log_edges([0.5, 4.0], 2), _dataset().parts))


def test_state_survives_a_file(tmp_path: Path) -> None:
    blocks = _blocks(9)
    state = _dataset().add(blocks, np.arange(9) % 2)
    state.save(tmp_path / "s.npz")
    again = DatasetState.load(tmp_path / "s.npz")
    assert again.h() == state.h() and again.n == state.n and again.structures == 9
    assert again.merge(state).n == 2 * state.n
    assert list(tmp_path.iterdir()) == [tmp_path / "s.npz"]


def test_damaged_state_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    _dataset().save(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"s\.npz: not an entropy state"):
        DatasetState.load(path)


def test_reference_of_constant_features_is_an_error() -> None:
    q = np.ones((10, 3))
    q[:, 0] = np.arange(10)
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        EntropyState.from_reference(q, np.array([10]), 1e-5, "atoms", "hash")


def test_reference_sample_has_mean_zero_and_variance_one_after_normalisation() -> None:
    q = np.random.default_rng(0).normal(3, 2, (500, 4))
    y = EntropyState.from_reference(q, np.array([500]), 1e-5, "atoms", "hash").normalise(q)
    assert np.allclose(y.mean(axis=0), 0, atol=1e-12) and np.allclose(y.std(axis=0), 1)


def test_strata_cut_the_range_evenly_in_the_logarithm_and_are_open_outside() -> None:
    dataset = _dataset(4)
    assert np.diff(np.log(dataset.edges)) == pytest.approx(np.full(4, np.log(7) / 4))
    assert dataset.stratum([0.4, 0.5, 0.9, 1.4, 3.4, 3.5, 4.0]).tolist() == [0, 0, 1, 2, 3, 3, 3]


@pytest.mark.parametrize("rows", ["atoms", "structures"])
def test_gradient_of_the_functional_agrees_with_finite_differences(rows: str) -> None:
    rng = np.random.default_rng(4)
    parts = tuple(_state(rows).add(_blocks(5, k)) for k in range(2))
    sizes = np.array([3, 1, 4])
    functional = EntropyFunctional(DatasetState(log_edges([0.5, 3.5], 2), parts), np.array([1, 0, 1]), sizes)
    system = torch.repeat_interleave(torch.arange(3), torch.tensor(sizes))
    q = torch.tensor(rng.normal(size=(8, DIM)))
    h, gradient = functional(q)
    for atom, feature in [(0, 0), (3, 2), (7, 6)]:
        step = torch.zeros_like(q)
        step[atom, feature] = 1e-6
        numeric = (functional(q + step)[0] - functional(q - step)[0]) / 2e-6
        assert gradient[atom, feature].item() == pytest.approx(float(numeric), rel=1e-5, abs=1e-9)
    rows_of = [
        parts[s].row_blocks(q[system == k].numpy(), np.array([len(q[system == k])]))[0] for k, s in enumerate((1, 0, 1))
    ]
    joint = DatasetState(log_edges([0.5, 3.5], 2), parts).add(rows_of, np.array([1, 0, 1]))
    assert float(h) == pytest.approx(joint.h(), abs=1e-10)


@pytest.mark.parametrize("window", [1024, 5])
def test_lazy_greedy_selection_equals_exhaustive_selection(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection_module, "_WINDOW", window)
    blocks = _blocks(60)
    state, left, expected = _state(), list(range(60)), []
    while left:
        best = max(left, key=lambda k: state.gain(blocks[k]))
        expected.append(best)
        left.remove(best)
        state = state.add([blocks[best]])
    selection = greedy(blocks, _state(), only_positive=False)
    assert selection.order.tolist() == expected
    assert selection.state.h() == pytest.approx(state.h(), abs=1e-10)


def test_selection_with_positive_gains_only_raises_entropy_in_every_step() -> None:
    blocks = _blocks(80)
    start = _state().add(_blocks(20, seed=3))
    selection = greedy(blocks, start, only_positive=True)
    assert 0 < len(selection.order) < 80 and (selection.gains > 0).all()
    assert selection.state.h() == pytest.approx(start.h() + selection.gains.sum(), abs=1e-9)
    rest = [blocks[k] for k in set(range(80)) - set(selection.order.tolist())]
    assert (selection.state.gains(rest) <= 0).all()


def test_a_copy_of_what_is_there_gains_less_than_something_new() -> None:
    blocks = _blocks(30)
    state = _state().add(blocks)
    assert state.gain(blocks[0]) < state.gain(blocks[0] + 20)


def test_prefixes_of_the_greedy_order_beat_those_of_random_orders() -> None:
    blocks, strata = _blocks(120), np.arange(120) % 2
    order = d_optimal_order(blocks, strata, _dataset())
    assert sorted(order.tolist()) == list(range(120))
    ordered = prefix_entropies(blocks, strata, _dataset(), order)
    for seed in range(3):
        shuffled = np.random.default_rng(seed).permutation(120)
        random = prefix_entropies(blocks, strata, _dataset(), shuffled)
        assert (ordered[9:100] > random[9:100]).all()
        assert ordered[-1] == pytest.approx(random[-1], abs=1e-9)


@pytest.mark.parametrize("window", [1024, 5])
def test_greedy_choice_per_row_takes_the_largest_gain_of_all(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection_module, "_WINDOW", window)
    blocks = _blocks(60)
    state, left, expected = _state(), list(range(60)), []
    while left:
        best = max(left, key=lambda k: state.gain(blocks[k]) / len(blocks[k]))
        expected.append(best)
        left.remove(best)
        state = state.add([blocks[best]])
    assert greedy(blocks, _state(), only_positive=False, per_row=True).order.tolist() == expected


def test_the_diverse_order_repeats_no_environment_before_its_rest() -> None:
    blocks, strata = _blocks(120), np.arange(120) % 2
    blocks[10] = np.repeat(blocks[10][:1], 4, axis=0)  # a crystal of four equivalent atoms
    blocks[12] = blocks[14] + 0.01  # almost the same structure
    order = diverse_order(blocks, strata, _dataset()).tolist()
    assert sorted(order) == list(range(120))
    assert [strata[k] for k in order[:40]] == [0, 1] * 20, "strata take turns"
    for stratum in (0, 1):
        own = [k for k in order if strata[k] == stratum]
        end = next(k for k in range(len(own)) if own[k:] == sorted(own[k:]))  # what repeats something: as it is given
        assert end > 10 and all(len(blocks[k]) > 2 for k in own[:end])
        y = np.concatenate([blocks[k] for k in own[:end]])
        apart = np.sqrt(np.mean((y[:, None] - y) ** 2, axis=-1))
        assert apart[~np.eye(len(y), dtype=bool)].min() >= DIFFERENT
        assert stratum or (10 not in own[:end] and len({12, 14}.intersection(own[:end])) < 2)


def test_every_prefix_holds_all_strata_in_proportion() -> None:
    merged = interleave([np.arange(30), np.arange(100, 110), np.empty(0, dtype=int)])
    for n in (8, 20, 40):
        assert abs(int((merged[:n] < 100).sum()) - 0.75 * n) <= 1
    assert [k for k in merged if k < 100] == list(range(30))


def test_leverages_are_the_diagonal_of_the_hat_matrix() -> None:
    x = np.concatenate(_blocks(15))
    hat = x @ np.linalg.inv(x.T @ x) @ x.T
    assert np.allclose(leverages(x), np.diag(hat), atol=1e-10)


def test_leverages_of_dependent_features_add_up_to_the_rank() -> None:
    x = np.random.default_rng(0).normal(size=(40, 4))
    x = np.concatenate([x, x[:, :2] + x[:, 2:]], axis=1)
    assert leverages(x).sum() == pytest.approx(4)


def test_leverage_of_a_structure_is_that_of_its_mean_row_or_of_all_its_rows() -> None:
    blocks = _blocks(30)
    means = np.stack([block.mean(axis=0) for block in blocks])
    assert np.allclose(scores(blocks, "energy"), np.diag(means @ np.linalg.pinv(means)))
    x = np.concatenate(blocks)
    diagonal = np.diag(x @ np.linalg.pinv(x))
    parts = np.split(diagonal, np.cumsum([len(block) for block in blocks])[:-1])
    assert np.allclose(scores(blocks, "block"), [part.sum() for part in parts])


def test_leverage_order_prefers_high_leverage() -> None:
    blocks = [*_blocks(50), *[10 * block for block in _blocks(5, seed=2)]]
    order = leverage_order(blocks, np.zeros(55, dtype=int), "block", np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(55))
    assert np.mean(np.argsort(order)[50:]) < 15


@pytest.mark.parametrize("copies", [1, 30])
def test_worth_is_a_share_of_the_information_of_an_average_row_at_any_size_of_the_dataset(copies: int) -> None:
    state = _state(eps=1e-8).add(_blocks(60) * copies)
    row = np.ones((1, DIM))
    leverage = float((row @ np.linalg.solve(state.covariance(), row.T))[0, 0])
    row *= np.sqrt(0.8 * DIM / leverage)  # the average leverage of the rows of a dataset is DIM
    for worth, accepted in ((0.7, 1), (0.9, 0), (1.0, 0)):
        assert len(greedy([row], state, only_positive=True, worth=worth).order) == accepted
