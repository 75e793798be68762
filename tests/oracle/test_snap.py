"""SNAP: rows of LAMMPS against the features of this package, and the fitted potential against LAMMPS."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from entromax.features import Batch, batch_features
from entromax.features.bispectrum import Bispectrum
from entromax.potentials import load_potential
from entromax.potentials.base import FitData, FitError
from entromax.potentials.lammps_run import STRESS_FROM, snap_rows, start_lammps
from entromax.potentials.snap import SnapSettings
from entromax.potentials.snap_model import INCLUDE, RFAC0, SnapDesign, with_room
from entromax.potentials.zbl import Zbl
from entromax.structures import write_structures
from tests.support.emt_cells import D_NN, fit, labelled

KINDS = {
    "linear": SnapSettings(twojmax=4, cutoff=2.0),
    "quadratic": SnapSettings(twojmax=3, quadratic=True, cutoff=2.0),
    "without ZBL": SnapSettings(twojmax=2, zbl=None, constant=False, cutoff=[2.0, 2.2]),
}

Campaign = tuple[Path, list[Atoms], dict[str, dict[str, Any]]]
"""Folder, structures and the cards of the potentials."""


def shaken(crystal: str, volume: float, generator: np.random.Generator) -> Atoms:
    """A crystal scaled to a volume [d_nn^3] with all its symmetry gone."""
    atoms = bulk("Al", crystal, a=4.0, c=6.5 if crystal == "hcp" else None)
    strain = np.eye(3) + generator.normal(scale=0.08, size=(3, 3))
    strain *= (volume * D_NN**3 * len(atoms) / atoms.get_volume() / abs(np.linalg.det(strain))) ** (1 / 3)
    atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
    atoms.positions += generator.normal(scale=0.15, size=atoms.positions.shape)
    return atoms


@pytest.fixture(scope="module")
def campaign(
    tmp_path_factory: pytest.TempPathFactory,
) -> Campaign:
    folder = tmp_path_factory.mktemp("snap")
    generator = np.random.default_rng(0)
    crystals = ("fcc", "bcc", "sc", "diamond", "hcp")
    made = [labelled(shaken(crystals[k % 5], generator.uniform(0.6, 1.5), generator)) for k in range(60)]
    atom = labelled(Atoms("Al", cell=[12.0] * 3, pbc=True), "isolated_atom")
    write_structures(folder / "train.extxyz", [atom, *made[:45]])
    write_structures(folder / "validation.extxyz", made[45:])
    cards = {name: fit(folder, name, settings) for name, settings in KINDS.items()}
    return folder, [atom, *made], cards


def structures() -> dict[str, Atoms]:
    generator = np.random.default_rng(5)
    dense = shaken("fcc", 0.35, generator)  # pairs inside the ZBL
    return {
        "one atom": bulk("Al", a=3.9),
        "one atom, skewed": Atoms("Al", cell=[[2.9, 0, 0], [7.7, 2.6, 0], [-6.3, 5.4, 2.3]], pbc=True),
        "dense": dense,
        "two atoms": shaken("diamond", 1.2, generator),
        "many": shaken("fcc", 0.8, generator).repeat((3, 2, 2)),
    }


@pytest.mark.parametrize("name", structures())
def test_rows_of_lammps_equal_the_features_of_this_package(name: str) -> None:
    """Energies, forces and stress of a random linear combination of the components."""
    atoms, cutoff = structures()[name], 5.7
    features = Bispectrum(cutoff, 6, RFAC0)
    weights = torch.randn(features.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    batch = Batch.from_atoms([atoms])
    strain = torch.eye(3, dtype=torch.float64, requires_grad=True)
    positions = batch.positions.requires_grad_()
    energy = batch_features(Batch(positions @ strain, batch.cells @ strain, batch.system), features).sum(0) @ weights
    forces, virial = torch.autograd.grad(-energy, (positions, strain))
    rows = snap_rows(atoms, f"{cutoff} {RFAC0} 6 0.5 1.0 rmin0 0 bzeroflag 0", cutoff)
    own_energy, own_forces, own_stress = (row @ weights.numpy() for row in rows)
    scale = abs(energy.item())
    assert own_energy == pytest.approx(energy.item(), rel=1e-9)
    assert np.allclose(own_forces, forces, rtol=1e-8, atol=1e-10 * scale)
    expected = -np.array([virial.numpy()[index] for index in STRESS_FROM]) / atoms.get_volume()
    assert np.allclose(own_stress, expected, rtol=1e-8, atol=1e-10 * scale)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", structures())
def test_exported_files_give_the_same_in_lammps(
    campaign: Campaign,
    kind: str,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Energy, forces and stress to 1e-6 eV, eV/Å, eV/Å^3, relative where they are large."""
    folder, atoms = campaign[0] / kind, structures()[name]
    atoms.calc = load_potential(folder)
    monkeypatch.chdir(folder)
    run, prism = start_lammps(atoms, 6.0)
    run.commands_string(f"include {INCLUDE}\nthermo_style custom pe pxx pyy pzz pyz pxz pxy\nrun 0 post no")
    assert run.get_thermo("pe") == pytest.approx(atoms.get_potential_energy(), rel=1e-9, abs=1e-6)
    tags = np.array(run.numpy.extract_atom("id"))[: len(atoms)]
    forces = np.empty((len(atoms), 3))
    forces[tags - 1] = np.array(run.numpy.extract_atom("f"))[: len(atoms)]
    assert np.allclose(prism.vector_to_ase(forces), atoms.get_forces(), rtol=1e-8, atol=1e-6)
    xx, yy, zz, yz, xz, xy = (-run.get_thermo(f"p{k}") / 1.602176634e6 for k in ("xx", "yy", "zz", "yz", "xz", "xy"))
    run.close()
    stress = prism.tensor2_to_ase(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    expected = atoms.get_stress(voigt=False)
    assert np.allclose(stress, expected, rtol=1e-6, atol=1e-6)


def test_zbl_is_that_of_lammps() -> None:
    zbl, distances = Zbl(74, 1.3, 2.1), np.linspace(0.5, 2.3, 10)
    for distance in distances:
        run, _ = start_lammps(Atoms("W2", positions=[[0, 0, 0], [0, 0, distance]], cell=[9.0] * 3, pbc=True), 3.0)
        run.commands_string("pair_style zbl 1.3 2.1\npair_coeff * * 74 74\nrun 0 post no")
        expected = run.get_thermo("pe")
        run.close()
        energy = zbl(torch.tensor([distance], dtype=torch.float64)).item()
        assert energy == pytest.approx(expected, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("kind", ["linear", "quadratic"])
def test_errors_on_unseen_structures_are_far_below_the_spread_of_the_labels(campaign: Campaign, kind: str) -> None:
    """Every one of energies, forces and stresses is fitted, not just their sum."""
    calculator = load_potential(campaign[0] / kind)
    errors, spread = {}, {}
    for key in ("energy", "forces", "stress"):
        labels, predicted = [], []
        for atoms in campaign[1][46:]:
            label = atoms.arrays["REF_forces"] if key == "forces" else np.atleast_1d(atoms.info[f"REF_{key}"])
            labels.append(label.ravel() / (len(atoms) if key == "energy" else 1))
            found = np.atleast_1d(calculator.get_property(key, bare(atoms))).ravel()
            predicted.append(found / (len(atoms) if key == "energy" else 1))
        labels, predicted = np.concatenate(labels), np.concatenate(predicted)
        errors[key], spread[key] = np.sqrt(np.mean((labels - predicted) ** 2)), labels.std()
    assert all(errors[key] < 0.6 * spread[key] for key in errors), (errors, spread)


def bare(atoms: Atoms) -> Atoms:
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)


@pytest.mark.parametrize("kind", KINDS)
def test_free_atom_has_its_energy_or_the_card_says_how_far_it_is_off(campaign: Campaign, kind: str) -> None:
    calculator = load_potential(campaign[0] / kind)
    error = campaign[2][kind]["facts"]["free_atom_error"]
    assert (error == 0) == (not KINDS[kind].constant)
    expected = campaign[1][0].info["REF_energy"] + error
    for atoms in (Atoms("Al"), Atoms("Al", cell=[20.0] * 3, pbc=True)):
        assert calculator.get_property("energy", atoms) == pytest.approx(expected, abs=1e-9)


def test_clusters_and_slabs_need_no_periodic_cell(
    campaign: Campaign,
) -> None:
    calculator = load_potential(campaign[0] / "linear")
    cluster = Atoms("Al4", positions=2.0 * np.array([[0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 1]]))
    boxed = Atoms(cluster.symbols, positions=cluster.positions, cell=[25.0] * 3, pbc=True)
    assert calculator.get_property("energy", cluster) == pytest.approx(
        calculator.get_property("energy", boxed), abs=1e-9
    )
    slab = bulk("Al", cubic=True).repeat((1, 1, 2))
    slab.pbc[2] = False
    vacuum = slab.copy()
    vacuum.cell[2, 2] += 30
    vacuum.pbc = True
    assert calculator.get_property("energy", slab) == pytest.approx(calculator.get_property("energy", vacuum), abs=1e-9)
    assert with_room(vacuum, 5.0) is vacuum
    with pytest.raises(ValueError, match="for Al, the structure holds Cu"):
        calculator.get_property("energy", bulk("Cu"))


def test_error_bars_come_when_asked_for_and_grow_outside_the_training_data(
    campaign: Campaign,
) -> None:
    calculator = load_potential(campaign[0] / "linear")
    inside = bare(campaign[1][5])
    calculator.get_property("forces", inside)
    assert "energy_std" not in calculator.results
    bars = [
        float(calculator.get_property("energy_std", atoms)) / len(atoms)
        for atoms in (inside, shaken("fcc", 0.3, np.random.default_rng(1)))
    ]
    assert 0 < 5 * bars[0] < bars[1]
    assert calculator.get_property("forces_std", inside).shape == (len(inside), 3)
    calibration = campaign[2]["linear"]["facts"]["calibration"]
    assert calibration["energy"]["n"] >= 20 and calibration["forces"]["scale"] > 0


def test_rows_are_energies_forces_and_stress_and_zero_weight_takes_them_out(campaign: Campaign) -> None:
    atoms, settings = campaign[1][1], KINDS["linear"]
    design = SnapDesign.untrained(settings, FitData([], [], "Al", D_NN, 0), 2.0, e0=0.0)
    rows, targets = design.rows(atoms)
    assert rows.shape == (1 + 3 * len(atoms) + 6, design.size) and targets.shape == (len(rows),)
    row, repulsion = design.energy(atoms)
    np.testing.assert_allclose(row, rows[0])
    assert targets[0] == pytest.approx(atoms.info["REF_energy"] / len(atoms) - repulsion)
    without = atoms.copy()
    del without.info["REF_stress"]
    assert len(design.rows(without)[0]) == len(rows) - 6
    errors = settings.model_copy(update={"energy_weight": 0.0}).errors
    assert errors == pytest.approx((np.inf, 1.0, 1000**-0.5))


def test_another_element_is_refused(campaign: Campaign, tmp_path: Path) -> None:
    write_structures(tmp_path / "train.extxyz", [campaign[1][0], labelled(bulk("Cu"))])
    write_structures(tmp_path / "validation.extxyz", [])
    with pytest.raises(FitError, match="holds Cu; this is a potential of Al"):
        fit(tmp_path, "bad", KINDS["linear"])
