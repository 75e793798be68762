"""Active learning chooses what a fit would learn most from, nothing twice, nothing that cannot be trained on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from entromax.active import SelectionSettings, select_structures
from entromax.active.batches import elements_given, take_batch, write_batches
from entromax.active.committee import Bounds, Committee
from entromax.active.information import wanted
from entromax.active.low_energy import lowest_distinct
from entromax.active.search import choose
from entromax.active.selection import interleaved
from entromax.active.uncertain import dynamics_candidates
from entromax.config.models import (
    ActiveSettings,
    CellSettings,
    CrystalSettings,
    DatasetSettings,
    DynamicsSettings,
    ElementSettings,
    LabelNoise,
    LabelSettings,
)
from entromax.dataset.limits import Limits
from entromax.entropy.seeding import relaxed_seeds
from entromax.features.bispectrum import BispectrumSettings
from entromax.labels.engines.emt import EmtSettings
from entromax.potentials import load_potential, train_potential
from entromax.potentials.anchors import short_range_anchors
from entromax.potentials.base import split_free_atom
from entromax.potentials.external import ExternalSettings
from entromax.potentials.linear import ENERGY
from entromax.potentials.posterior import Posterior
from entromax.potentials.snap import SnapSettings
from entromax.potentials.weights import above_labels, expected_errors, heights
from entromax.registry import FAMILIES
from entromax.structures import read_structures, scale_structures, with_sid, write_structures
from entromax.structures.geometry import bare, shortest_distance
from entromax.structures.kinds import ISOLATED
from tests.support.emt_cells import labelled

D_NN = 2.86
AL = ElementSettings(
    d_nn=D_NN,
    volume=[0.5, 1.6],
    ground_state="fcc",
    crystals={"fcc": CrystalSettings(volume=16.0)},
    reference=EmtSettings(),
)
DYNAMICS = DynamicsSettings(temperatures=[1000.0], compressions=[1.0, 0.8], repeats=1, atoms=8, steps=30)
FCC = bulk("Al", "fcc", a=3.994)
UNCERTAIN = {"low_energy": 0, "near_equilibrium": 0, "uncertain": 1}


class Doubtful(Calculator):
    """EMT that doubts an atom the more, the closer its neighbours are."""

    implemented_properties = ("energy", "forces", "energy_std")

    def calculate(
        self, atoms: Atoms | None = None, properties: object = None, system_changes: list[str] = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        copy = self.atoms.copy()
        copy.calc = EMT()
        doubt = len(copy) / shortest_distance(copy, 4.0)
        energy, forces = copy.get_potential_energy(), copy.get_forces()
        self.results = {"energy": energy, "forces": forces, "energy_std": doubt}


COMMITTEE = Committee(Doubtful(), lowest=-0.01, height=2.0)
BOUNDS = Bounds.of(AL, D_NN, LabelSettings(), Limits.of(DatasetSettings(), binding=3.4, volume=16.5))


def greedy_determinant(scores: np.ndarray, places: np.ndarray, n: int) -> list[int]:
    """Return the greedy maximum of the determinant, each one calculated anew."""
    x = (places - places.mean(axis=0)) / places.std(axis=0)
    squares = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    kernel = np.outer(scores, scores) * np.exp(-squares / (2 * x.shape[1]))
    chosen: list[int] = []
    for _ in range(n):
        rest = [k for k in range(len(x)) if k not in chosen]
        chosen.append(max(rest, key=lambda k: np.linalg.slogdet(kernel[np.ix_([*chosen, k], [*chosen, k])])[1]))
    return chosen


def test_choice_is_the_greedy_maximum_of_the_determinant() -> None:
    rng = np.random.default_rng(3)
    scores, places = rng.uniform(0.5, 2.0, 30), rng.normal(size=(30, 4)) * [1, 10, 0.1, 1e3] + 7
    order = choose(scores, places, 8).tolist()
    assert order[0] == np.argmax(scores)
    assert order == greedy_determinant(scores, places, 8)


def test_targets_lie_low_for_their_volume() -> None:
    train = [labelled(bulk("Al", a=a)) for a in (3.6, 4.0, 4.7)]
    energies = np.array([atoms.info["REF_energy"] for atoms in train]) - min(a.info["REF_energy"] for a in train)
    volumes = np.array([atoms.get_volume() for atoms in train])
    found = above_labels(volumes * 1.02, energies + np.array([0.1, 0.2, 0.3]), train)
    assert found == pytest.approx([0.1, 0.2, 0.3]) and energies[0] > 0.1
    assert above_labels(np.array([90.0]), np.array([2.0]), train) == pytest.approx([2.0])  # no label of like volume
    assert wanted(np.array([*np.linspace(0, 0.9, 30), 1.1, 5])).sum() == 30
    assert wanted(np.linspace(2, 40, 30)).sum() == 20


def test_posterior_of_a_fit_is_that_of_bayesian_regression(campaign: Path) -> None:
    _, train = split_free_atom(read_structures(campaign / "train.extxyz"))
    others = read_structures(campaign / "shard_1.extxyz")[18:30]
    posterior = Posterior.load(campaign / "potential", train)
    card = json.loads((campaign / "potential/potential.json").read_text())
    design = FAMILIES["snap"].design(campaign / "potential", SnapSettings(twojmax=2))
    anchors = short_range_anchors(train, "Al", D_NN, 1)
    rows = [design.rows(atoms)[0] for atoms in train]
    errors = expected_errors(heights(train), SnapSettings().errors, SnapSettings().height, LabelNoise())
    whole = np.concatenate(
        [
            part / np.repeat(error, [1, 3 * len(atoms), 6])[:, None]
            for part, error, atoms in zip(rows, errors, train, strict=True)
        ]
        + [design.energy(anchor.atoms)[0][None] / anchor.error for anchor in anchors]
    )
    scale = design.scale(np.sqrt(np.mean([part[0] ** 2 for part in rows], axis=0)))
    precision = whole.T @ whole + card["facts"]["ridge"] * np.diag(scale**2)
    predictions = np.concatenate([design.rows(labelled(atoms))[0] for atoms in others])
    covariance = predictions @ np.linalg.inv(precision) @ predictions.T
    found, owners, kinds = posterior.rows([bare(atoms) for atoms in others])
    assert found @ found.T == pytest.approx(covariance, rel=1e-5, abs=1e-8 * np.abs(covariance).max())
    assert np.bincount(owners).tolist() == [7 + 3 * len(atoms) for atoms in others]
    expected = covariance[np.ix_(kinds == ENERGY, kinds == ENERGY)]
    drawn = [load_potential(campaign / "potential").get_property("energy_std", atoms) / len(atoms) for atoms in others]
    scale = card["facts"]["calibration"]["energy"]["scale"]  # the bars are 32 draws of the same posterior
    assert np.array(drawn) / scale == pytest.approx(np.sqrt(np.diag(expected)), rel=0.5)


def test_twin_of_a_chosen_structure_waits_for_less_uncertain_ones() -> None:
    rng = np.random.default_rng(1)
    places = rng.normal(size=(12, 3))
    places[1] = places[0] + 1e-3
    scores = np.array([2.0, 1.9, *np.linspace(1.0, 0.5, 10)])
    order = choose(scores, places, 12).tolist()
    assert order[0] == 0 and order[1] != 1 and order[-1] == 1
    assert sorted(order) == list(range(12))
    assert sorted(choose(np.ones(5), np.zeros((5, 3)), 9).tolist()) == list(range(5))  # all the same: all the same


def test_supercell_scores_as_its_primitive_cell_and_high_energies_count_less() -> None:
    one, many = (COMMITTEE.opinion(atoms) for atoms in (FCC, FCC.repeat(2)))
    assert many.score == pytest.approx(one.score) and one.score == pytest.approx(one.bar, rel=0.01)
    dense = FCC.copy()
    dense.set_cell(FCC.cell * 0.8, scale_atoms=True)
    opinion = COMMITTEE.opinion(dense)
    assert opinion.energy > 0.5 and opinion.bar == pytest.approx(one.bar / 0.8)
    assert opinion.score == pytest.approx(opinion.bar / np.hypot(1, opinion.energy / 2))


@pytest.mark.parametrize(
    ("factor", "bounds", "word"),
    [
        (1.0, {}, ""),
        (0.5, {}, "closer than min_distance"),
        (1.5, {}, "volume outside"),
        (0.95, {"energy": 0.01}, "dataset.max_energy"),
        (1.0, {"force": 0.01}, "force"),
    ],
)
def test_what_could_not_be_trained_on_is_no_candidate(factor: float, bounds: dict[str, float], word: str) -> None:
    atoms = FCC.repeat(2)
    atoms.rattle(0.05, seed=1)
    atoms.set_cell(atoms.cell * factor, scale_atoms=True)
    tight = Bounds(**{**vars(BOUNDS), **bounds})
    reason = tight.broken(atoms, COMMITTEE.opinion(atoms))
    assert word in reason and bool(reason) == bool(word)


def test_each_run_offers_its_least_known_state_inside_the_bounds() -> None:
    found, rows = dynamics_candidates(FCC, COMMITTEE, BOUNDS, DYNAMICS, seed=1)
    assert len(rows) == 3 and {row["state"] for row in rows} == {"conserved", "physical"}
    assert [candidate.found.split()[0] for candidate in found] == ["nve", "hot", "hot"]
    for candidate in found:
        atoms = candidate.atoms
        assert atoms.info["sid"] == with_sid(atoms).info["sid"] and atoms.info["config_type"] == "active"
        assert not BOUNDS.broken(atoms, COMMITTEE.opinion(atoms))
    # The closest pair is what this committee doubts: the state on offer is not the first that came.
    assert all(shortest_distance(candidate.atoms, 4.0) < 2.75 for candidate in found)
    close = Bounds(**{**vars(BOUNDS), "distance": 2.75})
    kept, _ = dynamics_candidates(FCC, COMMITTEE, close, DYNAMICS, seed=1)
    assert all(shortest_distance(candidate.atoms, 4.0) >= 2.75 for candidate in kept)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library, labels of its first structures by EMT, and a SNAP fitted to them."""
    folder = tmp_path_factory.mktemp("active")
    cells = CellSettings(atoms=[1, 3], volume=[0.5, 1.6])
    seeds = relaxed_seeds(40, cells, np.random.default_rng(2), 40)
    write_structures(folder / "library.extxyz", [with_sid(atoms) for atoms in seeds])
    scale = {"element": "Al", "d_nn": D_NN, "volume": AL.volume}
    scale_structures(folder / "library.extxyz", folder, n=40, shard_size=40, **scale)
    everything = read_structures(folder / "shard_1.extxyz")
    free = with_sid(Atoms("Al", cell=[12.0] * 3, pbc=True))
    free.info["config_type"] = ISOLATED
    crystal = FCC.copy()
    crystal.info["config_type"] = "fcc"
    write_structures(folder / "train.extxyz", [labelled(atoms) for atoms in [free, *everything[:18]]])
    write_structures(folder / "validation.extxyz", [labelled(atoms) for atoms in everything[18:20]])
    write_structures(folder / "reference.extxyz", [labelled(crystal)])
    # One beyond the first 20 was tried before and failed.
    tried = pd.DataFrame({"sid": [atoms.info["sid"] for atoms in [*everything[:20], everything[22]]]})
    tried.to_parquet(folder / "manifest.parquet")
    train_potential(
        folder / "train.extxyz",
        folder / "validation.extxyz",
        potential=folder / "potential",
        element="Al",
        d_nn=D_NN,
        settings=SnapSettings(twojmax=2),
        seed=1,
    )
    return folder


def read_batch(output: Path) -> list[Atoms]:
    return [atoms for k in (1, 2) for atoms in read_structures(output / f"structures/shard_{k}.extxyz")]


def select(campaign: Path, output: Path, min_distance: float = 0.6, **active: object) -> pd.DataFrame:
    names = ("train.extxyz", "manifest.parquet", "reference.extxyz", "library.extxyz", "potential")
    settings = SelectionSettings(
        element=AL,
        features=BispectrumSettings(twojmax=4),
        labels=LabelSettings(structures=20, shard_size=3, min_distance=min_distance),
        dataset=DatasetSettings(),
        active=ActiveSettings(**{"structures": 5, "dynamics": DYNAMICS, "shares": UNCERTAIN, **active}),
        seed=1,
    )
    return select_structures(
        **{Path(name).stem: campaign / name for name in names},
        symbol="Al",
        settings=settings,
        iteration=1,
        shards=output / "structures",
        candidates=output / "candidates.csv",
        runs=output / "runs.csv",
    )


def test_batch_holds_unlabelled_structures_of_library_and_dynamics(campaign: Path, tmp_path: Path) -> None:
    table = select(campaign, tmp_path)
    everything = [atoms.info["sid"] for atoms in read_structures(campaign / "shard_1.extxyz")]
    tried = set(pd.read_parquet(campaign / "manifest.parquet")["sid"])
    library = table[table["origin"] == "library"]
    assert set(library["sid"]) == set(everything) - tried  # scaled like those that were labelled, to the bit
    assert 1 <= (table["origin"] == "dynamics").sum() <= 3
    shards = [read_structures(tmp_path / f"structures/shard_{k}.extxyz") for k in (1, 2)]
    assert [len(shard) for shard in shards] == [3, 2]
    written = [atoms.info["sid"] for shard in shards for atoms in shard]
    chosen = table[table["rank"].notna()].sort_values("rank")
    assert written == chosen["sid"].tolist() and not set(written) & tried
    assert all(atoms.info["config_type"] == "active" for shard in shards for atoms in shard)


def test_candidates_are_as_many_as_the_settings_say(campaign: Path, tmp_path: Path) -> None:
    table = select(campaign, tmp_path, candidates=4, dynamics=None)
    everything = [atoms.info["sid"] for atoms in read_structures(campaign / "shard_1.extxyz")]
    assert table["sid"].tolist() == [everything[k] for k in (20, 21, 23, 24)]
    assert pd.read_csv(tmp_path / "runs.csv").empty


def test_without_any_candidate_the_message_says_what_to_do(campaign: Path, tmp_path: Path) -> None:
    cold = DynamicsSettings(temperatures=[1.0], compressions=[1.0], atoms=1, steps=10)
    with pytest.raises(ValueError, match="larger library"):  # the crystal itself is closer than min_distance
        select(campaign, tmp_path, min_distance=1.0, candidates=0, dynamics=cold)


def test_low_energy_structures_are_relaxed_library_cells_low_and_unlike(campaign: Path, tmp_path: Path) -> None:
    table = select(campaign, tmp_path, shares={"low_energy": 1, "near_equilibrium": 0}, relaxation_steps=20)
    unrelaxed = select(campaign, tmp_path / "other")
    start = unrelaxed[unrelaxed["origin"] == "library"].set_index("library_sid")["energy"]
    end = table.set_index("library_sid")["energy"]
    assert (end <= start[end.index] + 1e-6).mean() > 0.8 and end.median() < start.median() - 0.1
    chosen = table[table["rank"].notna()].sort_values("rank")
    batch = read_batch(tmp_path)
    assert [atoms.info["sid"] for atoms in batch] == chosen["sid"].tolist() and 1 <= len(batch) <= 5
    usable = table[table["excluded"] == ""]
    assert chosen["energy"].iloc[0] == usable["energy"].min() and chosen["energy"].mean() < usable["energy"].mean()
    assert {atoms.info["config_type"] for atoms in batch} == {"low_energy"}
    assert all(with_sid(atoms).info["sid"] == atoms.info["sid"] for atoms in batch)


def test_structures_near_equilibrium_are_small_distortions_of_the_lowest_labels(campaign: Path, tmp_path: Path) -> None:
    select(campaign, tmp_path, shares={"low_energy": 0, "near_equilibrium": 1}, atoms=3)
    batch = read_batch(tmp_path)
    assert len(batch) == 5 and all(len(atoms) <= 3 for atoms in batch)
    assert {atoms.info["config_type"] for atoms in batch} == {"near_equilibrium"}
    energies = [labelled(atoms).info["REF_energy"] / len(atoms) for atoms in [*batch, FCC]]
    assert max(energies) - energies[-1] < 1.0  # EMT: all lie low, as their crystals do


def test_vacancies_are_the_lowest_crystal_less_one_atom(campaign: Path, tmp_path: Path) -> None:
    shares = {"low_energy": 0, "near_equilibrium": 1}
    table = select(campaign, tmp_path, shares=shares, atoms=3, vacancies=2)
    assert table[table["rank"].notna()].sort_values("rank")["origin"].tolist() == 3 * ["distorted"] + 2 * ["vacancy"]
    vacancies = read_batch(tmp_path)[3:]
    assert [len(atoms) for atoms in vacancies] == [7, 7]
    for atoms in vacancies:  # EMT: a vacancy of aluminium, in this small cell under strain
        assert atoms.get_volume() / 8 == pytest.approx(FCC.get_volume(), rel=0.3)
        assert 0.2 < labelled(atoms).info["REF_energy"] - 7 * labelled(FCC).info["REF_energy"] < 3
    select(campaign, tmp_path / "all", shares=shares, vacancies=5)
    assert {len(atoms) for atoms in read_batch(tmp_path / "all")} == {7}


def test_a_batch_has_its_shares_and_all_pools_stand_in_its_first_part(campaign: Path, tmp_path: Path) -> None:
    shares = {"low_energy": 0.4, "near_equilibrium": 0.4, "uncertain": 0.2}
    select(campaign, tmp_path, shares=shares, relaxation_steps=5)
    kinds = [atoms.info["config_type"] for atoms in read_batch(tmp_path)]
    assert sorted(kinds) == ["active", "low_energy", "low_energy", "near_equilibrium", "near_equilibrium"]
    assert set(kinds[:3]) == {"active", "low_energy", "near_equilibrium"}
    pools = [[with_sid(bulk("Al", a=4 + 0.1 * k + 0.01 * pool)) for k in range(n)] for pool, n in enumerate((4, 2))]
    assert len(interleaved([*pools, pools[0]])) == 6  # none twice


def test_lowest_distinct_takes_no_twin_and_nothing_that_is_there() -> None:
    places = np.array([[0.0, 0], [0.001, 0], [1, 1], [2, 0], [5, 5]])
    energies = np.array([0.2, 0.1, 0.0, 0.3, 0.4])
    assert lowest_distinct(energies, places, np.array([[1.0, 1.001]]), 3).tolist() == [1, 3, 4]
    assert lowest_distinct(energies, places, np.empty((0, 2)), 2).tolist() == [2, 1]
    assert lowest_distinct(energies[:0], np.empty((0, 0)), np.empty((0, 0)), 2).tolist() == []


def test_batches_that_were_chosen_before_come_back_as_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = {n: [with_sid(bulk("Al", a=4 + 0.1 * k + 0.01 * n)) for k in range(3)] for n in (1, 2)}
    path = write_batches(tmp_path / "batches", "Al", made)
    taken = take_batch(path, iteration=2, structures=5, shard_size=3, shards=tmp_path / "structures")
    assert read_batch(tmp_path) == taken and [atoms.info for atoms in taken] == [atoms.info for atoms in made[2]]
    assert [with_sid(atoms).info["sid"] for atoms in taken] == [atoms.info["sid"] for atoms in made[2]]
    assert elements_given(path.parent, ["Be", "Al"]) == ["Al"] and elements_given(None, ["Al"]) == []
    with caplog.at_level("WARNING"):
        assert take_batch(path, iteration=3, structures=5, shard_size=3, shards=tmp_path / "structures") == []
    assert "Al.extxyz has batches 1, 2: batch 3 is empty" in caplog.text and read_batch(tmp_path) == []
    path.write_text("")
    with pytest.raises(ValueError, match=r"Al\.extxyz: has no batches; remove it"):
        take_batch(path, iteration=1, structures=5, shard_size=3, shards=tmp_path / "structures")


def test_a_potential_without_weights_and_error_bars_can_search_for_low_energies(campaign: Path, tmp_path: Path) -> None:
    train_potential(
        campaign / "train.extxyz",
        campaign / "validation.extxyz",
        potential=tmp_path / "potential",
        element="Al",
        d_nn=D_NN,
        settings=ExternalSettings(calculator="ase.calculators.emt:EMT"),
        seed=1,
    )
    committee = Committee.load(tmp_path / "potential", campaign / "train.extxyz")
    opinion = committee.opinion(FCC)
    assert np.isnan(opinion.score) and np.isinf(committee.height)
    assert BOUNDS.broken(FCC, opinion) == ""
