"""The tables that compare a library with the random sample."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from entromax.config.models import CellSettings, CrystalSettings, ElementSettings, LibrarySettings
from entromax.entropy.analysis import Coverage, analyse_library, describe_shapes, project, random_growth
from entromax.entropy.rounds import reference_sample, structure_blocks
from entromax.entropy.strata import DatasetState
from entromax.features import build
from entromax.labels.engines.emt import EmtSettings
from entromax.structures import crystal, read_structures, write_structures

SETTINGS = LibrarySettings(
    source="made",
    cells=CellSettings(atoms=[1, 4]),
    features={"twojmax": 2},
    reference_structures=24,
    rounds=2,
    batches=1,
    structures_per_batch=6,
)
TABLES = {"diversity": "csv", "growth": "csv", "coverage": "npz", "reach": "csv", "shapes": "csv"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Files of a library that is the denser half of its random sample, and of the analysis."""
    folder = tmp_path_factory.mktemp("library")
    names = {"library": "library.extxyz", "random": "random.extxyz", "state": "state.npz", "table": "library.csv"}
    files = {key: folder / name for key, name in names.items()}
    reference_sample(SETTINGS, seed=1, structures=files["random"], state=files["state"])
    half = sorted(read_structures(files["random"]), key=lambda atoms: atoms.get_volume() / len(atoms))[:12]
    write_structures(files["library"], half)
    pd.DataFrame({"round": [1] * 7 + [2] * 4 + [0]}).to_csv(files["table"], index=False)
    files |= {name: folder / "analysis" / f"{name}.{suffix}" for name, suffix in TABLES.items()}
    al = ElementSettings(
        d_nn=2.86,
        volume=[0.5, 1.6],
        ground_state="fcc",
        crystals={"fcc": CrystalSettings(volume=16.5)},
        reference=EmtSettings(),
    )
    analyse_library(**files, settings=SETTINGS, elements={"Al": al})
    return files


def test_tables_hold_both_sets(library: dict) -> None:
    for name in ("diversity", "reach", "shapes"):
        assert list(pd.read_csv(library[name])["set"].unique()) == ["random", "maximised"]
    reach = pd.read_csv(library["reach"])
    assert "Al fcc" in set(reach["crystal"]) and (reach["leverage"] > 0).all()
    shapes = pd.read_csv(library["shapes"]).groupby("set")
    assert shapes.size().to_dict() == {"maximised": 12, "random": 24}
    assert shapes["volume"].max()["maximised"] < shapes["volume"].max()["random"]


def test_growth_is_compared_with_as_many_random_structures_as_the_rounds_before_had(library: dict) -> None:
    growth = pd.read_csv(library["growth"])
    assert growth["structures"].tolist() == [6, 6 + 7]
    assert growth["h_nats"].is_monotonic_increasing
    state, random = DatasetState.load(library["state"]), read_structures(library["random"])
    many = pd.DataFrame({"round": [1] * 100})
    last = random_growth(random, many, state, SETTINGS).iloc[-1]
    blocks, strata = structure_blocks(random, state, build(SETTINGS.features))
    assert last["structures"] == 24
    assert last["h_nats"] == pytest.approx(state.without_data().add(blocks, strata).h())


def test_shipped_library_has_no_growth(library: dict) -> None:
    state, random = DatasetState.load(library["state"]), read_structures(library["random"])
    shipped = SETTINGS.model_copy(update={"source": "shipped"})
    assert random_growth(random, pd.read_csv(library["table"]), state, shipped).empty


def test_coverage_counts_every_atom_and_survives_its_file(library: dict) -> None:
    coverage = Coverage.load(library["coverage"])
    atoms = {name: sum(map(len, read_structures(library[name]))) for name in ("random", "library")}
    assert {name: len(points) for name, points in coverage.sets.items()} == {
        "random": atoms["random"],
        "maximised": atoms["library"],
    }
    assert {"fcc", "bcc"} <= set(coverage.crystals)
    assert 0 < coverage.explained.sum() <= 1
    coverage.save(library["coverage"].with_name("again.npz"))
    again = Coverage.load(library["coverage"].with_name("again.npz"))
    for name, points in coverage.sets.items():
        np.testing.assert_array_equal(again.sets[name], points)


def test_projection_is_that_of_principal_components() -> None:
    rng = np.random.default_rng(1)
    q = rng.normal(size=(500, 4)) * [5.0, 2.0, 0.1, 0.1] + 7.0
    coverage = project({"one": q}, {"first": q[0]})
    singular = np.linalg.svd(q - q.mean(axis=0), compute_uv=False)
    assert coverage.explained == pytest.approx(singular[:2] ** 2 / np.sum(singular**2))
    assert coverage.sets["one"].var(axis=0) == pytest.approx(singular[:2] ** 2 / len(q))
    assert coverage.crystals["first"] == pytest.approx(coverage.sets["one"][0])


def test_shapes_are_those_of_the_crystal() -> None:
    row = describe_shapes([crystal("fcc", "X", 2**-0.5)], "random").iloc[0]
    assert (row["volume"], row["atoms"]) == (pytest.approx(2**-0.5), 1)
    assert row["nearest"] == pytest.approx(1.0)


def test_atoms_without_neighbours_are_as_far_apart_as_is_looked() -> None:
    alone = Atoms("X", cell=[9, 9, 9], pbc=True)
    assert describe_shapes([alone], "random")["nearest"].tolist() == [2.0]
