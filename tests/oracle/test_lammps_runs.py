"""LAMMPS runs what was fitted: with the pair style where it has one, through Python where it has none."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ase.build import bulk

from entromax.config.models import LammpsRunSettings
from entromax.potentials import load_potential
from entromax.potentials.ace import AceSettings
from entromax.potentials.base import CARD
from entromax.potentials.external import ExternalSettings
from entromax.potentials.lammps_program import LammpsError
from entromax.potentials.lammps_python import run_structures
from entromax.potentials.open_ace import OpenAceSettings
from entromax.potentials.snap import SnapSettings
from entromax.report.topics.lammps import PYTHON
from entromax.structures import write_structures
from entromax.validation.lammps import validate_lammps
from tests.support import emt_cells

FAMILIES = {
    "snap": SnapSettings(twojmax=4),
    "emt": ExternalSettings(calculator="ase.calculators.emt:EMT"),
    "units": OpenAceSettings(functions=30, hidden_units=20, cutoff=2.2),  # ML-PACE knows no hidden units
}
PLUGIN = Path(os.environ.get("LAMMPS_PLUGIN_PATH", "nowhere")) / "paceplugin.so"
QUICK = LammpsRunSettings(compared=4, atoms=8, steps=200, through_python=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lammps")
    emt_cells.write_set(folder, train=16, validation=4)
    for name, settings in FAMILIES.items():
        emt_cells.fit(folder, name, settings)
    write_structures(folder / "reference.extxyz", [emt_cells.labelled(bulk("Al", a=4.0), "fcc")])
    return folder


def run(folder: Path, name: str, settings: LammpsRunSettings = QUICK) -> dict:
    out = folder / f"tests_{name}"
    validate_lammps(
        [folder / "validation.extxyz", folder / "train.extxyz"],
        folder / "reference.extxyz",
        folder / name,
        ground_state="fcc",
        settings=settings,
        seed=3,
        metrics=out / "lammps.json",
        input_file=out / "in.lammps",
        data_file=out / "crystal.data",
    )
    return json.loads((out / "lammps.json").read_text())


@pytest.mark.parametrize("name", FAMILIES)
def test_lammps_and_ase_agree_and_energy_is_conserved(name: str, folder: Path) -> None:
    found = run(folder, name)
    assert found["how"] == ("pair style" if name == "snap" else "python")
    assert found["agrees"] and max(found["differences"].values()) < 1e-6 and found["structures"] == 4
    assert found["dynamics"]["atom_steps_per_second"] > 1
    assert found["dynamics"]["fluctuation"] < 3 and abs(found["dynamics"]["drift"]) < 30  # of 100 meV/atom at 300 K


def test_the_input_file_runs_as_it_stands(folder: Path, tmp_path: Path) -> None:
    run(folder, "snap")
    text = (folder / "tests_snap/in.lammps").read_text()
    assert "NOT RUN" not in text and "pair_coeff * * snap Al.snapcoeff Al.snapparam Al" in text


def test_the_script_of_the_report_runs_as_it_stands(folder: Path) -> None:
    """Beside crystal.data, by a Python of its own; only the number of steps is smaller."""
    run(folder, "emt", QUICK.model_copy(update={"steps": 20}))
    script = PYTHON.format(folder=folder / "emt", element="Al").replace("run 1000", "run 20")
    done = subprocess.run([sys.executable, "-c", script], cwd=folder / "tests_emt", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Loop time of" in (folder / "tests_emt/log.lammps").read_text()


def test_other_coefficients_than_those_of_ase_are_found(folder: Path) -> None:
    file = folder / "snap/Al.snapcoeff"
    before = file.read_text()
    lines = before.splitlines()
    lines[-1] = repr(float(lines[-1]) + 1e-3)
    file.write_text("\n".join(lines) + "\n")
    found = run(folder, "snap")
    file.write_text(before)
    assert found["how"] == "pair style" and not found["agrees"]


def test_dynamics_that_break_are_a_result_and_no_failure(folder: Path) -> None:
    shutil.copytree(folder / "snap", folder / "poor")
    file = folder / "poor/Al.snapcoeff"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line if " " in line else repr(1e4 * float(line)) for line in lines) + "\n")
    found = run(folder, "poor")
    assert found["how"] == "pair style" and found["dynamics"] is None and "Lost atoms" in found["stopped"]


def test_a_pair_style_that_this_lammps_has_not_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAMMPS_PLUGIN_PATH", raising=False)
    card = folder / "emt" / CARD
    before = card.read_text()
    card.write_text(json.dumps(json.loads(before) | {"lammps": "pair_style pace\npair_coeff * * ace.yace Al"}))
    found = run(folder, "emt", QUICK.model_copy(update={"through_python": False}))
    card.write_text(before)
    assert found["how"] == "python" and "pair style 'pace'" in found["reason"] and found["dynamics"] is None
    text = (folder / "tests_emt/in.lammps").read_text()
    assert f"# NOT RUN by the campaign: {found['reason']}" in text and "pair_coeff * * ace.yace Al" in text


@pytest.mark.skipif(not PLUGIN.is_file(), reason="LAMMPS_PLUGIN_PATH names no plugin of envs/lammps_pace.sh")
@pytest.mark.parametrize("settings", [AceSettings(functions=30, cutoff=2.0), OpenAceSettings(functions=30, cutoff=2.0)])
def test_ace_runs_by_its_pair_style_where_the_plugin_is(settings: AceSettings, folder: Path) -> None:
    emt_cells.fit(folder, settings.family, settings)
    found = run(folder, settings.family)
    assert found["how"] == "pair style" and found["agrees"] and found["dynamics"]["fluctuation"] < 3


def test_a_program_that_is_not_there_is_named(folder: Path) -> None:
    found = run(folder, "snap", QUICK.model_copy(update={"command": "lmp_nowhere", "steps": 20}))
    assert found["how"] == "python" and found["reason"] == "there is no program 'lmp_nowhere'" and found["agrees"]


def test_what_a_calculator_raises_inside_lammps_is_not_lost(folder: Path, tmp_path: Path) -> None:
    calculator = load_potential(folder / "emt")
    with pytest.raises(LammpsError, match="No EMT-potential"):
        run_structures([emt_cells.cells(1, 3)[0]], tmp_path, calculator, "Fe")
