"""A structure ends in one typed state, and nothing an engine does stops the shard."""

import logging
import os
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from ase import Atoms
from ase.build import bulk

from entromax.config.models import CrystalSettings, ElementSettings, LabelSettings, ReferenceSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines.base import EngineUnavailableError
from entromax.labels.engines.emt import EmtSettings
from entromax.labels.engines.gpaw import GpawSettings
from entromax.labels.ledger import COLUMNS
from entromax.labels.record import Record
from entromax.labels.reference import label_reference, reference_structures
from entromax.labels.run import OutOfTimeError, label_structures
from entromax.labels.shard import label_shard
from entromax.labels.store import LabelStore, forget, stores
from entromax.structures import read_structures, with_sid, write_structures
from tests.support.hostile_engine import hostile


def structure(number: int = 0, **info: float | str) -> Atoms:
    atoms = with_sid(bulk("Al", "fcc", a=4.05 + 0.001 * number))
    atoms.info |= {"element": "Al", "library_sid": f"lib{number}", "config_type": "library", **info}
    return atoms


def label(
    structures: list[Atoms],
    store: Path,
    limits: LabelSettings | None = None,
    reference: ReferenceSettings | None = None,
    **options: float,
) -> list[Record]:
    limits = limits or LabelSettings(structure_timeout=30.0)
    reference = reference or hostile()
    budget = LabelBudget(store, **options)
    return label_structures(structures, element="Al", d_nn=2.86, reference=reference, limits=limits, budget=budget)


def test_every_way_to_fail_has_its_state_and_the_others_are_labelled(tmp_path: Path) -> None:
    ways = ["segfault", "killed", "exit", "raise", "unconverged", "nan", "", "rung1"]
    structures = [structure(number, behave=way) for number, way in enumerate(ways)]
    records = label(structures, tmp_path, workers=2)
    states = dict(zip(ways, [(record.state, record.reason) for record in records], strict=True))
    assert states["segfault"] == ("crashed", "killed by SIGSEGV")
    assert states["killed"] == ("crashed", "killed by SIGKILL (out of memory?)")
    assert states["exit"] == ("crashed", "engine process ended with exit code 7")
    assert states["raise"] == ("crashed", "LinAlgError: singular overlap")
    assert states["unconverged"] == ("unconverged", "no self-consistency")
    assert states["nan"][0] == "unconverged"
    assert states[""] == ("converged", "")
    assert states["rung1"] == ("converged", "")


def test_a_structure_labelled_for_one_purpose_serves_another_under_its_own_name(tmp_path: Path) -> None:
    reference = hostile(calls=str(tmp_path / "calls"))
    label([structure(config_type="property", library_sid="")], tmp_path, reference=reference)
    (again,) = label([structure(config_type="fcc")], tmp_path, reference=reference)
    assert again.atoms().info["config_type"] == "fcc" and again.library_sid == "lib0"
    assert len((tmp_path / "calls").read_text().split()) == 1


def test_the_ladder_records_each_attempt_and_marks_changed_physics(tmp_path: Path) -> None:
    easy, second, third = label([structure(n, behave=f"rung{n}") for n in range(3)], tmp_path)
    assert [len(record.attempts) for record in (easy, second, third)] == [1, 2, 3]
    assert [attempt.outcome for attempt in third.attempts] == ["unconverged", "unconverged", "converged"]
    assert second.attempts[1].changes == "slower"
    assert second.changed_physics == "" and third.changed_physics == "wide: other width"
    assert third.atoms().info["changed_physics"] == "wide: other width"


def test_a_record_tells_the_cpu_time_of_its_attempts_apart_from_the_time_that_passed(tmp_path: Path) -> None:
    (record,) = label([structure()], tmp_path, reference=hostile(seconds=0.5))  # it sleeps
    assert 0 < record.cpu_seconds < 0.5 <= record.seconds
    assert record.cpu_seconds == record.attempts[0].cpu_seconds


def test_an_attempt_that_was_killed_from_outside_is_repeated_on_its_rung(tmp_path: Path) -> None:
    reference = hostile(calls=str(tmp_path / "calls"))
    once, always = label(
        [structure(0, behave="killed once"), structure(1, behave="killed")], tmp_path, reference=reference
    )
    assert [(attempt.rung, attempt.outcome) for attempt in once.attempts] == [(0, "killed"), (0, "converged")]
    assert once.state == "converged" and once.changed_physics == ""
    assert always.state == "crashed" and len(always.attempts) == LabelSettings().max_attempts
    (again,) = label([structure(1, behave="killed")], tmp_path, reference=reference)
    assert len(again.attempts) == 2 * LabelSettings().max_attempts, "the next run tries again: there may be more memory"


def test_a_killed_worker_costs_an_attempt_and_leaves_no_child(tmp_path: Path) -> None:
    """The worker imports the engine and forks; its child must not go on calculating for nobody."""
    calls = tmp_path / "calls"

    def kill_worker() -> None:
        while not calls.exists():
            time.sleep(0.01)
        for worker in psutil.Process().children():
            children.extend(worker.children())
            worker.kill()

    children: list[psutil.Process] = []
    killer = threading.Thread(target=kill_worker)
    killer.start()
    (record,) = label([structure()], tmp_path, reference=hostile(calls=str(calls), seconds=1.0))
    killer.join()
    assert [attempt.outcome for attempt in record.attempts] == ["killed", "converged"]
    assert children and not any(child.is_running() and child.status() != "zombie" for child in children)


def test_the_ladder_ends_at_max_attempts_and_goes_on_when_more_are_allowed(tmp_path: Path) -> None:
    structures = [structure(behave="rung2")]
    (first,) = label(structures, tmp_path, LabelSettings(max_attempts=2))
    assert first.state == "unconverged" and len(first.attempts) == 2
    (second,) = label(structures, tmp_path, LabelSettings(max_attempts=3))
    assert second.state == "converged" and [attempt.rung for attempt in second.attempts] == [0, 1, 2]


@pytest.mark.slow
def test_a_timeout_kills_the_attempt_is_final_and_is_tried_again_with_more_time(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    reference = hostile(calls=str(calls), seconds=2.0)
    structures = [structure()]
    for _ in range(2):
        (record,) = label(structures, tmp_path, LabelSettings(structure_timeout=1.0), reference.model_copy())
        assert record.state == "timeout" and len(record.attempts) == 1
    assert len(calls.read_text().splitlines()) == 1
    (record,) = label(structures, tmp_path, LabelSettings(structure_timeout=120.0), reference)
    assert record.state == "converged"


def test_output_of_a_failure_is_kept_for_people_and_goes_when_the_structure_succeeds(tmp_path: Path) -> None:
    bad = structure(behave="rung2")
    (record,) = label([bad], tmp_path, LabelSettings(max_attempts=1))
    (store,) = stores(tmp_path)
    text = store.failures / f"{record.sid}.txt"
    assert "the engine says hello" in text.read_text() and "unconverged" in text.read_text()
    assert "the engine says hello" in record.tail
    label([bad], tmp_path, LabelSettings(max_attempts=3))
    assert not text.exists()


def test_close_atoms_are_rejected_without_a_calculation(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    near = with_sid(bulk("Al", "fcc", a=4.05, cubic=True))
    near.positions[1] = near.positions[0] + [0.5, 0, 0]
    near = with_sid(near)
    near.info |= {"element": "Al"}
    image = with_sid(bulk("Al", "sc", a=1.2))  # closest pair: an atom and its own periodic image
    image.info |= {"element": "Al"}
    records = label([near, image], tmp_path, reference=hostile(calls=str(calls)))
    assert [record.state for record in records] == ["rejected", "rejected"]
    assert "0.500 Å" in records[0].reason and "1.200 Å" in records[1].reason and "1.716" in records[0].reason
    assert not calls.exists()
    assert {record.state for record in stores(tmp_path, "Al")[0].read().values()} == {"rejected"}


def test_a_label_rejected_for_its_forces_comes_back_without_a_calculation_when_the_limit_is_raised(
    tmp_path: Path,
) -> None:
    calls = tmp_path / "calls"
    reference = hostile(calls=str(calls))
    strong = [structure(force=200.0)]
    (first,) = label(strong, tmp_path, LabelSettings(max_force=100.0), reference)
    (second,) = label(strong, tmp_path, LabelSettings(max_force=300.0), reference)
    assert (first.state, second.state) == ("rejected", "converged")
    assert "200.0 eV/Å" in first.reason
    assert len(calls.read_text().splitlines()) == 1


def test_an_engine_that_cannot_work_stops_the_job_and_blames_no_structure(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="no set-up"):
        label([structure(0, behave="unavailable"), structure(1)], tmp_path)
    assert "unavailable" not in {record.state for store in stores(tmp_path) for record in store.read().values()}
    tungsten = with_sid(bulk("W"))
    with pytest.raises(EngineUnavailableError, match="emt has no parameters for W"):
        label([tungsten], tmp_path, reference=EmtSettings())


@pytest.mark.slow
def test_a_job_stops_before_its_wall_time_and_the_next_one_finishes(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    reference = hostile(calls=str(calls), seconds=0.5)
    structures = [structure(number) for number in range(12)]
    with pytest.raises(OutOfTimeError, match="run the job again"):
        label(structures, tmp_path, LabelSettings(structure_timeout=100.0), reference, wall_time=5.0)
    done = stores(tmp_path)[0].read()
    assert 0 < len(done) < 12 and {record.state for record in done.values()} == {"converged"}
    records = label(structures, tmp_path, LabelSettings(structure_timeout=100.0), reference, workers=2)
    assert [record.state for record in records] == ["converged"] * 12
    called = calls.read_text().split()
    assert all(called.count(sid) == 1 for sid in done), "what was in the store was calculated again"


def test_shard_writes_converged_labels_and_a_ledger_of_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shard, labels, ledger = tmp_path / "s.extxyz", tmp_path / "l.extxyz", tmp_path / "l.parquet"
    emt = [structure(number) for number in range(3)]
    emt.append(with_sid(bulk("Al", "sc", a=1.0)))
    emt[-1].info |= {"element": "Al"}
    write_structures(shard, emt)
    options = {"element": "Al", "d_nn": 2.86, "reference": EmtSettings(), "limits": LabelSettings()}
    options["budget"] = LabelBudget(tmp_path / "store")
    with caplog.at_level(logging.INFO, "entromax"):
        label_shard(shard, labels=labels, ledger=ledger, **options)
    assert "3/3" in caplog.text and "3 converged, 1 rejected" in caplog.text
    table = pd.read_parquet(ledger)
    assert list(table.columns) == list(COLUMNS)
    assert table["state"].tolist() == ["converged"] * 3 + ["rejected"]
    labelled = read_structures(labels)
    assert [atoms.info["sid"] for atoms in labelled] == table["sid"].tolist()[:3]
    for atoms in labelled:
        assert set(atoms.info) >= {"REF_energy", "REF_stress", "sid", "library_sid", "element", "settings"}
        assert atoms.arrays["REF_forces"].shape == (1, 3) and np.shape(atoms.info["REF_stress"]) == (6,)
    from ase.calculators.emt import EMT

    check = emt[1].copy()
    check.calc = EMT()
    assert labelled[1].info["REF_energy"] == pytest.approx(check.get_potential_energy(), abs=1e-12)
    assert labelled[1].info["REF_stress"] == pytest.approx(check.get_stress(), abs=1e-10)
    write_structures(shard, [])
    label_shard(shard, labels=labels, ledger=ledger, **options)
    assert read_structures(labels) == [] and dict(pd.read_parquet(ledger).dtypes) == dict(table.dtypes)


def test_labels_follow_the_order_of_atoms_they_were_made_with(tmp_path: Path) -> None:
    atoms = bulk("Al", "hcp", a=2.8, c=4.6)
    atoms.rattle(0.1, seed=1)
    atoms = with_sid(atoms)
    atoms.info |= {"element": "Al"}
    swapped = atoms[[1, 0]]
    swapped.info |= atoms.info
    assert with_sid(swapped).info["sid"] == atoms.info["sid"]
    (first,) = label([atoms], tmp_path, reference=EmtSettings())
    (second,) = label([swapped], tmp_path, reference=EmtSettings())
    assert np.array_equal(second.atoms().positions, atoms.positions)
    assert np.array_equal(second.atoms().arrays["REF_forces"], first.atoms().arrays["REF_forces"])


def test_retry_forgets_the_states_asked_for_and_nothing_else(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    reference = hostile(calls=str(calls))
    structures = [structure(0), structure(1, behave="raise"), structure(2, behave="unconverged")]
    label(structures, tmp_path, LabelSettings(max_attempts=1), reference)
    assert {state: len(sids) for state, sids in forget(tmp_path, "Al", ["crashed"]).items()} == {"crashed": 1}
    assert forget(tmp_path, "Al", ["crashed"]) == {"crashed": []}
    label(structures, tmp_path, LabelSettings(max_attempts=1), reference)
    called = calls.read_text().split()
    assert [called.count(atoms.info["sid"]) for atoms in structures] == [1, 2, 1]
    with pytest.raises(ValueError, match="unknown state broken; choose from converged"):
        forget(tmp_path, "Al", ["broken"])


ALUMINIUM = ElementSettings(
    d_nn=2.86,
    volume=[0.5, 1.5],
    ground_state="fcc",
    crystals={"fcc": CrystalSettings(volume=16.5), "bcc": CrystalSettings(volume=16.9)},
    reference=EmtSettings(),
)


def test_reference_holds_the_free_atom_and_the_crystals(tmp_path: Path) -> None:
    limits = LabelSettings(eos={"points": 5, "strain": 0.06, "crystals": "all"})
    labels, ledger = tmp_path / "r.extxyz", tmp_path / "r.parquet"
    budget = LabelBudget(tmp_path / "store")
    label_reference(labels=labels, ledger=ledger, element="Al", settings=ALUMINIUM, limits=limits, budget=budget)
    types = [atoms.info["config_type"] for atoms in read_structures(labels)]
    assert types == ["isolated_atom"] + ["fcc"] * 5 + ["bcc"] * 5
    # The energy of a free Al atom is the parameter E0 of Jacobsen, Stoltze and Norskov, Surf. Sci. 366, 394 (1996).
    assert read_structures(labels)[0].info["REF_energy"] == pytest.approx(3.28, abs=1e-9)
    volumes = pd.read_parquet(ledger).query("config_type == 'fcc'")["volume"]
    assert volumes.iloc[[0, -1]].tolist() == pytest.approx([16.5 * 0.94, 16.5 * 1.06], rel=1e-6)


def test_all_volumes_of_a_crystal_share_the_mesh_of_the_smallest() -> None:
    element = ALUMINIUM.model_copy(update={"reference": GpawSettings(kspacing=0.4)})
    meshes = {tuple(atoms.info["kpts"]) for atoms in reference_structures("Al", element, LabelSettings())[1:]}
    assert len(meshes) == 1
    (mesh,) = meshes
    edge = (4 * 16.5 * 0.94) ** (1 / 3)  # |b| of fcc = sqrt(3) 2 pi / a
    assert mesh == (int(np.ceil(3**0.5 * 2 * np.pi / edge / 0.4)),) * 3


def test_workers_are_gone_when_labelling_ends(tmp_path: Path) -> None:
    label([structure(0, behave="segfault"), structure(1)], tmp_path, workers=2)
    children = os.popen(f"ps -o pid=,args= --ppid {os.getpid()}").read()
    assert "entromax.labels.worker" not in children


def test_store_is_described_for_people(tmp_path: Path) -> None:
    label([structure()], tmp_path, reference=EmtSettings())
    (store,) = stores(tmp_path)
    assert isinstance(store, LabelStore) and "emt" in (store.folder / "settings.json").read_text()
