"""The shipped library: whole, the same on every machine, refused when it is not."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest

from entromax.cli import main
from entromax.config.elements import CRYSTALS
from entromax.config.models import CellSettings, LibrarySettings
from entromax.entropy.ordering import take_library
from entromax.entropy.rounds import reference_sample
from entromax.structures import read_structures
from entromax.structures.constraints import allowed
from entromax.structures.identity import content_hash
from entromax.structures.shipped import (
    FOLDER,
    LibraryError,
    ShippedLibrary,
    library_structures,
    orders,
    read_library,
    versions,
    write_library,
    write_order,
)

QUICKSTART = "e50111937a95ae6bf2d94d5ea771138352b70f94cd6ba33c747b534a80789b3f"
"""SHA-256 of the sids of the structures that the quickstart labels."""
DIVERSE = "c3ed7f6ec0f0e89b7988ddb08174b753f84d8f89bf2ecdf2e157b4a8023aade6"
"""The same for as many of the diverse order."""


@pytest.fixture(scope="module")
def library() -> ShippedLibrary:
    return read_library()


def checksum(sids: list[str]) -> str:
    return hashlib.sha256("\n".join(sids).encode()).hexdigest()


def test_it_is_as_large_as_promised(library: ShippedLibrary) -> None:
    assert len(library) > 7_500
    assert len(library.chosen((1, 8))) >= 4_000
    assert sum(path.stat().st_size for path in FOLDER.glob("library_v*")) < 10_000_000
    assert library.about["structures"] == len(library) and library.about["environments"] == len(library.positions)
    assert library.about["licence"] and all(part["commit"] for part in library.about["made"])


def test_every_prefix_has_its_share_of_volumes_and_crystals(library: ShippedLibrary) -> None:
    edges = np.geomspace(0.5, 3.5, 5)
    crystals = np.isin(library.kinds, [*CRYSTALS, "perfect"])
    for atoms in ((1, 4), (1, 8), (1, 32)):
        own = library.chosen(atoms)
        shares = [np.histogram(library.volumes[k], edges)[0] / len(k) for k in (own[:200], own)]
        assert shares[0] == pytest.approx(shares[1], abs=0.1)
        assert crystals[own[:200]].mean() == pytest.approx(crystals[own].mean(), abs=0.1)


def test_every_structure_keeps_the_bounds_of_the_library(library: ShippedLibrary) -> None:
    structures = library.select((1, 32))
    assert all(allowed(structures, CellSettings(atoms=[1, 32])))
    assert len({atoms.info["sid"] for atoms in structures}) == len(structures)
    volumes = [atoms.get_volume() / len(atoms) for atoms in structures[:200]]
    assert [atoms.info["v_star"] for atoms in structures[:200]] == pytest.approx(volumes, abs=1e-6)


def test_the_quickstart_labels_the_same_structures_on_every_machine() -> None:
    structures = library_structures("Al", 2.86, volume=(0.5, 1.6), atoms=(1, 4), number=80)
    assert checksum([atoms.info["sid"] for atoms in structures]) == QUICKSTART
    assert all(content_hash(atoms) == atoms.info["sid"] for atoms in structures)


def test_threads_and_instruction_sets_change_nothing() -> None:
    code = (
        "from entromax.structures import library_structures as s;"
        "print(*[a.info['sid'] for a in s('Al', 2.86, volume=(0.5, 1.6), atoms=(1, 4), number=80)], sep='\\n')"
    )
    machines = [
        {"OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "AVX512F"},
        {"OMP_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Sandybridge"},
    ]
    for machine in machines:
        run = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code], env=os.environ | machine, capture_output=True, text=True
        )
        assert checksum(run.stdout.split()) == QUICKSTART, run.stderr


def test_a_filter_is_a_filter_and_keeps_the_order(library: ShippedLibrary) -> None:
    wide = library.select((1, 8))
    narrow = library.select((2, 5), (0.7, 0.9), 20)
    sids = [atoms.info["sid"] for atoms in wide]
    assert all(2 <= len(atoms) <= 5 and 0.7 <= atoms.info["v_star"] <= 0.9 for atoms in narrow)
    places = [sids.index(atoms.info["sid"]) for atoms in narrow]
    assert places == sorted(places)
    assert [atoms.info["rank"] for atoms in narrow] == list(range(20))


def test_a_filter_that_leaves_too_few_says_how_many_and_what_to_widen(library: ShippedLibrary) -> None:
    count = len(library.chosen((1, 2), (0.5, 0.6)))
    with pytest.raises(
        LibraryError, match=rf"5000 structures wanted, but {count} have 1 to 2 atoms .* widen the range"
    ):
        library.select((1, 2), (0.5, 0.6), 5000)


def copied(tmp_path: Path) -> Path:
    for path in FOLDER.glob("*_v1*"):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_a_damaged_file_is_refused_by_its_checksum(tmp_path: Path) -> None:
    path = copied(tmp_path) / "library_v1.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(LibraryError, match=r"library_v1\.npz: is damaged .* install entromax again"):
        read_library(1, tmp_path)


def test_the_diverse_order_holds_every_structure_once_and_is_always_the_same(library: ShippedLibrary) -> None:
    diverse = read_library(order="diverse")
    assert sorted(diverse.order) == list(range(len(library))) and not (diverse.order == library.order).all()
    for atoms in ((1, 4), (3, 8), (1, 32)):
        assert sorted(diverse.chosen(atoms)) == sorted(library.chosen(atoms))
        assert (diverse.sizes[diverse.chosen(atoms)[:200]] > 2).all()  # atoms of smaller cells are equivalent
    first = library_structures("Al", 2.86, volume=(0.5, 1.6), atoms=(1, 4), number=80, order="diverse")
    assert checksum([atoms.info["sid"] for atoms in first]) == DIVERSE


def test_a_campaign_takes_the_order_that_its_settings_name(tmp_path: Path) -> None:
    settings = LibrarySettings(cells=CellSettings(atoms=[3, 3]), shipped_order="diverse", reference_structures=64)
    state, structures = tmp_path / "state.npz", tmp_path / "library.extxyz"
    reference_sample(settings, seed=1, structures=tmp_path / "random.extxyz", state=state)
    take_library(settings, state=state, seed=1, structures=structures, table=tmp_path / "library.csv")
    taken = [atoms.info["sid"] for atoms in read_structures(structures)]
    assert taken == [atoms.info["sid"] for atoms in read_library(order="diverse").select((3, 3))]
    assert taken != [atoms.info["sid"] for atoms in read_library().select((3, 3))]


def test_a_damaged_or_foreign_order_is_refused(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    path = folder / "order_v1_diverse.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(LibraryError, match=r"order_v1_diverse\.npz: is damaged .* install entromax again"):
        read_library(1, folder, "diverse")
    assert len(read_library(1, folder)) > 7_500, "whoever takes the default order does not need it"
    shutil.copy(FOLDER / path.name, path)
    about = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(about | {"library_sha256": "0"}))
    with pytest.raises(LibraryError, match=r"order_v1_diverse\.npz: orders another library"):
        read_library(1, folder, "diverse")


def test_an_order_is_whole_and_never_written_twice(tmp_path: Path, library: ShippedLibrary) -> None:
    folder, backwards = copied(tmp_path), np.arange(len(library))[::-1]
    write_order("backwards", backwards, library, {}, folder)
    assert orders(1, folder) == ["labels", "backwards", "diverse"]
    assert (read_library(1, folder, "backwards").chosen((1, 8)) == library.chosen((1, 8))[::-1]).all()
    with pytest.raises(LibraryError, match="an order never changes"):
        write_order("backwards", backwards, library, {}, folder)
    with pytest.raises(LibraryError, match="'short': must hold each of the"):
        write_order("short", backwards[1:], library, {}, folder)


def test_an_unknown_version_names_those_there_are() -> None:
    with pytest.raises(LibraryError, match="no library version 7; shipped with this entromax: 1"):
        read_library(7)


def test_a_version_is_never_written_twice(tmp_path: Path, library: ShippedLibrary) -> None:
    structures = library.select((1, 4), None, 30)
    write_library(structures, {"version": 3}, tmp_path)
    again = read_library(3, tmp_path)
    assert versions(tmp_path) == [3]
    assert [a.info["sid"] for a in again.select((1, 4))] == [a.info["sid"] for a in structures]
    with pytest.raises(LibraryError, match="version 3 exists"):
        write_library(structures, {"version": 3}, tmp_path)
    assert json.loads((tmp_path / "library_v3.json").read_text())["structures"] == 30


@pytest.mark.parametrize(
    ("format", "pattern"), [("extxyz", "w"), ("poscar", "w/*/POSCAR"), ("cif", "w"), ("traj", "w")]
)
def test_command_line_writes_them_for_any_program(
    format: str, pattern: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--element", "W", "--atoms", "1", "4", "--number", "12", "--format", format]
    assert main(["library", *options, "--output", str(tmp_path / "w")]) == 0
    assert "12 structures" in capsys.readouterr().out
    paths = sorted(tmp_path.glob(pattern))
    name = {"poscar": "vasp"}.get(format, format)
    read = [atoms for path in paths for atoms in ase.io.read(path, index=":", format=name)]
    expected = library_structures("W", 2.74, volume=(0.5, 1.6), atoms=(1, 4), number=12)
    assert [len(atoms) for atoms in read] == [len(atoms) for atoms in expected]
    for atoms, own in zip(read, expected, strict=True):
        assert set(atoms.symbols) == {"W"}
        assert atoms.get_volume() == pytest.approx(own.get_volume(), rel=1e-5)


def test_command_line_takes_the_diverse_order(tmp_path: Path) -> None:
    options = ["--atoms", "1", "8", "--number", "9", "--order", "diverse", "--output", str(tmp_path / "x.extxyz")]
    assert main(["library", *options]) == 0
    expected = read_library(order="diverse").select((1, 8), None, 9)
    assert [a.info["sid"] for a in read_structures(tmp_path / "x.extxyz")] == [a.info["sid"] for a in expected]


def test_command_line_without_an_element_stays_in_units_of_d_nn(tmp_path: Path) -> None:
    assert main(["library", "--atoms", "1", "2", "--number", "5", "--output", str(tmp_path / "x.extxyz")]) == 0
    assert [set(atoms.symbols) for atoms in read_structures(tmp_path / "x.extxyz")] == [{"X"}] * 5


BAD = {
    "too few": (["--element", "W", "--number", "99999"], "99999 structures wanted"),
    "no element file": (["--element", "Xe"], "no file config/elements/Xe.yaml"),
    "no element": (["--element", "Wolfram"], "not a chemical element"),
    "unknown version": (["--element", "W", "--version", "9"], "no library version 9"),
    "unknown order": (
        ["--element", "W", "--order", "best"],
        "library v1 has no order 'best'; there are labels, diverse",
    ),
    "unknown format": (["--element", "W", "--number", "1", "--format", "docx"], "writes no format 'docx'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options, words = BAD[name]
    assert main(["library", *options, "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
