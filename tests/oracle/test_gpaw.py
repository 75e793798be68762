"""GPAW labels against derivatives of their own energies, and against published values."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from entromax.config.models import LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines import load_engine
from entromax.labels.engines.base import EngineUnavailableError, UnconvergedError
from entromax.labels.engines.gpaw import GpawSettings
from entromax.labels.isolation import processor_kernels
from entromax.labels.run import label_structures
from entromax.labels.store import stores
from entromax.structures import with_sid

CHEAP = GpawSettings(ecut=200.0, kspacing=1.2, width=0.2)


def distorted() -> Atoms:
    atoms = bulk("Al", "hcp", a=2.75, c=4.5)
    atoms.rattle(0.12, seed=3)
    atoms.info["kpts"] = [2, 2, 1]  # one mesh for all strains: the derivative is taken at fixed settings
    return atoms


def energy(atoms: Atoms, tmp_path: Path) -> float | None:
    return load_engine(CHEAP).label(atoms, CHEAP, 0, tmp_path / "text").energy


def test_energy_forces_and_stress_belong_together(tmp_path: Path) -> None:
    """The energy is the free energy: at this width dE0/dx misses the force by far more than the tolerance."""
    atoms = distorted()
    label = load_engine(CHEAP).label(atoms, CHEAP, 0, tmp_path / "text")
    step = 0.01
    ends = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[0, 0] += sign * step
        ends.append(energy(moved, tmp_path))
    assert -(ends[0] - ends[1]) / (2 * step) == pytest.approx(label.forces[0, 0], abs=0.01)
    assert np.abs(label.forces).max() > 0.3
    for index, (i, j) in {2: (2, 2), 5: (0, 1)}.items():
        ends = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * step / 2
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ strain.T, scale_atoms=True)
            ends.append(energy(strained, tmp_path))
        derivative = (ends[0] - ends[1]) / step / atoms.get_volume()
        assert derivative == pytest.approx(label.stress[index], abs=0.004), (index, label.stress)


def test_a_skew_cell_gives_the_label_of_the_compact_cell_of_the_same_crystal(tmp_path: Path) -> None:
    compact = distorted()
    del compact.info["kpts"]
    skew = compact.copy()
    skew.set_cell(np.array([[1, 2, 0], [0, 1, 0], [1, 0, 1]]) @ compact.cell.array, scale_atoms=False)
    assert skew.cell.angles().min() < 40
    first, second = (load_engine(CHEAP).label(atoms, CHEAP, 0, tmp_path / "text") for atoms in (compact, skew))
    assert second.energy == pytest.approx(first.energy, abs=1e-4)
    assert second.forces == pytest.approx(first.forces, abs=1e-3)
    assert second.stress == pytest.approx(first.stress, abs=1e-4)


def test_careful_rungs_give_the_same_label_and_the_last_one_is_marked(tmp_path: Path) -> None:
    engine, atoms = load_engine(CHEAP), distorted()
    default, damped, annealed, wide = (engine.label(atoms, CHEAP, rung, tmp_path / "text") for rung in range(4))
    for careful in (damped, annealed):
        assert careful.energy == pytest.approx(default.energy, abs=1e-3)
        assert careful.forces == pytest.approx(default.forces, abs=5e-3)
    assert abs(wide.energy - default.energy) > 0.05
    assert [rung.changed_physics for rung in engine.rungs] == [False, False, False, True]
    assert wide.info["width"] == pytest.approx(0.6) and annealed.info["width"] == 0.2


def test_too_few_iterations_are_unconverged_never_a_label(tmp_path: Path) -> None:
    hasty = CHEAP.model_copy(update={"maxiter": 2})
    with pytest.raises(UnconvergedError, match="maxiter = 2"):
        load_engine(hasty).label(distorted(), hasty, 0, tmp_path / "text")
    atoms = with_sid(distorted())
    atoms.info |= {"element": "Al"}
    limits = LabelSettings(max_attempts=2)
    options = {"element": "Al", "d_nn": 2.86, "limits": limits, "budget": LabelBudget(tmp_path / "store")}
    (record,) = label_structures([atoms], reference=hasty, **options)
    assert record.state == "unconverged" and [attempt.name for attempt in record.attempts] == ["default", "damped"]
    assert record.energy is None
    assert "SCF" in (stores(tmp_path / "store")[0].failures / f"{record.sid}.txt").read_text()
    (record,) = label_structures([atoms], reference=CHEAP, **options)
    assert record.state == "converged", "maxiter is no physics: a failure met with another one is tried again"
    assert [attempt.name for attempt in record.attempts] == ["default"]


def test_free_atom_is_polarised_after_hund_and_gives_the_cohesive_energy(tmp_path: Path) -> None:
    from entromax.config.models import CrystalSettings, ElementSettings
    from entromax.labels.reference import reference_structures

    element = ElementSettings(
        d_nn=2.86,
        volume=[0.5, 1.5],
        ground_state="fcc",
        crystals={"fcc": CrystalSettings(volume=16.5)},
        reference=CHEAP,
    )
    atom = reference_structures("Al", element, LabelSettings())[0]
    label = load_engine(CHEAP).label(atom, CHEAP, 0, tmp_path / "text")
    assert label.info["magnetic_moment"] == pytest.approx(1.0, abs=0.01)  # 3s2 3p1
    assert label.info["kpts"] == [1, 1, 1]
    fine = GpawSettings(ecut=200.0, kspacing=0.4, width=0.2)
    crystal = load_engine(fine).label(bulk("Al", "fcc", a=4.04), fine, 0, tmp_path / "text")
    assert label.energy - crystal.energy == pytest.approx(3.53, abs=0.08)  # MatPES, PBE


def test_a_crystal_rounded_to_eight_decimals_keeps_its_point_group(tmp_path: Path) -> None:
    """GPAW's own tolerance finds part of the group of this hcp crystal, met in a real library, and gives up."""
    cell = [[3.0491842, 0, 0], [-1.5245921, 2.64067098, 0], [0, 0, 4.81437431]]
    places = [[0.33333333, 0.66666667, 0.25], [0.66666666, 0.33333333, 0.75]]
    atoms = Atoms("Al2", scaled_positions=places, cell=cell, pbc=True)
    engine = load_engine(CHEAP)
    symmetric, free = (engine.label(atoms, CHEAP, rung, tmp_path / "text") for rung in (0, 1))
    assert symmetric.energy == pytest.approx(free.energy, abs=1e-3)


def test_difficult_inputs_end_in_a_label_or_in_a_reason(tmp_path: Path) -> None:
    """One atom and an odd number of electrons, much vacuum, a hair-thin cell; atoms on top of each other."""
    smoke = GpawSettings(ecut=150.0, kspacing=2.0, width=0.2)
    one = Atoms("Al", cell=[2.6, 2.6, 2.6], pbc=True)
    vacuum = Atoms("Al", cell=[2.8, 2.8, 14.0], pbc=True)
    thin = Atoms("Al", cell=[[9.0, 0, 0], [8.5, 2.4, 0], [8.8, 1.0, 2.4]], pbc=True)
    merged = Atoms("Al2", positions=[[0, 0, 0], [0, 0, 0.3]], cell=[2.8, 2.8, 3.5], pbc=True)
    for atoms in (structures := [one, vacuum, thin, merged]):
        atoms.info |= {"element": "Al"}
    limits = {"default": LabelSettings(), "none": LabelSettings(min_distance=0.0, max_attempts=2)}
    options = {"element": "Al", "d_nn": 2.86, "reference": smoke}
    given = [with_sid(atoms) for atoms in structures]
    found = label_structures(given, limits=limits["default"], budget=LabelBudget(tmp_path / "store"), **options)
    assert [record.state for record in found] == ["converged"] * 3 + ["rejected"]
    assert found[3].attempts == [] and "0.300 Å apart" in found[3].reason
    (found,) = label_structures(given[3:], limits=limits["none"], budget=LabelBudget(tmp_path / "other"), **options)
    assert found.state in ("crashed", "rejected") and found.reason
    assert found.state == "rejected" or [a.name for a in found.attempts] == ["default", "damped"]


def test_a_spin_polarised_calculation_finds_the_moment_of_atoms_far_apart(tmp_path: Path) -> None:
    far, settings = Atoms("Al", cell=[5.5, 5.5, 5.5], pbc=True), GpawSettings(ecut=150.0, kspacing=2.0, width=0.02)
    spin = settings.model_copy(update={"spin": True})
    paired, polarised = (load_engine(s).label(far, s, 0, tmp_path / "text") for s in (settings, spin))
    assert polarised.info["magnetic_moment"] == pytest.approx(1.0, abs=0.05)
    assert polarised.energy < paired.energy - 0.05


def test_arguments_of_its_own_reach_the_calculator(tmp_path: Path) -> None:
    extra = CHEAP.model_copy(update={"extra": {"charge": 0.5}})
    atoms = distorted()
    plain, charged = (load_engine(s).label(atoms, s, 0, tmp_path / "text") for s in (CHEAP, extra))
    assert abs(charged.energy - plain.energy) > 0.5


@pytest.mark.parametrize(
    ("symbol", "valence", "ecut", "all_electron"),
    [
        ("Be", 4, 350.0, 7.8716),  # with 1s frozen GPAW has 1.6 % more
        ("Sb", 5, 300.0, 27.4896),  # with 4d frozen, by a data set that GPAW has not
    ],
)
def test_made_data_sets_have_the_all_electron_volume_of_fcc(
    symbol: str, valence: int, ecut: float, all_electron: float, tmp_path: Path
) -> None:
    """Bosoni et al., Nat. Rev. Phys. 6, 45 (2024), PBE."""
    settings = GpawSettings(ecut=ecut, kspacing=0.25, width=0.1, valence=valence)
    volumes = all_electron * np.array([0.955, 1.0, 1.045])
    energies = []
    for volume in volumes:
        atoms = bulk(symbol, "fcc", a=(4 * volume) ** (1 / 3))
        atoms.info["kpts"] = [12, 12, 12]
        energies.append(load_engine(settings).label(atoms, settings, 0, tmp_path / "text").energy)
    curvature, slope, _ = np.polyfit(volumes, energies, 2)
    assert -slope / (2 * curvature) == pytest.approx(all_electron, rel=0.01)


def test_a_data_set_that_gpaw_has_not_is_named_with_those_it_has(tmp_path: Path) -> None:
    settings = GpawSettings(valence=7)
    with pytest.raises(EngineUnavailableError, match="Be with 7 electrons; choose from 2, 4"):
        load_engine(settings).label(bulk("Be", "fcc", a=3.2), settings, 0, tmp_path / "text")


def test_gpaws_linear_algebra_has_the_kernels_of_this_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian 12's OpenBLAS does not know processors of 2023 and would be five times slower."""
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    code = (
        "import numpy, _gpaw, threadpoolctl;"
        "found = threadpoolctl.threadpool_info();"
        "assert len(found) > 1, found;"
        "print({library['architecture'] for library in found if library['internal_api'] == 'openblas'})"
    )
    environment = os.environ | processor_kernels()
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert len(ast.literal_eval(run.stdout)) == 1, run.stdout
