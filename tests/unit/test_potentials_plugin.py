"""The example of a user's own family: fitted, loaded again, and refused before any job when something is wrong."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from entromax.config.load import ConfigError
from entromax.potentials import load_potential, train_potential
from entromax.potentials.ace import AceSettings
from entromax.potentials.plugin import PluginSettings
from entromax.structures import with_sid, write_structures
from entromax.workflow import require_families

EXAMPLE = Path(__file__).parents[2] / "examples/morse.py"
D_NN, E0 = 2.86, -0.3
TRUTH = {"epsilon": 0.27, "rho0": 4.1, "r0": 2.95}


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("morse_example", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, example: ModuleType) -> tuple[Path, list[Atoms]]:
    """Crystals without symmetry, labelled with a Morse potential of known parameters."""
    folder = tmp_path_factory.mktemp("plugin")
    generator = np.random.default_rng(0)
    cutoffs = {"rcut1": 0.8 * 2.2 * D_NN / TRUTH["r0"], "rcut2": 2.2 * D_NN / TRUTH["r0"]}
    truth = example.OverFreeAtoms(e0=E0, **TRUTH, **cutoffs)
    structures = [Atoms("Al", cell=[20.0] * 3, pbc=True)]
    for k in range(12):
        atoms = bulk("Al", ("fcc", "bcc", "hcp")[k % 3], a=(4.0, 3.2, 2.86)[k % 3] * generator.uniform(0.95, 1.1))
        atoms.rattle(0.15, rng=generator)
        structures.append(atoms)
    for index, atoms in enumerate(structures):
        labelled = atoms.copy()
        labelled.calc = truth
        atoms.info = with_sid(atoms).info | {
            "REF_energy": labelled.get_potential_energy(),
            "REF_stress": labelled.get_stress(),
            "config_type": "library" if index else "isolated_atom",
        }
        atoms.arrays["REF_forces"] = labelled.get_forces()
    write_structures(folder / "train.extxyz", structures)
    write_structures(folder / "validation.extxyz", [])
    return folder, structures


@pytest.mark.slow
def test_a_family_from_outside_finds_the_parameters_behind_its_labels(
    dataset: tuple[Path, list[Atoms]], tmp_path: Path
) -> None:
    folder, structures = dataset
    own = tmp_path / "my_family.py"
    shutil.copy(EXAMPLE, own)
    card = train_potential(
        folder / "train.extxyz",
        folder / "validation.extxyz",
        potential=tmp_path / "potential",
        element="Al",
        d_nn=D_NN,
        settings=PluginSettings(file=str(own), options={"cutoff": 2.2}),
        seed=0,
    )
    own.unlink()  # the folder of the potential keeps a copy: it must stay loadable without this file
    calculator = load_potential(tmp_path / "potential")
    for name, value in TRUTH.items():
        assert calculator.parameters[name] == pytest.approx(value, rel=1e-5)
    for atoms in structures[1:4]:
        copy = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True, calculator=calculator)
        assert copy.get_potential_energy() == pytest.approx(atoms.info["REF_energy"], abs=1e-6)
        np.testing.assert_allclose(copy.get_stress(), atoms.info["REF_stress"], atol=1e-6)
    assert card["family"] == "plugin" and card["settings"]["options"] == {"cutoff": 2.2} and card["lammps"] is None


def problem(**values: dict[str, float | str] | str) -> str:
    with pytest.raises(ConfigError) as error:
        require_families({"mine": PluginSettings(**values)})
    return str(error.value)


def test_what_is_wrong_with_it_is_said_before_any_job(tmp_path: Path) -> None:
    require_families({"mine": PluginSettings(file=str(EXAMPLE), options={})})
    missing = problem(file=str(tmp_path / "nowhere.py"), options={})
    assert missing.startswith("potentials.mine: there is no file") and "working directory" in missing
    misspelt = problem(file=str(EXAMPLE), options={"cutof": 2.0, "energy_scale": "5 eV"})
    assert "cutof: Extra inputs" in misspelt and "energy_scale: Input should be a valid number" in misspelt
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    assert "ModuleNotFoundError: No module named 'nothing_of_that_name'" in problem(file=str(tmp_path / "broken.py"))
    (tmp_path / "empty.py").touch()
    assert "FAMILY is a NoneType, not a Family" in problem(file=str(tmp_path / "empty.py"))


def test_a_missing_package_stops_the_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"potentials\.fast: family 'ace' needs the Python package 'pyace'.*\[ace\]"):
        require_families({"fast": AceSettings()})
