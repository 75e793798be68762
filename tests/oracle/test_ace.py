"""Linear ACE fitted to EMT: errors, derivatives, error bars, extrapolation grade, and the file for LAMMPS."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import BaseCalculator
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

from entromax.potentials import load_potential
from entromax.potentials.ace import AceSettings
from entromax.potentials.ace_model import AceBasis, import_pyace
from entromax.potentials.base import FitError
from entromax.structures import write_structures
from tests.support.emt_cells import bare, cells, fit, free_atom, labelled, relative_errors, write_set

pytestmark = pytest.mark.skipif(find_spec("pyace") is None, reason="python-ace is optional, its licence non-commercial")
SETTINGS = AceSettings(functions=60, cutoff=2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ace")
    write_set(folder, train=60, validation=20)
    fit(folder, "ace", SETTINGS)
    return folder


@pytest.fixture(scope="module")
def calculator(folder: Path) -> BaseCalculator:
    return load_potential(folder / "ace")


def test_errors_on_unseen_cells_are_far_below_the_spread_of_the_labels(calculator: BaseCalculator) -> None:
    energy, forces, stress = relative_errors(cells(20, seed=2), calculator)
    assert energy < 0.06 and forces < 0.12 and stress < 0.12


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


def test_rows_times_coefficients_are_what_pyace_calculates(folder: Path) -> None:
    """The rows of the stress are finite differences; the virial of pyace's own calculator is the oracle."""
    oracle = import_pyace().PyACECalculator(str(folder / "ace/ace.yaml"))
    basis = AceBasis(oracle.basis)
    coefficients = np.array(oracle.basis.basis_coeffs)
    for atoms in cells(3, seed=5):
        energy, forces, stress = basis.rows(bare(atoms, None))
        copy = bare(atoms, oracle)
        assert energy @ coefficients == pytest.approx(copy.get_potential_energy(), abs=1e-10)
        np.testing.assert_allclose(forces @ coefficients, copy.get_forces(), atol=1e-10)
        np.testing.assert_allclose(stress @ coefficients, copy.get_stress(), atol=1e-7)


def test_error_bars_and_extrapolation_grade_grow_where_there_was_no_data(calculator: BaseCalculator) -> None:
    known, dense = cells(1, seed=0)[0], cells(1, seed=0)[0]
    dense.set_cell(dense.cell * 0.75, scale_atoms=True)
    answers = [
        [
            np.max(calculator.get_property(name, bare(atoms, None)))
            for name in ("extrapolation", "energy_std", "forces_std")
        ]
        for atoms in (known, dense)
    ]
    assert answers[0][0] <= 1.1 and answers[1][0] > 5
    assert answers[1][1] > 5 * answers[0][1] > 0 and answers[1][2] > 5 * answers[0][2] > 0


def test_error_bars_hold_on_cells_that_the_fit_has_not_seen(folder: Path, calculator: BaseCalculator) -> None:
    facts = json.loads((folder / "ace/potential.json").read_text())["facts"]
    assert facts["calibration"]["forces"]["spearman"] > 0.3 and facts["calibration"]["energy"]["n"] >= 20
    inside = []
    for atoms in cells(20, seed=1):
        error = bare(atoms, calculator).get_forces() - atoms.arrays["REF_forces"]
        inside += (np.abs(error) <= calculator.get_property("forces_std", bare(atoms, None))).ravel().tolist()
    assert np.mean(inside) == pytest.approx(0.683, abs=0.15)


def test_lammps_file_holds_the_same_potential(folder: Path, calculator: BaseCalculator) -> None:
    """pyace reads it with the C-tilde evaluator, the code that ML-PACE of LAMMPS contains; ZBL comes from LAMMPS."""
    card = json.loads((folder / "ace/potential.json").read_text())
    assert card["lammps"].startswith("pair_style hybrid/overlay zbl 1.43 2.288 pace\n")
    assert card["lammps"].endswith("pair_coeff * * pace ace.yace Al")
    exported = import_pyace().PyACECalculator(str(folder / "ace/ace.yace"))
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
    for atoms in cells(3, seed=7):
        mirrored = bare(atoms, again)
        mirrored.cell[:] = mirrored.cell[[1, 0, 2]]
        assert mirrored.get_potential_energy() == pytest.approx(
            bare(atoms, calculator).get_potential_energy(), abs=1e-10
        )


def test_clusters_have_an_energy_and_no_stress(calculator: BaseCalculator) -> None:
    pair = Atoms("Al2", positions=[[0, 0, 0], [2.8, 0, 0]])
    periodic = Atoms("Al2", positions=[[0, 0, 0], [2.8, 0, 0]], cell=[30] * 3, pbc=True, calculator=calculator)
    pair.calc = calculator
    assert pair.get_potential_energy() == pytest.approx(periodic.get_potential_energy(), abs=1e-9)
    with pytest.raises(NotImplementedError):
        pair.get_stress()


@pytest.mark.parametrize("crystal", ["fcc", "sc", "diamond"])
def test_anchors_keep_compressed_crystals_repulsive(calculator: BaseCalculator, crystal: str) -> None:
    """No training cell is smaller than 0.6 of the equilibrium volume; a third of it must be far above that."""
    a = {"fcc": 4.05, "sc": 2.7, "diamond": 6.0}[crystal]
    energies = []
    for part in (1.0, 0.33, 0.2):
        atoms = bulk("Al", crystal, a=a * part ** (1 / 3))
        energies.append(bare(atoms, calculator).get_potential_energy() / len(atoms))
    assert energies[1] > energies[0] + 2 and energies[2] > energies[1] + 2


def test_more_functions_than_environments_and_no_validation_set(folder: Path) -> None:
    write_structures(folder / "few.extxyz", [free_atom(), *cells(12, 0)])
    write_structures(folder / "none.extxyz", [])
    few = AceSettings(functions=80, cutoff=[2.0, 2.2])
    facts = fit(folder, "few", few, train="few.extxyz", validation="none.extxyz")["facts"]
    assert facts["functions"] > facts["environments"] and facts["cutoff"] in (2.0, 2.2)
    errors = relative_errors(cells(20, seed=2), load_potential(folder / "few"))
    assert errors[0] < 0.3 and errors[1] < 0.5


def test_other_elements_are_refused(folder: Path, calculator: BaseCalculator) -> None:
    write_structures(folder / "copper.extxyz", [free_atom(), labelled(bulk("Cu")), *cells(12, 0)])
    with pytest.raises(FitError, match="holds Cu; this is a potential of Al"):
        fit(folder, "copper", SETTINGS, train="copper.extxyz")
    with pytest.raises(ValueError, match="Unsupported species"):
        calculator.calculate(molecule("O2", cell=[10] * 3, pbc=True))


def test_importing_pyace_leaves_logging_alone() -> None:
    code = (
        "import logging; from entromax.potentials.ace_model import import_pyace; import_pyace(); "
        "root = logging.getLogger(); print(root.level == logging.WARNING, root.handlers)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True []\n"
