"""Exports of the dataset, each read back by the program that it is for."""

import gzip
import json
import pickletools
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import ase.io
import dpdata
import h5py
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import voigt_6_to_full_3x3_stress

from entromax.config.models import DatasetSettings
from entromax.dataset import FORMATS, export_dataset
from entromax.potentials.ace_model import import_pyace
from entromax.structures import write_structures
from tests.support.emt_cells import free_atom, labelled

Exported = tuple[Path, dict[str, list[Atoms]]]
"""Folder and the structures of every part."""


def cells(count: int, seed: int) -> Iterator[Atoms]:
    """Return compressed and stretched cells without symmetry, every second one left-handed."""
    generator = np.random.default_rng(seed)
    for index in range(count):
        atoms = bulk("Al", cubic=True) if index % 3 else bulk("Al")
        strain = np.eye(3) * generator.uniform(0.9, 1.1) + generator.uniform(-0.05, 0.05, (3, 3))
        atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        atoms.rattle(0.1, rng=generator)
        if index % 2:
            atoms.cell[:] = atoms.cell[[1, 0, 2]]
        yield labelled(atoms)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Folder of a dataset, and its structures by part; the free atom comes first in ``train``."""
    folder = tmp_path_factory.mktemp("dataset")
    parts = {"train": [free_atom(), *cells(7, 0)], "validation": [], "test": [*cells(3, 1)]}
    for part, structures in parts.items():
        write_structures(folder / f"{part}.extxyz", structures)
    return folder, parts


@pytest.fixture
def exported(dataset: Exported, tmp_path: Path, request: pytest.FixtureRequest) -> Exported:
    export_dataset(dataset[0], request.param, tmp_path / "export")
    return tmp_path / "export", dataset[1]


@pytest.mark.parametrize("exported", ["extxyz"], indirect=True)
def test_ase_reads_extxyz_with_its_own_keys(exported: Exported) -> None:
    folder, parts = exported
    for part in ("train", "test"):
        for read, atoms in zip(ase.io.read(folder / f"{part}.extxyz", ":"), parts[part], strict=True):
            assert read.get_potential_energy() == pytest.approx(atoms.info["REF_energy"], abs=1e-7)
            np.testing.assert_allclose(read.get_forces(), atoms.arrays["REF_forces"], atol=1e-7)
            np.testing.assert_allclose(read.get_stress(), atoms.info["REF_stress"], atol=1e-7)
            assert read.cell.volume == pytest.approx(atoms.cell.volume) and np.linalg.det(read.cell.array) > 0
            assert read.info["sid"] == atoms.info["sid"] and not [key for key in read.info if key.startswith("REF_")]


@pytest.mark.parametrize("exported", ["mace"], indirect=True)
def test_mace_reads_its_default_keys_and_the_free_atom(
    exported: Exported,
) -> None:
    data = pytest.importorskip("mace.data")
    folder, parts = exported
    energies, read = data.load_from_xyz(
        str(folder / "train.xyz"),
        key_specification=data.KeySpecification.from_defaults(),
        extract_atomic_energies=True,
    )
    atom, *bulk_structures = parts["train"]
    assert energies == {13: pytest.approx(atom.info["REF_energy"])}
    assert len(read) == len(bulk_structures)
    for configuration, atoms in zip(read, bulk_structures, strict=True):
        assert configuration.properties["energy"] == pytest.approx(atoms.info["REF_energy"], abs=1e-7)
        np.testing.assert_allclose(configuration.properties["forces"], atoms.arrays["REF_forces"], atol=1e-7)
        np.testing.assert_allclose(configuration.properties["stress"], atoms.info["REF_stress"], atol=1e-7)
        assert all(configuration.property_weights[name] == 1 for name in ("energy", "forces", "stress"))


@pytest.mark.skipif(find_spec("pyace") is None, reason="python-ace is optional, its licence non-commercial")
@pytest.mark.parametrize("exported", ["pacemaker"], indirect=True)
def test_pacemaker_reads_its_dataframes(exported: Exported) -> None:
    preparedata = import_pyace("pyace.preparedata")
    folder, parts = exported
    atom, *bulk_structures = parts["train"]
    dataset = preparedata.ACEDataset(
        {"filename": str(folder / "train.pckl.gzip"), "test_filename": str(folder / "test.pckl.gzip")},
        cutoff=4.0,
        elements=["Al"],
        evaluator_name="pyace",
    )
    assert len(dataset.test_data) == len(parts["test"])
    rows = dataset.fitting_data.to_dict("records")
    for row, atoms in zip(rows, bulk_structures, strict=True):
        assert row["energy_corrected"] == pytest.approx(
            atoms.info["REF_energy"] - len(atoms) * atom.info["REF_energy"], abs=1e-7
        )
        np.testing.assert_allclose(row["forces"], atoms.arrays["REF_forces"], atol=1e-7)
        np.testing.assert_allclose(row["ase_atoms"].positions, atoms.positions, atol=1e-7)
        assert row["atomic_env"].n_atoms_real == len(atoms)


@pytest.mark.parametrize("exported", ["pacemaker"], indirect=True)
def test_pacemaker_pickles_hold_nothing_that_pandas_2_lacks(
    exported: Exported,
) -> None:
    """The strings of pandas 3 are a type of their own, which pandas 2 cannot read."""
    text = gzip.decompress((exported[0] / "train.pckl.gzip").read_bytes())
    names = [argument for operation, argument, _ in pickletools.genops(text) if isinstance(argument, str)]
    assert "DataFrame" in names
    assert not [name for name in names if "StringDtype" in name or "StringArray" in name or "pyarrow" in name]


@pytest.mark.parametrize("exported", ["fitsnap"], indirect=True)
def test_fitsnap_reads_its_groups(exported: Exported) -> None:
    """Its scraper turns every cell into the frame of LAMMPS; its ``Rotation`` turns the answers back."""
    config = pytest.importorskip("fitsnap3lib.io.input")
    from fitsnap3lib.parallel_tools import ParallelTools
    from fitsnap3lib.scrapers.json_scraper import Json

    folder, parts = exported
    shift = json.loads((folder / "isolated_atoms.json").read_text())
    settings = {
        "BISPECTRUM": {"numTypes": 1, "twojmax": 6, "rcutfac": 4.6, "type": "Al"},
        "CALCULATOR": {"calculator": "LAMMPSSNAP", "energy": 1, "force": 1, "stress": 1},
        "ESHIFT": {symbol: -energy for symbol, energy in shift.items()},
        "SCRAPER": {"scraper": "JSON"},
        "PATH": {"dataPath": str(folder)},
        "REFERENCE": {"units": "metal", "pair_style": "zero 6.0", "pair_coeff": "* *"},
        "GROUPS": {
            "group_sections": "name training_size testing_size eweight fweight vweight",
            "group_types": "str float float float float float",
            "train": "1.0 0.0 1.0 1.0 1.0",
            "test": "0.0 1.0 1.0 1.0 1.0",
        },
    }
    tools = ParallelTools()
    scraper = Json("JSON", tools, config.Config(tools, settings, ["--overwrite"]))
    scraper.scrape_groups()
    scraper.divvy_up_configs()
    read = {data["File"].removesuffix(".json"): data for data in scraper.scrape_configs()}
    atom, *structures = parts["train"] + parts["test"]
    assert sorted(read) == sorted(atoms.info["sid"] for atoms in structures)
    for atoms in structures:
        data = read[atoms.info["sid"]]
        turn = data["Rotation"]
        assert data["Energy"] == pytest.approx(atoms.info["REF_energy"] - len(atoms) * atom.info["REF_energy"])
        np.testing.assert_allclose(data["Forces"] @ turn, atoms.arrays["REF_forces"], atol=1e-7)
        pressure = -voigt_6_to_full_3x3_stress(atoms.info["REF_stress"]) / units.bar
        np.testing.assert_allclose(turn.T @ data["Stress"] @ turn, pressure, atol=0.1)
        copy = Atoms(data["AtomTypes"], positions=data["Positions"], cell=data["Lattice"].T, pbc=True, calculator=EMT())
        assert copy.get_potential_energy() == pytest.approx(atoms.info["REF_energy"], abs=1e-6)


@pytest.mark.parametrize("exported", ["fitsnap"], indirect=True)
def test_fitsnap_files_are_as_documented(exported: Exported) -> None:
    folder, parts = exported
    for part in ("train", "test"):
        bulk_structures = [atoms for atoms in parts[part] if atoms.info["config_type"] == "library"]
        assert len(list((folder / part).iterdir())) == len(bulk_structures)
        for atoms in bulk_structures:
            dataset = json.loads((folder / part / f"{atoms.info['sid']}.json").read_text())["Dataset"]
            (data,) = dataset["Data"]
            assert dataset["StressStyle"] == "bar" and np.linalg.det(data["Lattice"]) > 0
            trace = -np.mean(atoms.info["REF_stress"][:3]) / units.GPa * 1e4  # 1 GPa = 10 000 bar
            assert np.trace(data["Stress"]) / 3 == pytest.approx(trace, abs=0.1)


@pytest.mark.parametrize("exported", ["deepmd"], indirect=True)
def test_dpdata_reads_the_systems_of_deepmd(exported: Exported) -> None:
    """The oracle of the virial is dpdata's own conversion of an ASE calculator."""
    folder, parts = exported
    assert json.loads((folder / "isolated_atoms.json").read_text()) == {
        "Al": pytest.approx(parts["train"][0].info["REF_energy"])
    }
    for part in ("train", "test"):
        bulk_structures = [atoms for atoms in parts[part] if atoms.info["config_type"] == "library"]
        found = 0
        for system in (folder / part).iterdir():
            read = dpdata.LabeledSystem(str(system), fmt="deepmd/npy")
            frames = [atoms for atoms in bulk_structures if str(atoms.symbols) == system.name]
            assert read.get_atom_names() == ["Al"] and len(read) == len(frames)
            for index, atoms in enumerate(frames):
                energy, forces, stress = (
                    atoms.info["REF_energy"],
                    atoms.arrays["REF_forces"],
                    np.asarray(atoms.info["REF_stress"]),
                )
                copy = atoms.copy()
                copy.cell[:] = copy.cell[[1, 0, 2]] if np.linalg.det(copy.cell) < 0 else copy.cell
                copy.calc = SinglePointCalculator(copy, energy=energy, forces=forces, stress=stress)
                expected = dpdata.LabeledSystem(copy, fmt="ase/structure").data
                for key in ("energies", "forces", "virials", "cells"):
                    np.testing.assert_allclose(read.data[key][index], expected[key][0], atol=1e-6)
            found += len(read)
        assert found == len(bulk_structures)


def test_every_format_replaces_an_older_export_as_a_whole(dataset: Exported, tmp_path: Path) -> None:
    for name in FORMATS:
        target = tmp_path / name
        target.mkdir()
        (target / "stale").touch()
        export_dataset(dataset[0], name, target)
        assert not (target / "stale").exists() and (target / "isolated_atoms.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FORMATS)


def test_the_configuration_offers_every_format() -> None:
    assert DatasetSettings(exports=list(FORMATS)).exports == list(FORMATS)


def test_unknown_formats_and_missing_datasets_are_refused(dataset: Exported, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown format 'cfg'; choose from deepmd, extxyz"):
        export_dataset(dataset[0], "cfg", tmp_path / "out")
    with pytest.raises(FileNotFoundError, match=r"train\.extxyz"):
        export_dataset(tmp_path, "mace", tmp_path / "out")
    for part, structures in dataset[1].items():
        write_structures(tmp_path / f"{part}.extxyz", structures[1:] if part == "train" else structures)
    with pytest.raises(ValueError, match="holds no free atom of Al"):
        export_dataset(tmp_path, "mace", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("exported", ["hdf5"], indirect=True)
def test_hdf5_gives_every_structure_back(exported: Exported) -> None:
    with h5py.File(exported[0] / "dataset.h5") as file:
        assert set(file) == set(exported[1]) and file["test/forces"].attrs["unit"] == "eV/Å"
        for part, structures in exported[1].items():
            group, last = file[part], np.cumsum(file[part]["n_atoms"][:], dtype=int)
            assert len(last) == len(structures) and len(group["numbers"]) == sum(map(len, structures))
            for index, (atoms, end) in enumerate(zip(structures, last, strict=True)):
                own = slice(end - len(atoms), end)
                back = Atoms(group["numbers"][own], group["positions"][own], cell=group["cell"][index], pbc=True)
                # The extended XYZ of the dataset holds eight digits.
                np.testing.assert_allclose(group["forces"][own], atoms.arrays["REF_forces"], atol=1e-7)
                np.testing.assert_allclose(group["stress"][index], atoms.info["REF_stress"], atol=1e-7)
                assert group["energy"][index] == pytest.approx(atoms.info["REF_energy"], abs=1e-7)
                assert group["sid"].asstr()[index] == atoms.info["sid"]
                if len(atoms) > 1:
                    back.calc = EMT()
                    assert back.get_potential_energy() == pytest.approx(atoms.info["REF_energy"], abs=1e-5)
