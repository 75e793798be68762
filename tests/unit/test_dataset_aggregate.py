"""Every structure has one role, nothing disappears, and the rules are those of the settings."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from entromax.config.models import DatasetSettings
from entromax.dataset import aggregate_dataset
from entromax.dataset.aggregate import ROLES, TooManyFailuresError, read_ledger
from entromax.labels.engines.base import Label
from entromax.labels.ledger import COLUMNS, write_outputs
from entromax.labels.record import Record, new_record
from entromax.structures import read_structures, with_sid
from entromax.structures.kinds import ACTIVE, ISOLATED

GPA = 1 / 160.21766208


def record(
    number: int,
    energy: float = -3.0,
    force: float = 0.5,
    pressure: float = 0.0,
    state: str = "converged",
    config_type: str = "library",
    **values: str,
) -> Record:
    """One record of two atoms; energy in eV/atom, pressure in GPa."""
    atoms = with_sid(Atoms("Al2", positions=[[0, 0, 0], [0, 0, 2.5 + 1e-3 * number]], cell=[4, 4, 5], pbc=True))
    if config_type == ISOLATED:
        atoms = with_sid(Atoms("Al", cell=[10, 10, 10], pbc=True))
        force = 0.0
    atoms.info |= {"element": "Al", "library_sid": f"lib{number}", "config_type": config_type}
    forces = np.zeros((len(atoms), 3))
    forces[0, 0], forces[-1, 0] = force, -force if len(atoms) > 1 else 0.0
    stress = np.array([-pressure * GPA] * 3 + [0.0] * 3)
    label = Label(energy * len(atoms), forces, stress) if state == "converged" else None
    return new_record(atoms, values.pop("settings", "f00"), "emt 1", state, label=label, **values)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., pd.DataFrame]:
    def run(
        *shards: list[Record],
        references: list[Record] | None = None,
        settings: DatasetSettings | None = None,
        seed: int = 0,
        allowed: float = 0.2,
    ) -> pd.DataFrame:
        if references is None:
            references = [record(0, -0.3, config_type=ISOLATED), record(900, -3.5, config_type="fcc")]
        for number, shard in enumerate(shards):
            write_outputs(shard, tmp_path / f"l{number}.extxyz", tmp_path / f"l{number}.parquet")
        write_outputs(references, tmp_path / "r.extxyz", tmp_path / "r.parquet")
        outputs = {name: tmp_path / f"{name}.extxyz" for name in ("train", "validation", "test")}
        return aggregate_dataset(
            [tmp_path / f"l{number}.extxyz" for number in range(len(shards))],
            [tmp_path / f"l{number}.parquet" for number in range(len(shards))],
            reference_labels=tmp_path / "r.extxyz",
            reference_ledger=tmp_path / "r.parquet",
            settings=settings or DatasetSettings(),
            max_failed_fraction=allowed,
            seed=seed,
            manifest=tmp_path / "manifest.parquet",
            summary=tmp_path / "summary.json",
            **outputs,
        )

    return run


def sids(path: Path) -> list[str]:
    return [atoms.info["sid"] for atoms in read_structures(path)]


def test_every_structure_has_one_role_and_the_files_agree_with_the_manifest(
    run: Callable[..., pd.DataFrame], tmp_path: Path
) -> None:
    shards = [[record(n) for n in range(20)], [record(n) for n in range(20, 29)] + [record(29, state="crashed")]]
    table = run(*shards)
    assert len(table) == 32 and set(table["role"]) <= set(ROLES)
    written = pd.read_parquet(tmp_path / "manifest.parquet")
    for role in ("train", "validation", "test"):
        assert sorted(sids(tmp_path / f"{role}.extxyz")) == sorted(written.loc[written["role"] == role, "sid"])
    assert (table["role"] == "test").sum() == 6 and (table["role"] == "validation").sum() == 3  # of 29
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["roles"] == {role: int((table["role"] == role).sum()) for role in ROLES}
    assert summary["states"] == {"converged": 31, "crashed": 1}


def test_the_free_atom_is_trained_on_and_the_crystals_are_not(run: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    table = run([record(n) for n in range(10)])
    roles = table.set_index("config_type")["role"]
    assert roles[ISOLATED] == "train" and roles["fcc"] == "reference"
    types = [atoms.info["config_type"] for atoms in read_structures(tmp_path / "train.extxyz")]
    assert types[0] == ISOLATED and set(types[1:]) == {"library"}


def test_split_depends_on_the_seed_and_not_on_the_shards(run: Callable[..., pd.DataFrame]) -> None:
    records = [record(n) for n in range(30)]

    def roles(*shards: list[Record], seed: int) -> pd.Series:
        return run(*shards, seed=seed).set_index("sid")["role"].sort_index()

    first = roles(records, seed=1)
    assert first.equals(roles(records[17:], records[:17], seed=1))
    assert not first.equals(roles(records, seed=2))


def test_active_learning_adds_to_the_training_set_and_moves_nothing_else(run: Callable[..., pd.DataFrame]) -> None:
    shard = [record(n) for n in range(20)] + [record(20, energy=15.5)]  # 19.0 above the lowest, 19.2 are allowed
    active = [record(40 + n, energy=-9.0 if n else 40.0, config_type=ACTIVE) for n in range(6)]
    before = run(shard).set_index("sid")["role"]
    after = run(shard, active).set_index("sid")
    assert after.loc[before.index, "role"].equals(before) and set(before) >= {"train", "validation", "test"}
    chosen = after[after["config_type"] == ACTIVE]
    assert chosen["role"].tolist() == ["outlier"] + 5 * ["train"]
    # Enlarged labels may reach what was chosen before: then it is one of the library, once.
    again = run([*shard, record(43)], active).set_index("library_sid").loc["lib43"]
    assert again["role"].tolist()[1] == "duplicate" and again["config_type"].tolist() == ["library", ACTIVE]


def test_each_outlier_is_listed_with_the_rule_that_it_breaks(run: Callable[..., pd.DataFrame]) -> None:
    shard = [record(n) for n in range(10)]
    shard += [record(20, energy=17.0), record(21, force=60.0), record(22, pressure=-310.0), record(23, force=46.0)]
    shard += [record(24, energy=30.0, force=60.0), record(25, changed_physics="wide: 3x the width")]
    table = run(shard).set_index("library_sid")
    outliers = table[table["role"] == "outlier"]["rule"]
    assert set(outliers.index) == {"lib20", "lib21", "lib22", "lib24", "lib25"}
    # The fcc reference is the lowest: bound by 3.2 eV in 40 Å^3.
    assert outliers["lib20"] == "max_energy: 20.5 eV/atom above the lowest, the limit is 19.2"
    assert outliers["lib21"] == "max_force: 60.0 eV/Å, the limit is 46.8"
    assert outliers["lib22"] == "max_pressure: -310.0 GPa, the limit is 192.3"
    assert "max_energy" in outliers["lib24"] and "max_force" in outliers["lib24"]
    assert outliers["lib25"] == "changed_physics: wide: 3x the width"


def test_what_is_not_bound_is_refused(run: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(ValueError, match=r"lies 1\.00 eV below the lowest structure: nothing is bound"):
        run([record(n) for n in range(10)], references=[record(0, -4.5, config_type=ISOLATED), record(9, -3.5)])


def test_duplicates_are_used_once(run: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    records = [record(n) for n in range(10)]
    table = run(records, records[:4])
    assert (table["role"] == "duplicate").sum() == 4
    used = [sid for role in ("train", "validation", "test") for sid in sids(tmp_path / f"{role}.extxyz")]
    assert len(used) == len(set(used)) == 11


def test_energies_are_relative_to_the_free_atom_and_to_the_lowest(run: Callable[..., pd.DataFrame]) -> None:
    table = run([record(n, energy=-3.0) for n in range(10)]).set_index("library_sid")
    assert table.loc["lib3", "energy_above_atom"] == pytest.approx(-2.7)
    assert table.loc["lib3", "energy_above_lowest"] == pytest.approx(0.5)


@pytest.mark.parametrize("failed", [2, 3])
def test_quorum_stops_above_the_allowed_fraction_and_not_at_it(run: Callable[..., pd.DataFrame], failed: int) -> None:
    shard = [record(n) for n in range(10 - failed)]
    shard += [record(50 + n, state="timeout", reason="not finished after 60 s") for n in range(failed)]
    if failed == 2:
        assert (run(shard)["role"] == "failed").sum() == 2
        return
    with pytest.raises(TooManyFailuresError, match=r"3 of 10 structures \(30%\).*3 timeout.*max_failed_fraction = 0.2"):
        run(shard)


def test_labels_of_different_settings_are_never_mixed(run: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(ValueError, match="2 different reference settings"):
        run([record(1), record(2, settings="f11")])


def test_a_reference_without_free_atom_is_refused(run: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(ValueError, match="holds 0 free atoms"):
        run([record(1)], references=[record(900, config_type="fcc")])


def test_nothing_left_to_train_on_is_an_error(run: Callable[..., pd.DataFrame]) -> None:
    with pytest.raises(ValueError, match=r"no structure is left to train on: .*outlier"):
        run([record(n, force=60.0) for n in range(3)])


def test_empty_shards_are_fine(run: Callable[..., pd.DataFrame]) -> None:
    assert (run([record(n) for n in range(5)], [])["role"] == "test").sum() == 1


def test_ledgers_of_an_earlier_version_lack_columns_and_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.parquet"
    write_outputs([record(n) for n in range(3)], tmp_path / "old.extxyz", path)
    pd.read_parquet(path).drop(columns="cpu_seconds").to_parquet(path)
    assert list(read_ledger(path)) == list(COLUMNS) and read_ledger(path)["cpu_seconds"].isna().all()
