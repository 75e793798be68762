"""A calculator made elsewhere: used without a fit, movable with its files, refused in one line before any job."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.emt import EMT
from pydantic import ValidationError

from entromax.config.load import ConfigError
from entromax.potentials import load_potential
from entromax.potentials.base import FitError
from entromax.potentials.external import ExternalSettings
from entromax.workflow import require_families
from tests.support import emt_cells

FACTORY = """
import json
from ase.calculators.emt import EMT
from ase.calculators.mixing import LinearCombinationCalculator

def scaled(scales, element="Al"):
    return LinearCombinationCalculator([EMT()], [json.load(open(scales))[element]])

def no_stress():
    calculator = EMT()
    calculator.implemented_properties = ["energy", "forces"]
    return calculator

radius = 3.0
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    emt_cells.write_set(tmp_path, train=6, validation=0)
    (tmp_path / "mine.py").write_text(FACTORY)
    (tmp_path / "scales.json").write_text('{"Al": 1.5}')
    return tmp_path


def test_a_local_file_with_its_model_gives_a_potential_that_can_be_moved(folder: Path) -> None:
    files = {"scales": str(folder / "scales.json")}
    settings = ExternalSettings(calculator=f"{folder}/mine.py:scaled", files=files, align=False)
    require_families({"mine": settings})
    card = emt_cells.fit(folder, "mine", settings)
    for gone in ("mine.py", "scales.json"):
        (folder / gone).unlink()
    shutil.move(folder / "mine", folder / "moved")
    calculator = load_potential(folder / "moved")
    for atoms in emt_cells.cells(3, seed=5):
        found = emt_cells.bare(atoms, calculator)
        assert found.get_potential_energy() == pytest.approx(1.5 * atoms.info["REF_energy"], abs=1e-9)
        np.testing.assert_allclose(found.get_forces(), 1.5 * atoms.arrays["REF_forces"], atol=1e-9)
        np.testing.assert_allclose(found.get_stress(), 1.5 * atoms.info["REF_stress"], atol=1e-9)
    assert card["facts"] == {"fitted": False, "shift": 0.0} and card["lammps"] is None


def test_another_zero_of_energy_is_found_in_the_training_set(folder: Path) -> None:
    shifted = folder / "train.extxyz"
    labels = emt_cells.cells(7, seed=0)
    for number, atoms in enumerate(labels):
        atoms.info["REF_energy"] += len(atoms) * (-3.25 if number else 40.0)  # one label is far off
    emt_cells.write_structures(shifted, [emt_cells.free_atom(), *labels])
    card = emt_cells.fit(folder, "emt", ExternalSettings(calculator="ase.calculators.emt:EMT"))
    assert card["facts"]["shift"] == pytest.approx(-3.25, abs=1e-9)
    atoms = emt_cells.bare(emt_cells.cells(1, seed=9)[0], EMT())
    alone = atoms.get_potential_energy()
    atoms.calc = load_potential(folder / "emt")
    assert atoms.get_potential_energy() == pytest.approx(alone - 3.25 * len(atoms), abs=1e-9)


def test_a_calculator_that_is_not_enough_stops_its_job_with_the_reason(folder: Path) -> None:
    with pytest.raises(FitError, match="gives no stress"):
        emt_cells.fit(folder, "mine", ExternalSettings(calculator=f"{folder}/mine.py:no_stress"))
    assert not (folder / "mine").exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"calculator": "nowhere.py:make"}, "there is no file 'nowhere.py'; paths are relative to the working"),
        ({"calculator": "mine.py:make"}, "make is a NoneType"),
        ({"calculator": "mine.py:radius"}, "radius is a float"),
        ({"calculator": "mine.py:scaled"}, "missing a required argument: 'scales'"),
        ({"calculator": "mine.py:no_stress", "arguments": {"device": "cpu"}}, "unexpected keyword argument 'device'"),
        (
            {"calculator": "mine.py:scaled", "files": {"scales": "big.model"}},
            r"files\.scales: there is no 'big\.model'",
        ),
        ({"calculator": "ase.calculators.emt:ETM"}, "module 'ase.calculators.emt' has no 'ETM'"),
        ({"calculator": "nothing_of_that_name.x:Y"}, "No module named 'nothing_of_that_name'; install its package, or"),
    ],
)
def test_what_is_wrong_is_said_before_any_job(
    values: dict, words: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(ConfigError, match=words) as error:
        require_families({"mine": ExternalSettings(**values)})
    assert str(error.value).startswith("potentials.mine: ") and "\n" not in str(error.value)


def test_settings_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValidationError, match="stands in arguments, too"):
        ExternalSettings(calculator="a.py:b", arguments={"model": 1}, files={"model": "m"})
    with pytest.raises(ValidationError, match="two have the same name"):
        ExternalSettings(calculator="a.py:b", files={"one": "x/m", "two": "y/m"})
    assert json.loads(ExternalSettings(calculator="a.py:b").model_dump_json())["align"] is True
