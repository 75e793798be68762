"""Optimiser steps never ask the device for anything, and what they give does not depend on when it is asked."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from entromax.config.models import CellSettings, EntropySettings
from entromax.entropy.functional import EntropyFunctional
from entromax.entropy.objective import Objective
from entromax.entropy.optimiser import Climb
from entromax.entropy.rounds import choose_device
from entromax.entropy.seeding import CoreRelaxation, relaxed_seeds
from entromax.entropy.state import EntropyState
from entromax.entropy.strata import DatasetState, log_edges
from entromax.features import Batch, build, environments, find_pairs, fuse, pair_vectors
from entromax.features.bispectrum import BispectrumSettings
from entromax.features.images import image_pairs, smallest_stretch
from entromax.features.power_spectrum import PowerSpectrumSettings
from entromax.features.slots import SlottedNeighbours
from entromax.structures.geometry import reduced_volume
from entromax.structures.random_cells import random_structures
from tests.support.no_transfer import NoTransfer, moved
from tests.unit.test_features_neighbours import CUTOFF, nasty_structures, rows

CELLS = CellSettings(atoms=[1, 6])
META = torch.device("meta")


def climb_of(
    every: int,
    features: BispectrumSettings | PowerSpectrumSettings | None = None,
    *,
    entropy: EntropySettings | None = None,
    dtype: torch.dtype = torch.float64,
    max_pairs: int = 100_000,
    push: float = 0.1,
) -> Climb:
    """A small batch at its start."""
    entropy = entropy or EntropySettings(strata=2)
    rng = np.random.default_rng(3)
    seeds = relaxed_seeds(12, CELLS, rng, 40)
    chosen = build(features or BispectrumSettings(twojmax=4), dtype)
    q = environments(Batch.from_atoms(seeds), chosen).double().numpy()
    sizes = np.array([len(atoms) for atoms in seeds])
    part = EntropyState.from_reference(q, sizes, entropy.eps, entropy.rows, "hash")
    state = DatasetState(log_edges(CELLS.volume, entropy.strata), (part,) * entropy.strata)
    strata = state.stratum([reduced_volume(atoms) for atoms in seeds])
    volume = torch.tensor(np.stack([state.edges[strata], state.edges[strata + 1]], axis=1))
    functional = EntropyFunctional(state, strata, sizes, apart=entropy.apart)
    objective = Objective(CELLS, volume, chosen, functional, max_pairs, every)
    return Climb(Batch.from_atoms(seeds), objective, push)


def without_numbers(step: Callable[[], None], count: int) -> int:
    """Take steps where no number can be asked for; return how many operators they were."""
    with NoTransfer() as watched:
        for _ in range(count):
            step()
    return watched.operators


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"dtype": torch.float32},
        {"max_pairs": 100},
        {"features": PowerSpectrumSettings()},
        {"entropy": EntropySettings(rows="structures", strata=3)},
    ],
)
def test_a_step_asks_the_device_for_nothing(changed: dict[str, object]) -> None:
    climb = moved(climb_of(4, **changed), META)  # type: ignore[arg-type]
    assert climb.batch.positions.device == META
    assert without_numbers(climb.step, 3) > 1000
    assert climb.objective.neighbours.due
    with pytest.raises((RuntimeError, NotImplementedError)):
        without_numbers(climb.step, 1)  # the renewal does


def test_a_step_of_the_core_relaxation_asks_the_device_for_nothing() -> None:
    batch = Batch.from_atoms(random_structures(8, CELLS, np.random.default_rng(1)))
    volume = torch.tensor(CELLS.volume, dtype=torch.float64)
    relaxation = moved(CoreRelaxation(batch, Objective(CELLS, volume, every=4)), META)
    assert without_numbers(relaxation.step, 3) > 300


@pytest.mark.parametrize(
    "asking",
    [
        lambda q: q.sum().item(),
        lambda q: float(q.sum()),
        lambda q: q.tolist(),
        lambda q: q.numpy(),
        lambda q: q.cpu(),
        lambda q: bool((q > 0).all()),
        lambda q: q[q > 0],
        lambda q: torch.nonzero(q),
        lambda q: q.masked_select(q > 0),
        lambda q: torch.bincount(q[:, 0].long()),
        lambda q: torch.repeat_interleave(torch.ones_like(q[:, 0]).long()),
        lambda q: torch.unique(q),
        lambda q: torch.linalg.cholesky(q.T @ q),
        lambda q: torch.linalg.inv(q.T @ q),
        lambda q: torch.linalg.eigh(q.T @ q),
        lambda q: torch.linalg.svdvals(q),
        lambda q: q + torch.ones(q.shape, dtype=q.dtype),
    ],
)
def test_the_guard_notices_what_asks_the_device(asking: Callable[[torch.Tensor], object]) -> None:
    """Put into the functional, in the middle of a step, each of these fails."""
    climb = moved(climb_of(4), META)
    plain = climb.objective.functional

    def nosy(q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        asking(q)
        return plain(q)

    climb.objective.functional = nosy
    with pytest.raises((RuntimeError, NotImplementedError, TypeError)):
        without_numbers(climb.step, 1)
    climb.objective.functional = plain
    without_numbers(climb.step, 1)


def test_rare_renewals_give_the_same_climb() -> None:
    """Where no structure has to wait, when neighbours are renewed changes nothing but the order of sums."""
    often, rarely = climb_of(1, push=0.02), climb_of(3, push=0.02)
    for _ in range(8):
        often.step()
        rarely.step()
    columns = torch.stack(rarely.records)
    assert columns[:, 6].sum() == 0, "nobody has waited"
    assert torch.allclose(torch.stack(often.records), columns, rtol=1e-7, atol=1e-9)
    assert torch.allclose(often.batch.positions, rarely.batch.positions, rtol=0, atol=1e-8)
    assert float(columns[-1, 0]) > float(columns[0, 0]) + 0.5


def test_who_outruns_the_list_waits_and_is_never_counted_as_refused() -> None:
    """With steps larger than the skin structures wait, and after the renewal they go on; none breaks a bound."""
    climb = climb_of(4, push=1.0)
    climb.objective.neighbours.skin = 0.1
    for _ in range(12):
        climb.step()
    waiting = torch.stack(climb.records)[:, 6]
    assert waiting.max() > 3
    assert waiting[[0, 4, 8, 12]].sum() == 0, "right after a renewal nobody waits"
    assert not bool(Objective(CELLS, climb.objective.volume)(climb.batch).violations.any.any())


@pytest.mark.parametrize("every", [1, 3])
def test_slots_hold_the_pairs_of_a_fresh_search_on_a_walk(every: int) -> None:
    """Along a walk of positions, strain and rotation no pair is missing, but in structures that are reported lost."""
    generator = torch.Generator().manual_seed(3)
    batch = Batch.from_atoms(nasty_structures())
    neighbours = SlottedNeighbours(CUTOFF, 0.4, every, 0.0 if every == 1 else 0.2, 10_000)
    positions, cells, lost = batch.positions, batch.cells, 0
    for step in range(24):
        strain = torch.eye(3, dtype=torch.float64) + 0.01 * torch.randn(
            batch.n_systems, 3, 3, dtype=torch.float64, generator=generator
        )
        cells = cells @ strain
        positions = torch.einsum("na,nab->nb", positions, strain[batch.system])
        positions = positions + 0.02 * torch.randn(positions.shape, dtype=torch.float64, generator=generator)
        if step == 12:
            positions = positions + cells[batch.system, 0]
        here = Batch(positions, cells, batch.system)
        slots = neighbours(here)
        lost += int(slots.lost.sum())
        fresh = image_pairs(here, CUTOFF)
        expected = torch.cat([fresh.i[:, None].double(), fresh.vectors(here)], dim=1)
        found = torch.cat([slots.i[:, None].double(), slots.vectors], dim=1)
        expected = expected[torch.linalg.vector_norm(expected[:, 1:], dim=1) < CUTOFF]
        found = found[torch.linalg.vector_norm(found[:, 1:], dim=1) < CUTOFF]
        for table, name in ((expected, "fresh"), (found, "slots")):
            assert len(table), name
        expected, found = (t[~slots.lost[batch.system[t[:, 0].long()]]].numpy() for t in (expected, found))
        order = [np.lexsort(np.round(table, 6).T) for table in (expected, found)]
        assert np.allclose(expected[order[0]], found[order[1]], rtol=0, atol=1e-10)
    assert lost == 0 if every == 1 else lost < 24 * batch.n_systems / 4


def test_pairs_by_images_equal_those_of_the_neighbour_list() -> None:
    """For every nasty cell, the same pairs as vesin, and sorted by the central atom."""
    batch = Batch.from_atoms(nasty_structures())
    pairs = image_pairs(batch, CUTOFF, at_once=1000)
    vectors = pairs.vectors(batch)
    near = torch.linalg.vector_norm(vectors, dim=1) < CUTOFF
    expected = find_pairs(batch, CUTOFF)
    others = pair_vectors(batch.positions, batch.cells, batch.system, expected)
    assert len(rows(expected)) == int(near.sum()) and bool((pairs.i[1:] >= pairs.i[:-1]).all())
    tables = [
        torch.cat([torch.stack([p.i, p.j], 1).double(), v], dim=1).numpy()
        for p, v in ((pairs, vectors), (expected, others))
    ]
    tables[0] = tables[0][near.numpy()]
    first, second = (table[np.lexsort(np.round(table, 6).T)] for table in tables)
    assert np.allclose(first, second, rtol=0, atol=1e-12)


def test_smallest_stretch_is_the_smallest_singular_value() -> None:
    matrices = torch.randn(200, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    matrices[:3] = torch.eye(3, dtype=torch.float64) * torch.tensor([1.0, 0.5, -2.0])[:, None, None]
    assert torch.allclose(smallest_stretch(matrices), torch.linalg.svdvals(matrices)[:, -1], rtol=0, atol=1e-6)


def test_the_log_says_what_was_found_and_chosen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "entromax.entropy")
    if torch.cuda.is_available():
        assert choose_device("auto", 0.5).type == "cuda"
        assert torch.cuda.get_device_name() in caplog.text and "0.5 of it" in caplog.text
    else:
        assert choose_device("auto").type == "cpu"
        assert "device auto: found no GPU that torch can use; chose the CPU" in caplog.text
        with pytest.raises(ValueError, match="set it to auto or cpu"):
            choose_device("cuda")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_compiled_features_equal_plain_ones(dtype: torch.dtype) -> None:
    """Values and gradients, of a number of atoms that leaves one over, after the compiler has been asked once."""
    plain, compiled = (build(BispectrumSettings(twojmax=4), dtype) for _ in range(2))
    assert fuse(compiled)
    batch = Batch.from_atoms(random_structures(40, CELLS, np.random.default_rng(2)))
    chosen = slice(0, 65)
    slots = SlottedNeighbours(CUTOFF, 0.0, 1, 0.0, 10_000)(batch)
    inside = slots.i < chosen.stop
    vectors = [slots.vectors[inside].to(dtype).requires_grad_() for _ in range(2)]
    weights = torch.randn(chosen.stop, plain.dim, dtype=dtype, generator=torch.Generator().manual_seed(1))
    values = [each(v, slots.i[inside], chosen.stop) for each, v in zip((plain, compiled), vectors, strict=True)]
    gradients = [torch.autograd.grad(q, v, weights)[0] for q, v in zip(values, vectors, strict=True)]
    tolerance = 1e-5 if dtype == torch.float32 else 1e-13
    for expected, found in (values, gradients):
        assert float((expected - found).abs().max()) < tolerance * float(expected.abs().max())


def test_without_a_compiler_features_run_as_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ENTROMAX_CACHE", str(tmp_path / "a file" / "cache"))
    (tmp_path / "a file").touch()  # no folder can be made below it
    features = build(BispectrumSettings(twojmax=2))
    assert not fuse(features)
    assert "uncompiled" in caplog.text
    assert environments(Batch.from_atoms(nasty_structures()[:2]), features).isfinite().all()
