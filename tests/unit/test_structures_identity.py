from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.neighborlist import neighbor_list

from entromax.structures import (
    content_hash,
    crystal,
    eos_structures,
    quantise,
    read_structures,
    scale_structure,
    scale_structures,
    with_sid,
    write_structures,
)


@pytest.fixture
def cells() -> list[Atoms]:
    rng = np.random.default_rng(1)
    made = []
    for n in (1, 2, 5, 9):
        cell = np.eye(3) * n ** (1 / 3) * 1.1 + rng.normal(0, 0.1, (3, 3))
        made.append(quantise(Atoms("X" * n, cell=cell, scaled_positions=rng.random((n, 3)), pbc=True)))
    made += [quantise(crystal(name, "X", 1.0)) for name in ("fcc", "hcp", "diamond", "graphite", "A7", "A8")]
    return made


def test_hash_ignores_order_of_atoms(cells: list[Atoms]) -> None:
    rng = np.random.default_rng(0)
    for atoms in cells:
        assert content_hash(atoms[rng.permutation(len(atoms))]) == content_hash(atoms)


def test_hash_ignores_lattice_translations_of_single_atoms(cells: list[Atoms]) -> None:
    rng = np.random.default_rng(0)
    for atoms in cells:
        moved = atoms.copy()
        moved.positions += rng.integers(-3, 4, (len(atoms), 3)) @ atoms.cell.array
        assert content_hash(moved) == content_hash(atoms)


def test_hash_and_coordinates_survive_a_round_trip_through_a_file(cells: list[Atoms], tmp_path: Path) -> None:
    write_structures(tmp_path / "a.extxyz", [with_sid(atoms) for atoms in cells])
    for before, after in zip(cells, read_structures(tmp_path / "a.extxyz"), strict=True):
        assert np.array_equal(before.positions, after.positions)
        assert np.array_equal(before.cell.array, after.cell.array)
        assert after.info["sid"] == content_hash(after) == content_hash(before)


def test_hash_tells_apart_what_differs(cells: list[Atoms]) -> None:
    atoms = cells[2]
    displaced, strained, other = atoms.copy(), atoms.copy(), atoms.copy()
    displaced.positions[0, 0] += 2e-8
    strained.cell[0, 0] += 2e-8
    other.symbols[0] = "Al"
    open_boundary = atoms.copy()
    open_boundary.pbc = (True, True, False)
    hashes = {content_hash(a) for a in (atoms, displaced, strained, other, open_boundary)}
    assert len(hashes) == 5


def test_hash_can_never_be_read_as_a_number(cells: list[Atoms]) -> None:
    assert all(content_hash(atoms)[0] in "abcdef" and len(content_hash(atoms)) == 16 for atoms in cells)


def test_strings_that_look_like_numbers_or_booleans_survive_a_file(tmp_path: Path) -> None:
    info = {
        "element": "F",
        "settings": "0123",
        "sid": "12e45",
        "library_sid": "",
        "note": "plain words",
        "rank": 3,
        "gain": 0.1 + 0.2,
    }
    atoms = Atoms("F", cell=np.eye(3), pbc=True, info=info)
    write_structures(tmp_path / "a.extxyz", [atoms])
    assert read_structures(tmp_path / "a.extxyz")[0].info == info
    assert atoms.info == info


def test_no_structures_is_an_empty_file_and_reads_as_no_structures(tmp_path: Path) -> None:
    write_structures(tmp_path / "a.extxyz", [])
    assert (tmp_path / "a.extxyz").stat().st_size == 0
    assert read_structures(tmp_path / "a.extxyz") == []


def test_truncated_file_is_an_error_that_names_the_file(tmp_path: Path, cells: list[Atoms]) -> None:
    path = tmp_path / "a.extxyz"
    write_structures(path, cells)
    path.write_text(path.read_text()[:-60])
    with pytest.raises(ValueError, match=r"a\.extxyz"):
        read_structures(path)


def test_failed_write_leaves_the_old_file(tmp_path: Path, cells: list[Atoms]) -> None:
    path = tmp_path / "a.extxyz"
    write_structures(path, cells[:1])
    with pytest.raises(AttributeError):
        write_structures(path, [cells[0], "not a structure"])
    assert len(read_structures(path)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_scaling_multiplies_every_length_by_the_nearest_neighbour_distance(cells: list[Atoms]) -> None:
    atoms = with_sid(cells[3])
    scaled = scale_structure(atoms, "Al", 2.86)
    assert scaled.get_volume() == pytest.approx(atoms.get_volume() * 2.86**3, rel=1e-6)
    assert np.allclose(
        np.sort(neighbor_list("d", scaled, 2 * 2.86)), np.sort(neighbor_list("d", atoms, 2.0)) * 2.86, atol=1e-6
    )
    assert scaled.info["library_sid"] == atoms.info["sid"] != scaled.info["sid"]
    assert scaled.info["sid"] == content_hash(scaled)
    assert set(scaled.symbols) == {"Al"} and scaled.info["element"] == "Al"


def _library(tmp_path: Path, volumes: list[float]) -> Path:
    path = tmp_path / "library.extxyz"
    write_structures(path, [with_sid(crystal("bcc", "X", v)) for v in volumes])
    return path


def test_shards_hold_the_first_fitting_structures_in_order(tmp_path: Path) -> None:
    library = _library(tmp_path, [3.0, 1.0, 0.9, 3.1, 0.8, 0.7, 0.6])
    shards = [tmp_path / f"shards/shard_{i}.extxyz" for i in (1, 2, 3)]
    n = scale_structures(library, tmp_path / "shards", element="Al", d_nn=2.86, volume=[0.5, 1.5], n=5, shard_size=2)
    volumes = [[round(a.get_volume() / 2.86**3, 6) for a in read_structures(path)] for path in shards]
    assert n == 5 and volumes == [[1.0, 0.9], [0.8, 0.7], [0.6]]


def test_every_shard_is_written_and_a_shortage_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    library = _library(tmp_path, [3.0, 1.0])
    shards = [tmp_path / f"shards/shard_{i}.extxyz" for i in (1, 2)]
    assert (
        scale_structures(library, tmp_path / "shards", element="Al", d_nn=2.86, volume=[0.5, 1.5], n=4, shard_size=2)
        == 1
    )
    assert [len(read_structures(path)) for path in shards] == [1, 0]
    assert "only 1 of 2 structures" in caplog.text


def test_no_fitting_structure_is_an_error_that_names_the_key(tmp_path: Path) -> None:
    library = _library(tmp_path, [3.0])
    with pytest.raises(ValueError, match=r"elements\.Al\.volume"):
        scale_structures(library, tmp_path / "shards", element="Al", d_nn=2.86, volume=[0.5, 1.5], n=1, shard_size=1)


@pytest.mark.parametrize(
    ("name", "coordination", "volume"),
    [  # number of nearest neighbours and v* = V / d_nn^3, by geometry
        ("fcc", 12, 1 / np.sqrt(2)),
        ("hcp", 12, 1 / np.sqrt(2)),
        ("bcc", 8, 4 / (3 * np.sqrt(3))),
        ("sc", 6, 1.0),
        ("diamond", 4, 8 / (3 * np.sqrt(3))),
        ("A7", 3, None),
        ("A8", 2, None),
        ("graphite", 3, None),
    ],
)
def test_crystals_have_their_coordination_and_volume(
    name: str, coordination: int, volume: float | np.float64 | None
) -> None:
    atoms = crystal(name, "Al", 17.0)
    assert atoms.get_volume() / len(atoms) == pytest.approx(17.0)
    i, d = neighbor_list("id", atoms, 9.0)
    for atom in range(len(atoms)):
        mine = np.sort(d[i == atom])
        assert mine[coordination - 1] == pytest.approx(mine[0], rel=2e-3)
        assert mine[coordination] > 1.05 * mine[0]
    if volume is not None:
        assert 17.0 / d.min() ** 3 == pytest.approx(volume, rel=1e-6)


def test_crystals_agree_with_ase_spacegroups() -> None:
    import spglib

    expected = {"fcc": 225, "bcc": 229, "sc": 221, "hcp": 194, "diamond": 227, "graphite": 194, "A7": 166, "A8": 152}
    for name, number in expected.items():
        atoms = crystal(name, "Te", 34.0)
        dataset = spglib.get_symmetry_dataset((atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers))
        assert dataset.number == number


def test_antimony_has_its_measured_bond_lengths() -> None:
    # Sb: a = 4.307 Å, c = 11.273 Å, u = 0.2335 gives 2.91 and 3.36 Å (Barrett, Cucka, Haefner 1963).
    volume = np.sqrt(3) / 2 * 4.307**2 * 11.273 / 6
    d = np.sort(neighbor_list("d", crystal("A7", "Sb", volume, 11.273 / 4.307, 0.2335), 4.0))
    assert d[0] == pytest.approx(2.91, abs=0.01) and d[-1] == pytest.approx(3.36, abs=0.01)


def test_eos_volumes_span_the_strain_symmetrically() -> None:
    structures = eos_structures("hcp", "Be", 8.0, 5, 0.1, c_over_a=1.57)
    assert [a.get_volume() / 2 for a in structures] == pytest.approx([7.2, 7.6, 8.0, 8.4, 8.8], rel=1e-7)
    assert {a.info["config_type"] for a in structures} == {"hcp"} and len({a.info["sid"] for a in structures}) == 5


def test_unknown_crystal_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match="graphite"):
        crystal("wurtzite", "Al", 10.0)
