"""The conventional set is what it says it is, for close-packed and for open elements."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from entromax.config import load_campaign
from entromax.config.models import CampaignSettings, ElementSettings
from entromax.structures import content_hash, conventional_structures, crystal, make_conventional, read_structures
from entromax.structures.conventional import CLOSEST, RECIPE, VACUUM, vibrate

ELEMENTS = Path(__file__).parents[2] / "config/elements"


def settings(element: str) -> ElementSettings:
    merged = load_campaign({"elements": [element]}, origin="test", element_dirs=[ELEMENTS])
    return CampaignSettings.model_validate(merged).elements[element]


@pytest.fixture(scope="module", params=["Al", "C", "Te"])
def made(request: pytest.FixtureRequest) -> tuple[ElementSettings, list[Atoms]]:
    element = settings(request.param)
    return element, conventional_structures(request.param, element, n=20, atoms=6, seed=3)


def test_every_structure_is_labelled_by_its_own_hash_and_no_two_are_alike(
    made: tuple[ElementSettings, list[Atoms]],
) -> None:
    _, structures = made
    assert [atoms.info["sid"] for atoms in structures] == [content_hash(atoms) for atoms in structures]
    assert len({atoms.info["sid"] for atoms in structures}) == len(structures)


def test_no_pair_is_close_and_no_cell_large(made: tuple[ElementSettings, list[Atoms]]) -> None:
    element, structures = made
    for atoms in structures:
        assert len(neighbor_list("d", atoms, 0.999 * CLOSEST * element.d_nn)) == 0
        assert 1 <= len(atoms) <= 6
        assert atoms.pbc.all()


def test_kinds_come_in_the_order_of_the_recipe(made: tuple[ElementSettings, list[Atoms]]) -> None:
    _, structures = made
    assert [atoms.info["config_type"] for atoms in structures] == list(RECIPE) * 2


def test_slabs_have_a_vacuum_and_vacancies_a_hole(made: tuple[ElementSettings, list[Atoms]]) -> None:
    element, structures = made
    perfect = element.crystals[element.ground_state].volume
    for atoms in structures:
        volume = atoms.get_volume() / len(atoms)
        if atoms.info["config_type"] == "surface":
            heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
            projected = atoms.positions @ np.linalg.inv(atoms.cell.array)
            gaps = [np.diff(np.sort(np.r_[column, column.min() + 1])).max() for column in projected.T % 1.0]
            assert (np.array(gaps) * heights).max() > VACUUM * element.d_nn
        if atoms.info["config_type"] == "vacancy":
            assert volume > 1.1 * perfect


def test_more_structures_leave_the_first_ones_as_they_were(tmp_path: Path) -> None:
    aluminium = settings("Al")
    few = conventional_structures("Al", aluminium, n=5, atoms=6, seed=3)
    shards = [tmp_path / f"shard_{k}.extxyz" for k in (1, 2)]
    make_conventional(tmp_path, element="Al", settings=aluminium, n=8, atoms=6, shard_size=5, seed=3)
    assert [atoms.info["sid"] for atoms in read_structures(shards[0])] == [atoms.info["sid"] for atoms in few]
    assert len(read_structures(shards[1])) == 3
    other = conventional_structures("Al", aluminium, n=5, atoms=6, seed=4)
    assert not {atoms.info["sid"] for atoms in few} & {atoms.info["sid"] for atoms in other}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fcc", "graphite"])
def test_vibrations_have_the_amplitude_asked_for_and_leave_the_centre_of_mass(name: str) -> None:
    cell = crystal(name, "Al", 16.0) * (2, 2, 1)
    moved = np.array([vibrate(cell, 0.3, np.random.default_rng(k)).positions - cell.positions for k in range(400)])
    assert np.sqrt((moved**2).sum(axis=2).mean()) == pytest.approx(0.3, rel=0.05)
    np.testing.assert_allclose(moved.mean(axis=1), 0, atol=1e-7)


@pytest.mark.slow
def test_neighbours_vibrate_together() -> None:
    """Stiff bonds: the distance of neighbours varies less than that of atoms moving on their own would."""
    chain = crystal("diamond", "Al", 16.0) * (2, 1, 1)
    moved = np.array([vibrate(chain, 0.2, np.random.default_rng(k)).positions - chain.positions for k in range(400)])
    i, j, bond = neighbor_list("ijD", chain, 2.5)
    stretch = np.einsum("skx,kx->sk", moved[:, j] - moved[:, i], bond / np.linalg.norm(bond, axis=1)[:, None])
    independent = np.sqrt(2 / 3) * 0.2
    assert stretch.std() < 0.75 * independent
