"""The transfer test is fair, and its numbers are those of the potentials."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT

from entromax.features.bispectrum import BispectrumSettings
from entromax.structures import read_structures, with_sid, write_structures
from entromax.validation import transfer
from entromax.validation.distance import distance_to_training
from entromax.validation.transfer import pair_training_sets, validate_transfer
from tests.support.emt_cells import labelled


def rattled(n: int, seed: int, shift: float = 0.0) -> list[Atoms]:
    """Return rattled cells with EMT labels, energies shifted [eV/atom]."""
    structures = []
    for k in range(n):
        atoms = bulk("Al", "fcc", a=4.0) * (1 + k % 2, 1, 1)
        atoms.rattle(0.1, seed=seed + k)
        atoms = labelled(atoms)
        atoms.info["REF_energy"] += shift * len(atoms)
        structures.append(atoms)
    return structures


def free_atom() -> Atoms:
    atom = with_sid(Atoms("Al", positions=[[5, 5, 5]], cell=[10, 10, 10], pbc=True))
    atom.info |= {"REF_energy": 0.0, "config_type": "isolated_atom"}
    atom.arrays["REF_forces"] = np.zeros((1, 3))
    return atom


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, dict]:
    """Write 12 and 9 training structures, each label of them worth 2 and 3 seconds."""
    files: dict[str, dict] = {"training": {}, "manifests": {}}
    for name, n, seconds in (("entropy", 12, 2.0), ("conventional", 9, 3.0)):
        structures = [free_atom(), *rattled(n, seed=1000 * n)]
        files["training"][name] = tmp_path / f"{name}.extxyz"
        files["manifests"][name] = tmp_path / f"{name}.parquet"
        write_structures(files["training"][name], structures)
        sids = [atoms.info["sid"] for atoms in structures]
        pd.DataFrame({"sid": sids, "seconds": seconds, "cpu_seconds": seconds / 2}).to_parquet(files["manifests"][name])
    keys = [(name, percent) for name in files["training"] for percent in (50, 100)]
    files["outputs"] = {key: tmp_path / f"{key[0]}_{key[1]}.extxyz" for key in keys}
    return files


def test_both_sides_get_as_many_labels_and_say_what_they_cost(sets: dict[str, dict], tmp_path: Path) -> None:
    table = pair_training_sets(**sets, percents=[50, 100], summary=tmp_path / "sets.csv").set_index(
        ["training", "percent"]
    )
    assert table["labels"].to_dict() == {key: {50: 4, 100: 9}[key[1]] for key in table.index}
    assert table["seconds"].to_dict() == {
        key: table["labels"][key] * {"entropy": 2.0}.get(key[0], 3.0) for key in table.index
    }
    for key, path in sets["outputs"].items():
        own = read_structures(path)
        whole = read_structures(sets["training"][key[0]])
        assert [atoms.info["sid"] for atoms in own] == [atoms.info["sid"] for atoms in whole[: len(own)]]
        assert own[0].info["config_type"] == "isolated_atom" and len(own) == table["labels"][key] + 1


def test_a_cost_that_no_ledger_knows_is_none(sets: dict[str, dict], tmp_path: Path) -> None:
    for path in sets["manifests"].values():
        pd.read_parquet(path).drop(columns="cpu_seconds").to_parquet(path)
    table = pair_training_sets(**sets, percents=[50, 100], summary=tmp_path / "sets.csv")
    assert table["cpu_seconds"].isna().all() and table["seconds"].notna().all()


def test_a_part_of_nothing_is_refused_with_a_remedy(sets: dict[str, dict], tmp_path: Path) -> None:
    outputs = {(name, 1): tmp_path / f"{name}_1.extxyz" for name in sets["training"]}
    with pytest.raises(ValueError, match=r"raise validation\.transfer\.structures"):
        pair_training_sets(**sets | {"outputs": outputs}, percents=[1], summary=tmp_path / "sets.csv")


def test_two_by_two_holds_the_errors_of_each_potential_on_each_set(
    sets: dict[str, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The conventional test set is labelled 10 meV/atom away from what every potential here says."""
    pair_training_sets(**sets, percents=[50, 100], summary=tmp_path / "sets.csv")
    monkeypatch.setattr(transfer, "load_potential", lambda _: EMT())
    tests = {"entropy": tmp_path / "a.extxyz", "conventional": tmp_path / "b.extxyz"}
    write_structures(tests["entropy"], rattled(3, seed=1))
    write_structures(tests["conventional"], rattled(4, seed=50, shift=0.010))
    paths = {name: tmp_path / f"transfer.{name}" for name in ("curve", "structures", "metrics")}
    validate_transfer(dict.fromkeys(sets["outputs"], "folder"), tests, sets=tmp_path / "sets.csv", **paths)
    result = json.loads(paths["metrics"].read_text())
    assert result["n_labels"] == 9
    assert result["label_seconds"] == {"a": 18.0, "b": 27.0}
    assert result["label_cpu_s"] == {"a": 9.0, "b": 13.5}
    assert result["n_atoms"] == {"a": 13, "b": 13}
    for name in ("a_on_b", "b_on_b"):
        assert result[name]["energy_rmse"] == pytest.approx(10.0)
        assert result[name]["structures"] == 4
    assert result["a_on_a"]["energy_rmse"] == pytest.approx(0, abs=1e-4)
    assert result["away_over_home"]["on_b"]["energy_rmse"] == pytest.approx(1.0)
    curve = pd.read_csv(paths["curve"])
    assert len(curve) == 8 and set(curve["labels"]) == {4, 9}


def test_distance_is_zero_for_the_known_and_grows_with_what_is_done_to_it() -> None:
    features = BispectrumSettings(twojmax=2)
    training = [free_atom(), *rattled(10, seed=7)]
    near, far = training[1].copy(), training[2].copy()
    near.positions[0] += 0.02
    near, far = training[2].copy(), training[2].copy()
    near.positions[0] += [0.02, 0, 0]
    far.positions[0] += [0.4, 0, 0]
    own, close, away = distance_to_training([training[2], near, far], training, d_nn=2.86, features=features)
    assert own == pytest.approx(0, abs=1e-6)
    assert own < close < away
    alone = distance_to_training(rattled(2, seed=3), [free_atom()], d_nn=2.86, features=features)
    assert np.isinf(alone).all()
