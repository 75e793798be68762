"""MACE trained on EMT: learns, is reproducible, weighs as told, and brings a file for LAMMPS."""

import json
import re
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.calculator import BaseCalculator
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

from entromax.config.models import LabelNoise
from entromax.potentials import load_potential
from entromax.potentials.base import FitError
from entromax.potentials.mace import (
    LOG,
    MODEL,
    QUANTITIES,
    TRAINING,
    VALIDATION,
    MaceSettings,
    last_line,
    run_logged,
    train_command,
    weighted,
)
from entromax.structures import read_structures, write_structures
from tests.support.emt_cells import D_NN, bare, cells, fit, free_atom, relative_errors, write_set

pytestmark = pytest.mark.skipif(find_spec("mace") is None, reason="mace-torch is optional")
TINY = MaceSettings(channels=8, layers=1, correlation=2, cutoff=1.5, epochs=40, batch_size=2, learning_rate=0.03)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mace")
    write_set(folder, train=24, validation=6)
    fit(folder, "mace", TINY)
    return folder


@pytest.fixture(scope="module")
def calculator(folder: Path) -> BaseCalculator:
    return load_potential(folder / "mace")


def test_errors_on_unseen_cells_are_below_the_spread_of_the_labels(calculator: BaseCalculator) -> None:
    energy, forces, stress = relative_errors(cells(12, seed=2), calculator)
    assert max(energy, forces, stress) < 0.8  # of the spread of the labels: it has learned, in 40 epochs of 24 cells


def test_free_atom_has_its_energy(calculator: BaseCalculator) -> None:
    atom = bare(free_atom(), calculator)
    assert atom.get_potential_energy() == pytest.approx(free_atom().info["REF_energy"], abs=1e-8)


def test_forces_and_stress_are_derivatives_of_the_energy(calculator: BaseCalculator) -> None:
    atoms = bare(cells(3, seed=4)[2], calculator)
    np.testing.assert_allclose(atoms.get_forces(), calculate_numerical_forces(atoms, eps=1e-4), atol=1e-5)
    np.testing.assert_allclose(atoms.get_stress(), calculate_numerical_stress(atoms, eps=1e-5), atol=1e-5)


def first_epoch(log: Path) -> str:
    """Return what MACE logged of its first epoch: loss and errors on the validation set, to many digits."""
    (line,) = re.findall(r"Epoch 0: (.*)", log.read_text())
    return line


def test_the_same_seed_gives_the_same_training(folder: Path) -> None:
    run = folder / "again"
    run.mkdir()
    for name in (TRAINING, VALIDATION):
        shutil.copy(folder / "mace" / name, run)
    short = TINY.model_copy(update={"epochs": 1})
    command = train_command(short, d_nn=D_NN, seed=1, validation=True, device="cpu")
    assert run_logged(command, run, threads=1) == 0
    assert first_epoch(run / LOG) == first_epoch(folder / "mace" / LOG)
    assert (run / MODEL).is_file()


def test_the_folder_holds_the_models_their_data_and_the_log_and_nothing_else(folder: Path) -> None:
    names = {path.name for path in (folder / "mace").iterdir()}
    assert names == {
        "mace.model",
        "mace.model-lammps.pt",
        "mace.log",
        "train.xyz",
        "validation.xyz",
        "potential.json",
    }
    card = json.loads((folder / "mace/potential.json").read_text())
    assert "pair_coeff * * mace.model-lammps.pt Al" in card["lammps"] and card["facts"]["epochs"] == TINY.epochs


def test_weights_fall_with_height_and_noise_as_the_settings_say() -> None:
    structures = [free_atom(), *cells(10, 0)]
    energies = np.array([atoms.info["REF_energy"] / len(atoms) for atoms in structures[1:]])
    settings = MaceSettings(energy_weight=100.0, force_weight=1.0, stress_weight=0.0, height=0.5)
    prepared = weighted(structures, settings, energies.min(), LabelNoise(forces=2.0))
    growth = 1 + ((energies - energies.min()) / 0.5) ** 2
    found = {name: [atoms.info[f"config_{name}_weight"] for atoms in prepared[1:]] for name in QUANTITIES}
    np.testing.assert_allclose(found["energy"], 1 / growth)
    np.testing.assert_allclose(found["forces"], 1 / (growth + 4))
    assert found["stress"] == [1.0] * 10
    assert prepared[0].info["config_type"] == "IsolatedAtom" and "config_energy_weight" not in prepared[0].info


def test_lengths_are_in_units_of_d_nn() -> None:
    command = train_command(MaceSettings(), d_nn=2.0, seed=3, validation=True, device="cpu")
    assert "--r_max=3.600000" in command and "--seed=3" in command and "--valid_file=validation.xyz" in command


def test_a_training_set_without_a_free_atom_is_refused(folder: Path) -> None:
    structures = read_structures(folder / "train.extxyz")
    write_structures(folder / "train_without.extxyz", structures[1:])
    with pytest.raises(FitError, match=r"0 free atoms"):
        fit(folder, "bad", TINY, train="train_without.extxyz")
    assert not (folder / "bad").exists()


def test_what_a_failed_program_said_last_is_quoted(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('training'); raise SystemExit('out of memory')"]
    assert run_logged(command, tmp_path, threads=1) == 1
    assert last_line(tmp_path / LOG) == "out of memory"
