"""Perfect crystals compete for places in a library; a crystal is one crystal, whatever its cell."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import make_supercell

from entromax.config.elements import CRYSTALS
from entromax.config.models import CellSettings, EntropySettings, LibrarySettings
from entromax.entropy.crystals import APART, add_crystals
from entromax.entropy.ordering import proportional_order
from entromax.entropy.reach import measure_reach
from entromax.entropy.rounds import reference_sample, structure_blocks
from entromax.entropy.selection import distinct, greedy
from entromax.entropy.strata import DatasetState
from entromax.features import build
from entromax.features.bispectrum import BispectrumSettings
from entromax.structures import crystal, read_structures
from entromax.structures.constraints import allowed

SETTINGS = LibrarySettings(
    source="made",
    features=BispectrumSettings(twojmax=4),
    cells=CellSettings(atoms=[1, 4]),
    entropy=EntropySettings(strata=2),
    reference_structures=64,
    crystals=60,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crystals")
    state = folder / "state_0.npz"
    reference_sample(SETTINGS, seed=1, structures=folder / "random.extxyz", state=state)
    start = DatasetState.load(state)
    random = read_structures(folder / "random.extxyz")
    start.add(*structure_blocks(random, start, build(SETTINGS.features))).save(folder / "state_1.npz")
    add_crystals(
        SETTINGS,
        state=folder / "state_1.npz",
        seed=1,
        structures=folder / "crystals.extxyz",
        new_state=folder / "state_2.npz",
        summary=folder / "crystals.json",
    )
    return folder


def test_all_kinds_find_places_and_keep_the_bounds(folder: Path) -> None:
    crystals = read_structures(folder / "crystals.extxyz")
    summary = json.loads((folder / "crystals.json").read_text())
    assert all(allowed(crystals, SETTINGS.cells))
    assert all(summary["kinds"][kind] for kind in (*CRYSTALS, "perfect"))
    assert summary["accepted"] == len(crystals) == sum(summary["kinds"].values()) < summary["candidates"]


def test_no_crystal_is_there_twice(folder: Path) -> None:
    crystals = read_structures(folder / "crystals.extxyz")
    blocks, strata = structure_blocks(crystals, DatasetState.load(folder / "state_0.npz"), build(SETTINGS.features))
    assert len(distinct(blocks, strata, APART)) == len(crystals)


def test_the_state_is_that_of_random_cells_and_crystals(folder: Path) -> None:
    empty, end = DatasetState.load(folder / "state_0.npz"), DatasetState.load(folder / "state_2.npz")
    both = [a for name in ("random", "crystals") for a in read_structures(folder / f"{name}.extxyz")]
    assert end.structures == len(both)
    assert end.h() == pytest.approx(empty.add(*structure_blocks(both, empty, build(SETTINGS.features))).h(), abs=1e-8)


def test_ground_states_come_within_reach(folder: Path) -> None:
    names = {"fcc": 0.707, "bcc": 0.77, "hcp": 0.707, "diamond": 1.54, "graphite": 3.07, "A7": 1.29, "A8": 1.5}
    crystals = [crystal(name, "X", volume) for name, volume in names.items()]
    for atoms, name in zip(crystals, names, strict=True):
        atoms.info["name"] = name
    state = DatasetState.load(folder / "state_0.npz")
    random, made = (read_structures(folder / f"{name}.extxyz") for name in ("random", "crystals"))
    before, after = (measure_reach(crystals, own, state, SETTINGS) for own in (random, random + made))
    assert after["nearest"].max() < 0.5 < before["nearest"].max()
    assert after["leverage"].max() < 0.5 * before["leverage"].max()


def test_other_cells_of_a_crystal_are_the_same_crystal_and_another_volume_is_not(folder: Path) -> None:
    fcc = crystal("fcc", "X", 0.75)
    skewed = make_supercell(fcc, [[2, 1, 0], [0, 1, 1], [1, 0, 1]])
    turned = fcc.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    others: list[Atoms] = [crystal("fcc", "X", 0.76), crystal("bcc", "X", 0.75)]
    structures = [fcc, skewed, turned, *others]
    blocks, strata = structure_blocks(structures, DatasetState.load(folder / "state_0.npz"), build(SETTINGS.features))
    assert distinct(blocks, strata, 1e-6).tolist() == [0, 3, 4]


def test_a_structure_may_have_a_worth_of_its_own(folder: Path) -> None:
    state = DatasetState.load(folder / "state_1.npz")
    crystals = read_structures(folder / "crystals.extxyz")
    blocks, strata = structure_blocks(crystals, state, build(SETTINGS.features))
    own = [block for block, k in zip(blocks, strata, strict=True) if k == 0]
    worth = np.full(len(own), 0.1)
    plain = greedy(own, state.parts[0], only_positive=True, worth=0.1)
    assert greedy(own, state.parts[0], only_positive=True, worth=worth).order.tolist() == plain.order.tolist()
    worth[plain.order[0]] = 1e9
    assert plain.order[0] not in greedy(own, state.parts[0], only_positive=True, worth=worth).order


def test_every_prefix_holds_every_group_in_proportion_and_no_group_moves_another() -> None:
    groups = np.repeat([0, 3, 5], [300, 60, 40])
    order = proportional_order(groups, 1)
    assert sorted(order) == list(range(400))
    for n in (50, 100, 200):
        assert np.bincount(groups[order[:n]], minlength=6)[[0, 3, 5]] == pytest.approx(
            np.array([0.75, 0.15, 0.1]) * n, abs=1
        )
    alone = proportional_order(groups[:360], 1)
    assert order[order < 360].tolist() == alone.tolist()
    assert any(a > b for a, b in pairwise(order[groups[order] == 0]))
