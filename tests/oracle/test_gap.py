"""GAP fitted to EMT: errors small where it was trained, forces and stress are derivatives of its energy."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read
from ase.neighborlist import neighbor_list
from ase.stress import voigt_6_to_full_3x3_stress

from entromax.potentials import load_potential, train_potential
from entromax.potentials.base import FitError
from entromax.potentials.core import Core
from entromax.potentials.gap import GapSettings, boxed, gap_fit_command, prepared, require_targets
from entromax.structures import read_structures, write_structures
from tests.support.derivatives import stress_by_differences
from tests.support.emt_cells import D_NN, bare, free_atom, labelled

SMALL = GapSettings(n_max=5, l_max=3, n_sparse=100)

Campaign = tuple[Path, list[Atoms], dict[str, Any]]
"""Folder, training structures and the card of the potential."""


def random_cell(generator: np.random.Generator) -> Atoms:
    count = int(generator.integers(1, 4))
    while True:
        cell = np.eye(3) + generator.uniform(-0.25, 0.25, (3, 3))
        cell *= (count * generator.uniform(0.65, 1.0) * D_NN**3 / abs(np.linalg.det(cell))) ** (1 / 3)
        atoms = Atoms(["Al"] * count, cell=cell, scaled_positions=generator.uniform(0, 1, (count, 3)), pbc=True)
        if len(neighbor_list("d", atoms, 0.75 * D_NN)) == 0:
            return atoms


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = tmp_path_factory.mktemp("gap")
    generator = np.random.default_rng(0)
    train = [free_atom(), *(labelled(random_cell(generator)) for _ in range(40))]
    write_structures(folder / "train.extxyz", train)
    write_structures(folder / "validation.extxyz", [])
    card = fit(folder, folder / "potential")
    return folder, train, card


def fit(
    folder: Path, potential: Path, settings: GapSettings = SMALL, train: str = "train.extxyz", seed: int = 1
) -> dict[str, Any]:
    return train_potential(
        folder / train,
        folder / "validation.extxyz",
        potential=potential,
        element="Al",
        d_nn=D_NN,
        settings=settings,
        seed=seed,
    )


def errors(potential: Path, structures: list[Atoms]) -> tuple[float, float, float]:
    calculator = load_potential(potential)
    energy, force, stress = [], [], []
    for atoms in structures:
        copy = atoms.copy()
        copy.calc = calculator
        energy.append((copy.get_potential_energy() - atoms.info["REF_energy"]) / len(atoms))
        force.append(copy.get_forces() - atoms.arrays["REF_forces"])
        stress.append(copy.get_stress() - atoms.info["REF_stress"])
    return tuple(float(np.sqrt(np.mean(np.square(np.concatenate(x, axis=None))))) for x in (energy, force, stress))


def test_training_errors_are_far_below_the_spread_of_the_labels(campaign: Campaign) -> None:
    folder, train, _ = campaign
    energy, force, stress = errors(folder / "potential", train[1:])
    spread = [np.std([atoms.info["REF_energy"] / len(atoms) for atoms in train[1:]])]
    spread += [np.std(np.concatenate([atoms.arrays["REF_forces"] for atoms in train[1:]]))]
    spread += [np.std([atoms.info["REF_stress"] for atoms in train[1:]])]
    assert energy < 0.02 * spread[0] and force < 0.1 * spread[1] and stress < 0.2 * spread[2]


def test_free_atom_has_its_energy(campaign: Campaign) -> None:
    folder, train, _ = campaign
    atom = Atoms("Al", positions=[[15, 15, 15]], cell=[30, 30, 30], pbc=True)
    atom.calc = load_potential(folder / "potential")
    assert atom.get_potential_energy() == pytest.approx(train[0].info["REF_energy"], abs=1e-6)


def test_forces_and_stress_are_derivatives_of_the_energy(campaign: Campaign) -> None:
    atoms = bulk("Al", "hcp", a=2.8, c=4.6)
    atoms.rattle(0.1, seed=2)
    atoms.calc = load_potential(campaign[0] / "potential")
    forces, stress, step = atoms.get_forces(), atoms.get_stress(), 1e-4
    for axis in range(3):
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.calc = atoms.calc
            moved.positions[0, axis] += sign * step
            ends.append(moved.get_potential_energy())
        assert -(ends[0] - ends[1]) / (2 * step) == pytest.approx(forces[0, axis], abs=1e-4)
    found = stress_by_differences(lambda strained: bare(strained, atoms.calc).get_potential_energy(), atoms, step)
    assert found == pytest.approx(stress, abs=1e-4)


def test_the_same_seed_gives_the_same_potential(campaign: Campaign) -> None:
    folder, train, _ = campaign
    fit(folder, folder / "again")
    first, again = load_potential(folder / "potential"), load_potential(folder / "again")
    for atoms in train[1:6]:
        energies = []
        for calculator in (first, again):
            copy = atoms.copy()
            copy.calc = calculator
            energies.append(copy.get_potential_energy())
        assert energies[0] == pytest.approx(energies[1], abs=1e-9)


@pytest.mark.parametrize(("loosened", "which", "growth"), [("sigma_force", 1, 1.03), ("sigma_stress", 2, 1.1)])
def test_forces_and_stresses_are_fitted_each_for_itself(
    campaign: Campaign, loosened: str, which: int, growth: float
) -> None:
    """One whose expected error is huge counts for nothing: its error must grow while the other is still fitted."""
    folder, train, _ = campaign
    base = errors(folder / "potential", train[1:])
    fit(folder, folder / loosened, SMALL.model_copy(update={loosened: 100.0}))
    assert errors(folder / loosened, train[1:])[which] > growth * base[which]


def test_a_target_that_gap_fit_did_not_read_is_an_error(campaign: Campaign, tmp_path: Path) -> None:
    """ASE writes a 3 x 3 array as JSON, and gap_fit skips what it cannot parse without a word."""
    folder = campaign[0]
    training = read(folder / "potential/train.extxyz", ":")
    log = tmp_path / "gap_fit.log"
    text = (folder / "potential/gap_fit.log").read_text()
    log.write_text(text)
    require_targets(log, training)
    log.write_text(re.sub(r"(REF_virial\) found:\s*)\d+", r"\g<1>0", text))
    with pytest.raises(FitError, match="read 0 of 240 virials"):
        require_targets(log, training)


def test_labels_stand_above_the_core_and_bring_their_errors() -> None:
    atoms = labelled(bulk("Al", a=3.4))
    core = Core.of("Al", [0.5, 0.95], D_NN)
    copy = prepared(atoms, np.array([0.01, 0.2, 0.003]), core)
    energy, _, stress = core.repulsion(atoms)
    assert energy > 0 and copy.info["REF_energy"] == pytest.approx(atoms.info["REF_energy"] - energy)
    volume = atoms.get_volume()
    virial = voigt_6_to_full_3x3_stress(-volume * (atoms.info["REF_stress"] - stress)).ravel()
    np.testing.assert_allclose(copy.info["REF_virial"], virial)
    assert copy.info["energy_sigma"] == pytest.approx(0.01) and copy.info["force_sigma"] == pytest.approx(0.2)
    assert copy.info["virial_sigma"] == pytest.approx(0.003 * volume)
    assert boxed(free_atom(), 20.0).cell.lengths() == pytest.approx([20.0] * 3)


def test_core_and_anchors_keep_compressed_crystals_repulsive(campaign: Campaign) -> None:
    calculator = load_potential(campaign[0] / "potential")
    energies = [
        bare(bulk("Al", a=4.05 * part ** (1 / 3)), calculator).get_potential_energy() for part in (1, 0.33, 0.2)
    ]
    assert energies[1] > energies[0] + 2 and energies[2] > energies[1] + 2


def test_sparse_points_never_outnumber_environments() -> None:
    command = gap_fit_command(SMALL, d_nn=D_NN, environments=33, seed=0)
    assert "n_sparse=33" in " ".join(command)
    assert f"cutoff={SMALL.cutoff * D_NN:.6f}" in " ".join(command)


def test_the_card_says_what_the_potential_is_and_no_leftovers_remain(campaign: Campaign) -> None:
    folder, train, card = campaign
    assert card["training_structures"] == len(train) and card["family"] == "gap" and card["d_nn"] == D_NN
    assert card["settings"] == SMALL.model_dump(mode="json") and len(card["training_hash"]) == 16
    assert not [path.name for path in folder.iterdir() if "tmp" in path.name or "failed" in path.name]
    assert read_structures(folder / "potential" / "train.extxyz")[1].info["config_type"] == "library"


def test_a_failing_fit_says_why_and_keeps_its_log_but_no_potential(campaign: Campaign) -> None:
    folder, train, _ = campaign
    write_structures(folder / "no_atom.extxyz", train[1:4])
    with pytest.raises(FitError, match="0 free atoms"):
        fit(folder, folder / "bad", train="no_atom.extxyz")
    with pytest.raises(FitError, match=r"exit code .*input and log of the fit: .*broken\.failed"):
        fit(folder, folder / "broken", SMALL.model_copy(update={"n_max": -1}))
    assert "gap_fit" in (folder / "broken.failed" / "gap_fit.log").read_text()
    assert not (folder / "broken").exists() and not (folder / "bad").exists()
    with pytest.raises(FileNotFoundError, match="no fitted potential"):
        load_potential(folder / "broken")
