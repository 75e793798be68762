"""What is in the store is never lost and never calculated twice, whatever kills the writer."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ase.build import bulk

from entromax.labels.engines.base import Label
from entromax.labels.record import Attempt, Record, new_record
from entromax.labels.store import LabelStore, forget, stores
from entromax.structures import with_sid, write_structures


def record(name: str, state: str = "converged", when: float = 0.0, energy: float | None = None) -> Record:
    energy = -3.0 if state == "converged" and energy is None else energy
    return Record(sid=name, state=state, energy=energy, time=when, forces=[[0.0] * 3], stress=[0.0] * 6)


def write(root: Path, *records: Record) -> None:
    with LabelStore(root, "Al", "f00") as store:
        for entry in records:
            store.append(entry)


def read(root: Path, wanted: dict[str, Any] | list[str] | None = None) -> dict[str, Record]:
    return LabelStore(root, "Al", "f00").read(wanted)


def test_a_record_comes_back_exactly(tmp_path: Path) -> None:
    atoms = with_sid(bulk("Al", "hcp", a=2.8, c=4.6))
    atoms.rattle(0.1)
    atoms.info |= {"element": "Al", "kpts": [3, 3, 2]}
    label = Label(-1 / 3, atoms.positions / 7, atoms.positions.ravel() / 3, 9, {"width": 0.1})
    attempts = [Attempt(0, "default", "", "converged", "", 0.1 + 0.2, 9, 60.0)]
    written = new_record(atoms, "f00", "emt 1", "converged", label=label, attempts=attempts)
    write(tmp_path, written)
    assert read(tmp_path) == {atoms.info["sid"]: written}


def test_every_writer_has_its_own_file(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path, record(f"a{number}"))
    assert len(list(stores(tmp_path, "Al")[0].folder.glob("*.jsonl"))) == 3
    assert set(read(tmp_path)) == {"a0", "a1", "a2"}
    assert set(read(tmp_path, ["a1", "b"])) == {"a1"}


def test_labels_with_two_kpoint_meshes_stand_side_by_side(tmp_path: Path) -> None:
    coarse, dense = (
        replace(record("a", when=time, energy=-time), kpts=mesh) for time, mesh in ((1, [2] * 3), (2, None))
    )
    write(tmp_path, coarse, dense)
    assert read(tmp_path, {"a": [2, 2, 2]}) == {"a": coarse}
    assert read(tmp_path, {"a": None}) == {"a": dense}
    assert read(tmp_path, {"a": [4, 4, 4]}) == {}
    write(tmp_path, record("a", state="forgotten", when=3.0))
    assert read(tmp_path, {"a": [2, 2, 2]}) == {}


def test_every_truncation_of_the_file_loses_the_last_line_at_most(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, record("a"), record("b"), record("c"))
    (path,) = stores(tmp_path)[0].folder.glob("*.jsonl")
    whole = path.read_bytes()
    second_line_ends = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for length in range(second_line_ends, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert set(read(tmp_path)) == {"a", "b"}
    assert not caplog.records, "a line that a kill has cut off is nothing to warn of"
    write(tmp_path, record("d"))
    assert set(read(tmp_path)) == {"a", "b", "d"}


def test_a_damaged_line_is_skipped_with_a_warning_that_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, record("a"), record("b"))
    (path,) = stores(tmp_path)[0].folder.glob("*.jsonl")
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b'{"sid":"x"}\n[]\n\x00\xff\n' + first[:50] + b"\n" + second)
    assert set(read(tmp_path)) == {"b"}
    assert [f"line {number} " in caplog.text for number in range(1, 6)] == [True] * 4 + [False]


def test_latest_wins_but_a_failure_never_hides_a_label(tmp_path: Path) -> None:
    write(tmp_path, record("a", "timeout", 2.0), record("b", "converged", 3.0, -1.0), record("c", "crashed", 1.0))
    write(tmp_path, record("a", "converged", 1.0), record("b", "converged", 4.0, -2.0), record("c", "unconverged", 2.0))
    found = read(tmp_path)
    assert found["a"].state == "converged"
    assert found["b"].energy == -2.0
    assert found["c"].state == "unconverged"


def test_forgetting_keeps_the_files_and_what_is_labelled_afterwards(tmp_path: Path) -> None:
    write(tmp_path, record("a", "timeout", 1.0), record("b", "converged", 1.0))
    assert forget(tmp_path, "Al", ["timeout", "crashed"]) == {"timeout": ["a"], "crashed": []}
    assert set(read(tmp_path)) == {"b"}
    write(tmp_path, record("a", "converged", time.time() + 1))
    assert set(read(tmp_path)) == {"a", "b"}
    assert b'"timeout"' in b"".join(path.read_bytes() for path in stores(tmp_path)[0].folder.glob("*.jsonl"))
    assert forget(tmp_path, "W", ["timeout"]) == {"timeout": []}


FULL = """
import resource, signal, sys
from entromax.labels.record import Record
from entromax.labels.store import LabelStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = LabelStore(sys.argv[1], "Al", "f00")
store.append(Record(sid="a", state="converged", energy=-1.0))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
try:
    store.append(Record(sid="b", state="converged", energy=-2.0))
except OSError as error:
    print(error, *error.__notes__)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
store.append(Record(sid="c", state="converged", energy=-3.0))
"""


def test_a_write_that_the_disk_cuts_short_says_so_and_damages_no_other_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "File too large" in job.stdout and "b could not be written; free space there" in job.stdout
    assert {sid: entry.energy for sid, entry in read(tmp_path).items()} == {"a": -1.0, "c": -3.0}
    assert any(not path.read_bytes().endswith(b"\n") for path in stores(tmp_path)[0].folder.glob("*.jsonl"))
    assert not caplog.records


JOB = """
import sys
from entromax.config.models import LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.run import label_structures
from entromax.structures.io import read_structures
from tests.support import hostile_engine as hostile
folder = sys.argv[1]
label_structures(
    read_structures(f"{folder}/shard.extxyz"), element="Al", d_nn=2.86, limits=LabelSettings(),
    reference=hostile.hostile(calls=f"{folder}/calls", seconds=0.03),
    budget=LabelBudget(f"{folder}/store", workers=2),
)
"""
KILLS = 10


@pytest.mark.slow
def test_a_job_killed_again_and_again_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """Kill -9 at 10 random moments; the store only grows, and only what was being calculated is calculated again."""
    structures = [with_sid(bulk("Al", "fcc", a=4 + 0.001 * number)) for number in range(60)]
    for atoms in structures:
        atoms.info |= {"element": "Al"}
    write_structures(tmp_path / "shard.extxyz", structures)
    chance, kills, safe = random.Random(0), 0, {}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    while True:
        job = subprocess.Popen([sys.executable, "-c", JOB, str(tmp_path)], env=environment, stderr=subprocess.DEVNULL)
        before = _bytes(tmp_path)
        while kills < KILLS and job.poll() is None and _bytes(tmp_path) == before:
            time.sleep(0.005)
        if kills < KILLS:
            time.sleep(chance.uniform(0.0, 0.1))
            job.send_signal(signal.SIGKILL)
            kills += 1
        code = job.wait()
        found = {sid: entry for store in stores(tmp_path / "store") for sid, entry in store.read().items()}
        assert safe.items() <= found.items(), "a label was lost or replaced"
        safe = found
        if code == 0:
            break
    assert kills == KILLS and len(safe) == 60
    lines = b"".join(path.read_bytes() for path in stores(tmp_path / "store")[0].folder.glob("*.jsonl"))
    written = Counter(line.split(b'"', 4)[3] for line in lines.splitlines() if line.endswith(b"}"))
    assert set(written.values()) == {1}, "a structure was labelled twice"
    calculated = (tmp_path / "calls").read_text().split()
    assert len(calculated) <= 60 + 2 * KILLS, "more was repeated than the two structures at work at each kill"


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("store/*/*/*.jsonl"))
