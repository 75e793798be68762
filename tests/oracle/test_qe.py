"""Quantum ESPRESSO, run for real: labels against derivatives of their energies, pw.x' own reading of GTH, failures."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.data import atomic_numbers

from entromax.config.models import LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines import engine_available, load_engine
from entromax.labels.engines.base import EngineUnavailableError, Label, UnconvergedError
from entromax.labels.engines.gth import gth_file, read_gth, write_upf
from entromax.labels.engines.qe import QeSettings
from entromax.labels.record import Record
from entromax.labels.run import label_structures
from entromax.structures import with_sid

pytestmark = pytest.mark.skipif(shutil.which("pw.x") is None, reason="needs apt packages quantum-espresso, cp2k-data")

CHEAP = QeSettings(ecut=218.0, kspacing=1.2, width=0.2)
ENGINE = load_engine(CHEAP)


def distorted() -> Atoms:
    atoms = bulk("Al", "hcp", a=2.75, c=4.5)
    atoms.rattle(0.12, seed=3)
    atoms.info["kpts"] = [2, 2, 1]  # one mesh for all strains: the derivative is taken at fixed settings
    return atoms


def label(atoms: Atoms, tmp_path: Path, rung: int = 0, **changes: float | str) -> Label:
    return ENGINE.label(atoms, CHEAP.model_copy(update=changes), rung, tmp_path / "text")


def records(structures: list[Atoms], tmp_path: Path, settings: QeSettings = CHEAP, **limits: float) -> list[Record]:
    for atoms in structures:
        atoms.info |= {"element": "Al"}
    options = {"element": "Al", "d_nn": 2.86, "budget": LabelBudget(tmp_path / "store"), "reference": settings}
    return label_structures([with_sid(atoms) for atoms in structures], limits=LabelSettings(**limits), **options)


def test_energy_forces_and_stress_belong_together(tmp_path: Path) -> None:
    found, step = label(distorted(), tmp_path), 0.01
    ends = []
    for sign in (1, -1):
        moved = distorted()
        moved.positions[0, 2] += sign * step
        ends.append(label(moved, tmp_path).energy)
    assert -(ends[0] - ends[1]) / (2 * step) == pytest.approx(found.forces[0, 2], abs=2e-3)
    assert np.abs(found.forces).max() > 0.3
    for index, (i, j) in {2: (2, 2), 5: (0, 1)}.items():
        ends = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * step / 2
            strained = distorted()
            strained.set_cell(strained.cell.array @ strain.T, scale_atoms=True)
            ends.append(label(strained, tmp_path).energy)
        derivative = (ends[0] - ends[1]) / step / distorted().get_volume()
        assert derivative == pytest.approx(found.stress[index], abs=4e-4), index


def abinit_gth(symbol: str) -> str:
    """Return the GTH potential as the file that pw.x reads by itself (ABINIT's format 10)."""
    potential = read_gth(symbol, gth_file().read_text())
    lines = [
        f"{potential.name}",
        f"{atomic_numbers[symbol]} {potential.charge} 20261122",
        f"10 11 {len(potential.channels) - 1} 0 2001 0",
        f"{potential.radius} {len(potential.local)} {' '.join(map(str, potential.local))}",
        f"{len(potential.channels)}",
    ]
    for momentum, channel in enumerate(potential.channels):
        n = len(channel.coefficients)
        rows = [" ".join(str(channel.coefficients[i, j]) for j in range(i, n)) for i in range(n)]
        lines += [f"{channel.radius} {n} {rows[0] if rows else ''}", *rows[1:]]
        lines += [" ".join(["0.0"] * (n - i)) for i in range(n)] if momentum else []  # no spin-orbit
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("symbol", "cutoff"), [("Al", 218.0), ("C", 680.0), ("Sb", 220.0), ("Te", 270.0)])
def test_converted_potential_gives_the_energy_of_pwx_reading_the_gth_parameters(
    symbol: str, cutoff: float, tmp_path: Path
) -> None:
    """Two ways into pw.x: our radial tables, and its own analytic formulas. Its stress is right on ours alone."""
    atoms = bulk(symbol, "fcc", a={"Al": 4.0, "C": 3.1, "Sb": 4.8, "Te": 4.8}[symbol])
    atoms.info["kpts"] = [2, 2, 2]
    ours = label(atoms, tmp_path, ecut=cutoff)
    path = tmp_path / f"{symbol}.gth"
    path.write_text(abinit_gth(symbol))
    (tmp_path / "espresso.pwi").write_text(
        f"""&control
 pseudo_dir = '{tmp_path}', outdir = '{tmp_path}', disk_io = 'none', tprnfor = .true.
/
&system
 ibrav = 0, nat = 1, ntyp = 1, ecutwfc = {cutoff / units.Ry}, occupations = 'smearing', smearing = 'fermi-dirac'
 degauss = {0.2 / units.Ry}
/
&electrons
 conv_thr = 1e-8
/
ATOMIC_SPECIES
{symbol} 1.0 {path.name}
K_POINTS automatic
2 2 2 0 0 0
CELL_PARAMETERS angstrom
"""
        + "\n".join(" ".join(f"{x:.12f}" for x in row) for row in atoms.cell.array)
        + f"\nATOMIC_POSITIONS angstrom\n{symbol} 0 0 0\n"
    )
    done = subprocess.run(["pw.x", "-in", "espresso.pwi"], cwd=tmp_path, capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("!")]
    assert ours.energy == pytest.approx(float(line.split()[-2]) * units.Ry, abs=5e-4)


def test_a_skew_cell_gives_the_label_of_the_compact_cell_of_the_same_crystal(tmp_path: Path) -> None:
    compact = distorted()
    del compact.info["kpts"]
    skew = compact.copy()
    skew.set_cell(np.array([[1, 2, 0], [0, 1, 0], [1, 0, 1]]) @ compact.cell.array, scale_atoms=False)
    first, second = label(compact, tmp_path), label(skew, tmp_path)
    assert second.energy == pytest.approx(first.energy, abs=1e-4)
    assert second.forces == pytest.approx(first.forces, abs=1e-3)
    assert second.stress == pytest.approx(first.stress, abs=1e-4)


def test_careful_rungs_give_the_same_label_and_the_last_one_is_marked(tmp_path: Path) -> None:
    default, damped, robust, wide = (label(distorted(), tmp_path, rung) for rung in range(4))
    for careful in (damped, robust):
        assert careful.energy == pytest.approx(default.energy, abs=1e-5)
        assert careful.forces == pytest.approx(default.forces, abs=1e-3)
    assert abs(wide.energy - default.energy) > 0.05 and wide.info["width"] == pytest.approx(0.6)
    assert [rung.changed_physics for rung in ENGINE.rungs] == [False, False, False, True]
    assert default.info["version"].startswith("v.") and default.iterations > 3


def test_too_few_iterations_are_unconverged_and_the_ladder_stands_in_the_record(tmp_path: Path) -> None:
    hasty = CHEAP.model_copy(update={"maxiter": 1})
    with pytest.raises(UnconvergedError, match="convergence NOT achieved"):
        ENGINE.label(distorted(), hasty, 0, tmp_path / "text")
    (record,) = records([distorted()], tmp_path, hasty, max_attempts=4)
    assert record.state == "unconverged" and record.energy is None
    assert [attempt.name for attempt in record.attempts] == ["default", "damped", "robust", "wide"]
    assert "mixing beta 0.1" in record.attempts[1].changes and "cg" not in record.attempts[0].changes
    (record,) = records([distorted()], tmp_path)
    assert record.state == "converged" and not record.changed_physics


def test_difficult_inputs_end_in_a_label_or_in_a_reason(tmp_path: Path) -> None:
    one = Atoms("Al", cell=[2.6, 2.6, 2.6], pbc=True)
    vacuum = Atoms("Al2", positions=[[0, 0, 0], [0, 0, 2.5]], cell=[2.8, 2.8, 20], pbc=True)
    touching = Atoms("Al2", positions=[[0, 0, 0], [0, 0, 0.1]], cell=[2.8, 2.8, 4], pbc=True)
    merged = Atoms("Al2", positions=[[0, 0, 0], [0, 0, 0]], cell=[2.8, 2.8, 4.1], pbc=True)
    odd = Atoms(
        "Al3", positions=[[0, 0, 0], [0, 1.5, 1.9], [1.5, 0, 2.0]], cell=[3.1, 3.2, 4.3], pbc=True
    )  # 9 electrons
    labelled = records([one, vacuum, odd], tmp_path)
    assert [record.state for record in labelled] == ["converged"] * 3
    filtered = records([touching.copy(), merged.copy()], tmp_path / "filtered")
    assert [(record.state, record.attempts) for record in filtered] == [("rejected", []), ("rejected", [])]
    let_through = records([touching, merged], tmp_path / "through", min_distance=0.0, max_attempts=1)
    assert [record.state for record in let_through] == ["rejected", "crashed"]  # pw.x converges at 0.1 Å: garbage
    assert "largest force" in let_through[0].reason and "exit code 1" in let_through[1].reason


def test_free_atom_is_polarised_after_hund_and_gives_the_cohesive_energy(tmp_path: Path) -> None:
    atom = Atoms("Al", positions=[[3, 3, 3]], cell=[6.6, 6.8, 7.0], pbc=True)
    atom.info["config_type"] = "isolated_atom"
    free = label(atom, tmp_path)
    assert free.info["magnetic_moment"] == pytest.approx(1.0, abs=0.01) and free.stress.tolist() == [0.0] * 6
    crystal = label(bulk("Al", "fcc", a=4.04), tmp_path, kspacing=0.5)
    assert free.energy - crystal.energy == pytest.approx(3.53, abs=0.15)  # MatPES, PBE


def test_a_spin_polarised_calculation_finds_the_moment_of_atoms_far_apart(tmp_path: Path) -> None:
    far = Atoms("Al", cell=[5.5, 5.5, 5.5], pbc=True)
    found = label(far, tmp_path, spin=True, width=0.02, ecut=160.0)
    assert found.info["magnetic_moment"] == pytest.approx(1.0, abs=0.05)
    assert found.energy < label(far, tmp_path, width=0.02, ecut=160.0).energy - 0.05


def test_a_pseudopotential_of_ones_own_is_used_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "Al.my.UPF"
    own.write_text(write_upf(read_gth("Al", gth_file().read_text())))
    mine = label(distorted(), tmp_path, pseudopotential=str(own))
    assert mine.energy == label(distorted(), tmp_path).energy and mine.info["pseudopotential"] == "Al.my.UPF"
    own.write_text(own.read_text().replace("PP_LOCAL", "PP_LOKAL"))
    with pytest.raises((EngineUnavailableError, RuntimeError), match=r"pw\.x"):
        label(distorted(), tmp_path, pseudopotential=str(own))
    own.write_text(write_upf(read_gth("Sb", gth_file().read_text())))
    with pytest.raises(EngineUnavailableError, match="is for Sb, not for Al"):
        label(distorted(), tmp_path, pseudopotential=str(own))
    own.write_text("no UPF")
    with pytest.raises(EngineUnavailableError, match="no element or z_valence in it"):
        label(distorted(), tmp_path, pseudopotential=str(own))
    with pytest.raises(EngineUnavailableError, match="of one element only"):
        label(Atoms("AlC", positions=[[0, 0, 0], [0, 0, 2]], cell=[4, 4, 4], pbc=True), tmp_path)


def test_a_command_that_is_not_there_is_said_before_and_while_it_runs(tmp_path: Path) -> None:
    message = engine_available(CHEAP.model_copy(update={"command": "no_such_pw.x -nk 2"}))
    assert message is not None and "'no_such_pw.x'" in message and "apt-get install quantum-espresso" in message
    with pytest.raises(EngineUnavailableError, match="cannot be started"):
        label(distorted(), tmp_path, command="no_such_pw.x")
    with pytest.raises(RuntimeError, match="exit code 3: no message"):
        label(distorted(), tmp_path, command=f"{sys.executable} -c raise(SystemExit(3))")
    with pytest.raises(RuntimeError, match="exit code 1: no free port"):  # as an mpirun says it
        label(distorted(), tmp_path, command=f"{sys.executable} -c 'raise SystemExit(\"no free port\")'")


def started(mpirun: Path, folder: Path, attempts: int = 3) -> None:
    """Label with an mpirun that now and then (once in some hundred times, on a crowded machine) starts nothing."""
    for _ in range(attempts):
        try:
            label(bulk("Al"), folder, command=f"{mpirun} -n 2 pw.x")
        except RuntimeError as error:
            if isinstance(error, EngineUnavailableError):
                raise


def test_mpi_gives_the_same_label_and_the_mpirun_of_another_mpi_is_refused(tmp_path: Path) -> None:
    serial = label(bulk("Al"), tmp_path)
    parallel = label(bulk("Al"), tmp_path, command="mpirun.openmpi --allow-run-as-root --oversubscribe -n 2 pw.x")
    assert parallel.energy == pytest.approx(serial.energy, abs=1e-6)
    assert parallel.stress == pytest.approx(serial.stress, abs=1e-6)
    other = Path(sys.prefix) / "bin" / "mpirun"  # of PyPI's mpich; Debian's pw.x is built with Open MPI
    if other.exists():
        with pytest.raises(EngineUnavailableError, match=r"starts pw\.x 2 times instead of once"):
            started(other, tmp_path)


def test_variables_of_its_own_reach_pw_x(tmp_path: Path) -> None:
    plain, dispersion = (label(distorted(), tmp_path, extra=extra) for extra in ({}, {"vdw_corr": "grimme-d3"}))
    assert -2.0 < dispersion.energy - plain.energy < -0.1
