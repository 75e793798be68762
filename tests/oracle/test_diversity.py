import numpy as np
import pytest
from ase import Atoms
from quests.descriptor import get_descriptors
from quests.entropy import perfect_entropy

from entromax.config.models import CellSettings, LibrarySettings
from entromax.entropy.diversity import BANDWIDTHS, compare_diversity, neighbour_entropy, quests_entropy
from entromax.entropy.rounds import reference_sample
from entromax.entropy.seeding import relaxed_seeds
from entromax.entropy.strata import DatasetState
from entromax.features.bispectrum import BispectrumSettings
from entromax.structures import crystal

SETTINGS = LibrarySettings(
    source="made", features=BispectrumSettings(twojmax=2), cells=CellSettings(atoms=[2, 5]), reference_structures=48
)


@pytest.fixture(scope="module")
def random() -> list[Atoms]:
    return relaxed_seeds(20, SETTINGS.cells, np.random.default_rng(0), 60)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> DatasetState:
    folder = tmp_path_factory.mktemp("reference")
    reference_sample(SETTINGS, seed=0, structures=folder / "r.extxyz", state=folder / "s.npz")
    return DatasetState.load(folder / "s.npz")


def test_quests_entropy_is_that_of_quests_itself_at_one_median_volume_per_atom(random: list[Atoms]) -> None:
    median = np.median(np.concatenate([[atoms.get_volume() / len(atoms)] * len(atoms) for atoms in random]))
    scaled = []
    for atoms in random:
        aluminium = Atoms("Al" * len(atoms), positions=atoms.positions, cell=atoms.cell, pbc=True)
        aluminium.set_cell(aluminium.cell * (16.0 / median) ** (1 / 3), scale_atoms=True)
        scaled.append(aluminium)
    x = get_descriptors(scaled, k=32, cutoff=5.0)
    expected = [perfect_entropy(x, h=h) for h in BANDWIDTHS]
    assert quests_entropy(random) == pytest.approx(expected, abs=1e-6)


def test_quests_entropy_does_not_depend_on_the_unit_of_length_and_is_zero_for_one_environment(
    random: list[Atoms],
) -> None:
    larger = []
    for atoms in random:
        larger.append(atoms.copy())
        larger[-1].set_cell(atoms.cell * 3.1, scale_atoms=True)
    assert quests_entropy(larger) == pytest.approx(quests_entropy(random), abs=1e-3)
    assert quests_entropy([crystal("fcc", "X", 0.7)] * 3) == pytest.approx(np.zeros(4), abs=1e-3)


def test_neighbour_entropy_of_a_gaussian_is_the_known_one() -> None:
    y = np.random.default_rng(0).normal(0, 2.0, (8000, 2))
    exact = np.log(2 * np.pi * np.e * 4.0)  # d/2 ln(2 pi e sigma^2), d = 2
    assert neighbour_entropy([y], np.array([0])) == pytest.approx(exact, abs=0.05)


def test_comparison_is_at_equal_numbers_of_environments_and_ranks_as_it_should(
    random: list[Atoms], state: DatasetState
) -> None:
    poor = []
    for k in range(40):
        atoms = crystal("bcc", "X", 0.77).repeat((2, 1, 1))
        atoms.rattle(0.01, seed=k)
        poor.append(atoms)
    table = compare_diversity({"random": random, "rattled bcc": poor}, state, SETTINGS).set_index("set")
    assert table["n_environments"].nunique() == 1
    for column in ("h_nats", "knn_nats", "quests_0.03_nats", "quests_0.06_nats", "quests_0.1_nats"):
        assert table.loc["random", column] > table.loc["rattled bcc", column], column


def test_empty_set_is_an_error_that_names_it(random: list[Atoms], state: DatasetState) -> None:
    with pytest.raises(ValueError, match="nothing"):
        compare_diversity({"random": random, "nothing": []}, state, SETTINGS)
