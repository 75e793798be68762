"""Labels that come with a repository are taken as they are, never calculated again, and refused when damaged."""

import json
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk

from entromax.config import ConfigError
from entromax.config.models import LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.packs import PackError, require_packs, write_pack
from entromax.labels.record import Record
from entromax.labels.run import label_structures
from entromax.labels.store import forget, stores
from entromax.structures import with_sid
from entromax.workflow import require_labels
from tests.support.hostile_engine import hostile


def structures(number: int) -> list[Atoms]:
    made = []
    for k in range(number):
        atoms = with_sid(bulk("Al", "fcc", a=4.05 + 0.01 * k))
        made.append(atoms)
        atoms.info |= {"element": "Al", "library_sid": f"lib{k}", "config_type": "library", "behave": ""}
    return made


def label(given: list[Atoms], calls: Path, budget: LabelBudget) -> list[Record]:
    return label_structures(
        given, element="Al", d_nn=2.86, reference=hostile(calls=str(calls)), limits=LabelSettings(), budget=budget
    )


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Folder of packs with the labels of three structures."""
    label(structures(3), tmp_path / "calls", LabelBudget(tmp_path / "first"))
    (store,) = stores(tmp_path / "first")
    write_pack(tmp_path / "packs", store.records(), json.loads((store.folder / "settings.json").read_text()))
    return tmp_path / "packs"


def test_what_a_pack_holds_is_not_calculated_and_only_the_rest_goes_into_the_store(pack: Path, tmp_path: Path) -> None:
    known = {record.sid: record for record in stores(tmp_path / "first")[0].records()}
    found = label(structures(4), tmp_path / "calls", LabelBudget(tmp_path / "second", packs=[pack]))
    assert len((tmp_path / "calls").read_text().split()) == 3 + 1
    assert [record.state for record in found] == ["converged"] * 4
    for record in found[:3]:
        assert (record.energy, record.forces, record.stress) == (
            known[record.sid].energy, known[record.sid].forces, known[record.sid].stress,
        )  # fmt: skip
    (second,) = stores(tmp_path / "second")
    assert [record.sid for record in second.records()] == [found[3].sid]


def test_a_pack_is_the_same_file_whatever_the_order_and_says_what_it_holds(pack: Path, tmp_path: Path) -> None:
    (store,) = stores(tmp_path / "first")
    again = write_pack(tmp_path / "again", reversed(store.records()), {})
    (path,) = pack.glob("Al/*.xz")
    assert path.read_bytes() == again.read_bytes()
    about = json.loads(next(pack.glob("Al/*.json")).read_text())
    assert (about["labels"], about["failures"], about["kinds"]) == (3, 0, {"library": 3})
    assert about["settings"]["engine"] == "plugin" and about["bytes"] == path.stat().st_size


def test_a_label_beats_a_failure_and_what_was_forgotten_is_left_out(pack: Path, tmp_path: Path) -> None:
    (store,) = stores(tmp_path / "first")
    first, *_ = store.records()
    forget(tmp_path / "first", "Al", ["converged"])
    failed = Record(first.sid, "timeout", element="Al", settings=first.settings, kpts=first.kpts, time=first.time + 9)
    path = write_pack(tmp_path / "mixed", [*store.records(), failed], {})
    assert json.loads(next(path.parent.glob("*.json")).read_text())["labels"] == 3


def test_damaged_or_missing_packs_are_refused_before_any_job(pack: Path, tmp_path: Path) -> None:
    (path,) = pack.glob("Al/*.xz")
    (about,) = pack.glob("Al/*.json")
    require_packs([pack])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PackError, match="is damaged, its SHA-256 is not that of"):
        label(structures(1), tmp_path / "calls", LabelBudget(tmp_path / "second", packs=[pack]))
    with pytest.raises(ConfigError, match=r"labels.packs: .*is damaged"):
        require_labels([str(pack)])
    about.unlink()
    with pytest.raises(PackError, match="is missing beside it"):
        require_packs([pack])
    with pytest.raises(ConfigError, match=r"labels.packs: .*no such folder; name one that holds"):
        require_labels([str(tmp_path / "nothing")])
    with pytest.raises(ValueError, match="one element and physics setting"):
        write_pack(pack, [], {})
