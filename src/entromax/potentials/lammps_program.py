"""LAMMPS as a program: input files for a potential, one structure each or dynamics, and what they print read back."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms, units
from ase.calculators.lammps import Prism
from ase.stress import full_3x3_to_voigt_6_stress

LOG = "log.lammps"
SETUP = """\
units metal
atom_style atomic
atom_modify map array
newton on
boundary p p p
box tilt large
read_data {data}
"""
DYNAMICS = """\
velocity all create {twice} {seed} mom yes
fix integrate all nve
timestep {timestep}
thermo 10
thermo_style custom step temp pe etotal press
thermo_modify format float %.12g
run {steps}
"""
ONE = """\
thermo_style custom step pe pxx pyy pzz pyz pxz pxy
run 0
print "$(pe:%.15g) $(pxx:%.15g) $(pyy:%.15g) $(pzz:%.15g) $(pyz:%.15g) $(pxz:%.15g) $(pxy:%.15g)" file {name}.txt
write_dump all custom {name}.dump id fx fy fz modify sort id format float %.15g
"""


class LammpsError(RuntimeError):
    """LAMMPS stopped; the message is its own."""


@dataclass(frozen=True)
class Results:
    """What LAMMPS says of a structure, in ASE's frame: energy [eV], forces [N, 3] [eV/Å], stress [6] [eV/Å^3]."""

    energy: float
    forces: np.ndarray
    stress: np.ndarray


@dataclass(frozen=True)
class Dynamics:
    """What a log says of a run at constant energy.

    Attributes:
        drift: slope of the total energy [meV/atom/ps].
        fluctuation: its standard deviation about that line [meV/atom].
        atom_steps_per_second: of CPU time of one core.
    """

    drift: float
    fluctuation: float
    atom_steps_per_second: float


def write_data(path: Path, atoms: Atoms) -> None:
    """Write a periodic structure as a data file of LAMMPS, turned into its frame."""
    symbols = sorted(set(atoms.get_chemical_symbols()))
    ase.io.write(path, atoms, format="lammps-data", specorder=symbols, masses=True, prismobj=Prism(atoms.cell.array))


def dynamics_commands(temperature: float, timestep: float, steps: int, seed: int) -> str:
    """Return the commands of a run at constant energy from a crystal at rest.

    Args:
        temperature: mean of the run [K]; it starts with twice as much, half of which becomes potential energy.
        timestep: [ps].
        steps: of the run.
        seed: of the velocities.
    """
    return DYNAMICS.format(twice=2 * temperature, seed=seed + 1, timestep=timestep, steps=steps)


def run_program(command: str, commands: str, folder: Path) -> None:
    """Run an input file with the program in ``folder``, on one core; its log stays there.

    Raises:
        LammpsError: there is no such program, or it stopped.
    """
    beside = Path(sys.executable).with_name(command)
    program = shutil.which(command) or (str(beside) if beside.is_file() else None)
    if program is None:
        raise LammpsError(f"there is no program {command!r}")
    (folder / "in.lammps").write_text(commands)
    words = [program, "-in", "in.lammps", "-log", LOG, "-screen", "none", "-nocite"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        log = folder / LOG
        text = (log.read_text(errors="replace") if log.is_file() else "") + run.stderr
        said = re.findall(r"ERROR.*?: (.*?)(?: \(src|\n|$)", text) or [f"exit code {run.returncode}"]
        raise LammpsError(said[0].strip().rstrip("."))


def run_structures(command: str, potential: str, structures: Sequence[Atoms], folder: Path) -> list[Results]:
    """Run every structure with the program, all in one input file.

    Args:
        command: name of the program.
        potential: pair commands; files that they name are in ``folder``.
        structures: periodic, of one element.
        folder: where to work.

    Raises:
        LammpsError: LAMMPS stopped.
    """
    parts = []
    for index, atoms in enumerate(structures):
        write_data(folder / f"{index}.data", atoms)
        parts.append(SETUP.format(data=f"{index}.data") + f"{potential}\n" + ONE.format(name=index))
    run_program(command, "clear\n".join(parts), folder)
    return [read_results(folder, str(index), atoms) for index, atoms in enumerate(structures)]


def read_results(folder: Path, name: str, atoms: Atoms) -> Results:
    """Read what the commands ``ONE`` have written for a structure, and turn it back into its frame."""
    energy, *pressure = map(float, (folder / f"{name}.txt").read_text().split())
    forces = np.loadtxt(folder / f"{name}.dump", skiprows=9, ndmin=2)[:, 1:]
    xx, yy, zz, yz, xz, xy = -np.array(pressure) * units.bar
    prism = Prism(atoms.cell.array)
    stress = prism.tensor2_to_ase(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    return Results(energy, prism.vector_to_ase(forces), full_3x3_to_voigt_6_stress(stress))


def read_dynamics(log: Path, atoms: int, timestep: float) -> Dynamics:
    """Read the log of :func:`dynamics_commands`.

    Args:
        log: of LAMMPS.
        atoms: their number.
        timestep: [ps].

    Raises:
        LammpsError: the run has not come to its end, or to numbers.
    """
    text = log.read_text()
    rows = re.search(r"Step +Temp.*\n((?: *\d+ .*\n)+)Loop time of (\S+) .* for (\d+) steps", text)
    if rows is None:
        raise LammpsError("the dynamics did not come to their end")
    table = np.array([line.split() for line in rows[1].splitlines()], dtype=float)
    if not np.isfinite(table).all():
        raise LammpsError("the energy is no number any more")
    times, energies = table[:, 0] * timestep, 1000 * table[:, 3] / atoms
    slope, start = np.polyfit(times, energies, 1)
    rest = energies - slope * times - start
    use = re.search(r"([\d.]+)% CPU use", text)  # others may share the machine
    cpu = float(rows[2]) * (float(use[1]) / 100 if use else 1.0)
    return Dynamics(float(slope), float(rest.std()), atoms * int(rows[3]) / max(cpu, 1e-9))
