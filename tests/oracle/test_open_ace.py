"""Linear ACE of this package: python-ace as oracle of its functions and of its file for LAMMPS; derivatives; fits."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import BaseCalculator
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

from entromax.potentials import load_potential
from entromax.potentials.base import FitError
from entromax.potentials.cluster_basis import ClusterBasis
from entromax.potentials.cluster_functions import cluster_functions
from entromax.potentials.open_ace import OpenAceSettings
from entromax.structures import write_structures
from tests.support.emt_cells import bare, cells, fit, free_atom, labelled, relative_errors, write_set

SETTINGS = OpenAceSettings(functions=60, cutoff=2.2)
python_ace = pytest.mark.skipif(find_spec("pyace") is None, reason="python-ace is optional, its licence non-commercial")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("open_ace")
    write_set(folder, train=60, validation=5)
    fit(folder, "ace", SETTINGS)
    return folder


@pytest.fixture(scope="module")
def calculator(folder: Path) -> BaseCalculator:
    return load_potential(folder / "ace")


@python_ace
def test_functions_span_the_same_space_as_those_of_python_ace() -> None:
    from entromax.potentials.ace import AceSettings
    from entromax.potentials.ace_model import AceBasis, new_basis

    settings = AceSettings(functions=500, n_max=[6, 4, 3, 2], l_max=[0, 3, 2, 1])
    oracle = AceBasis(new_basis(settings, "Al", 6.0))
    own = ClusterBasis(cluster_functions(settings.n_max, settings.l_max, 500), 6.0)
    labels = [*oracle.basis.basis_rank1[0], *oracle.basis.basis[0]]
    groups = [tuple(sorted(zip(label.ns, label.ls, strict=True))) for label in labels]
    assert sorted(groups) == sorted(function.channels for function in own.functions)
    structures = [bare(atoms, None) for atoms in cells(12, seed=3)]
    theirs, ours = (np.concatenate([basis.projections(s) for s in structures]) for basis in (oracle, own))
    for channels in set(groups):
        wanted = theirs[:, [group == channels for group in groups]]
        known = ours[:, [function.channels == channels for function in own.functions]]
        rest = wanted - known @ np.linalg.lstsq(known, wanted, rcond=None)[0]
        assert np.abs(rest).max() < 1e-10 * np.abs(wanted).max()


@python_ace
def test_the_smoothest_functions_are_those_that_python_ace_takes() -> None:
    from entromax.potentials.ace import AceSettings
    from entromax.potentials.ace_model import new_basis

    settings = AceSettings(functions=500)
    oracle = new_basis(settings, "Al", 6.0)
    orders = [len(label.ns) for label in [*oracle.basis_rank1[0], *oracle.basis[0]]]
    own = [len(f.channels) for f in cluster_functions(settings.n_max, settings.l_max, 500)]
    assert sorted(own) == sorted(orders)


def test_rows_are_derivatives_of_the_functions() -> None:
    basis = ClusterBasis(cluster_functions([4, 3, 2], [0, 2, 2], 40), 5.0)
    atoms, step = bare(cells(1, seed=4)[0], None), 1e-4
    functions, parts = basis.gradients(atoms)
    energy, forces, stress = functions.sum(axis=0), np.zeros((len(atoms), 3, basis.size)), np.zeros((6, basis.size))
    for near, of_forces, of_stress in parts:
        forces[near] += of_forces
        stress += of_stress
    np.testing.assert_allclose(functions, basis.projections(atoms), atol=1e-12)
    coefficients = np.random.default_rng(0).normal(size=basis.size)
    values, pushes, strain = basis.energies(atoms, lambda b: (b @ coefficients, np.tile(coefficients, (len(b), 1))))
    assert values.sum() == pytest.approx(energy @ coefficients, abs=1e-10)
    np.testing.assert_allclose(pushes, forces @ coefficients, atol=1e-10)
    np.testing.assert_allclose(strain / atoms.get_volume(), stress @ coefficients, atol=1e-10)
    ends = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[0, 1] += sign * step
        ends.append(basis.projections(moved).sum(axis=0))
    np.testing.assert_allclose(forces[0, 1], (ends[1] - ends[0]) / (2 * step), atol=1e-5 * np.abs(forces).max())


def test_errors_on_unseen_cells_are_far_below_the_spread_of_the_labels(calculator: BaseCalculator) -> None:
    energy, forces, stress = relative_errors(cells(20, seed=2), calculator)
    assert energy < 0.06 and forces < 0.15 and stress < 0.15


def test_free_atom_has_its_energy(calculator: BaseCalculator) -> None:
    atom = bare(free_atom(), calculator)
    assert atom.get_potential_energy() == pytest.approx(free_atom().info["REF_energy"], abs=1e-10)


@pytest.mark.parametrize("scale", [1.0, 0.8])
def test_forces_and_stress_are_derivatives_of_the_energy(calculator: BaseCalculator, scale: float) -> None:
    """At 0.8 of its size the cell has pairs inside the ZBL repulsion."""
    atoms = bare(cells(3, seed=4)[2], calculator)
    atoms.set_cell(atoms.cell * scale, scale_atoms=True)
    np.testing.assert_allclose(atoms.get_forces(), calculate_numerical_forces(atoms, eps=1e-4), atol=1e-5)
    np.testing.assert_allclose(atoms.get_stress(), calculate_numerical_stress(atoms, eps=1e-5), atol=1e-5)


def test_error_bars_grow_where_there_was_no_data(calculator: BaseCalculator) -> None:
    known, dense = bare(cells(1, seed=0)[0], None), bare(cells(1, seed=0)[0], None)
    dense.set_cell(dense.cell * 0.75, scale_atoms=True)
    for name in ("energy_std", "forces_std"):
        near, far = (np.max(calculator.get_property(name, atoms)) for atoms in (known, dense))
        assert far > 5 * near > 0


@python_ace
def test_lammps_file_holds_the_same_potential(folder: Path, calculator: BaseCalculator) -> None:
    """pyace reads it with the C-tilde evaluator, the code that ML-PACE of LAMMPS contains; ZBL comes from LAMMPS."""
    from entromax.potentials.ace_model import import_pyace

    card = json.loads((folder / "ace/potential.json").read_text())
    assert card["lammps"].startswith("pair_style hybrid/overlay zbl 1.43 2.288 pace\n")
    assert card["lammps"].endswith("pair_coeff * * pace open_ace.yace Al")
    exported = import_pyace().PyACECalculator(str(folder / "ace/open_ace.yace"))
    for atoms in cells(3, seed=6):
        energy, forces, stress = calculator.model.core.repulsion(bare(atoms, None))
        copy, own = bare(atoms, exported), bare(atoms, calculator)
        assert copy.get_potential_energy() + energy == pytest.approx(own.get_potential_energy(), abs=1e-8)
        np.testing.assert_allclose(copy.get_forces() + forces, own.get_forces(), atol=1e-8)
        np.testing.assert_allclose(copy.get_stress() + stress, own.get_stress(), atol=1e-8)


def test_the_same_seed_gives_the_same_potential_with_any_cell_of_a_crystal(
    folder: Path, calculator: BaseCalculator
) -> None:
    fit(folder, "again", SETTINGS)
    again = load_potential(folder / "again")
    atoms = cells(1, seed=7)[0]
    mirrored = bare(atoms, again)
    mirrored.cell[:] = mirrored.cell[[1, 0, 2]]
    assert mirrored.get_potential_energy() == pytest.approx(bare(atoms, calculator).get_potential_energy(), abs=1e-10)


def test_clusters_have_an_energy_and_no_stress(calculator: BaseCalculator) -> None:
    pair = Atoms("Al2", positions=[[0, 0, 0], [2.8, 0, 0]])
    periodic = Atoms("Al2", positions=[[0, 0, 0], [2.8, 0, 0]], cell=[30] * 3, pbc=True, calculator=calculator)
    pair.calc = calculator
    assert pair.get_potential_energy() == pytest.approx(periodic.get_potential_energy(), abs=1e-9)
    with pytest.raises(NotImplementedError):
        pair.get_stress()


def test_other_elements_are_refused(folder: Path, calculator: BaseCalculator) -> None:
    write_structures(folder / "copper.extxyz", [free_atom(), labelled(bulk("Cu")), *cells(12, 0)])
    with pytest.raises(FitError, match="holds Cu; this is a potential of Al"):
        fit(folder, "copper", SETTINGS, train="copper.extxyz")
    with pytest.raises(ValueError, match="this potential is for Al, the structure holds Cu"):
        calculator.calculate(bulk("Cu"))
