"""Extended XYZ with the keys of ASE."""

from pathlib import Path

import ase.io
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator

from entromax.dataset.formats.base import Energies, ExportFormat, Parts
from entromax.structures.geometry import bare, right_handed


class ExtxyzFormat(ExportFormat):
    """Extended XYZ with the keys of ASE: ``energy``, ``forces``, ``stress`` [eV, eV/Å, eV/Å^3, ASE sign].

    ``ase.io.read`` attaches them as a calculator. The free atom is in the training set.
    """

    name = "extxyz"
    citation = "A. H. Larsen et al., J. Phys.: Condens. Matter 29, 273002 (2017)."

    def write(self, parts: Parts, energies: Energies, folder: Path) -> None:
        """Write a dataset; see ``ExportFormat.write``."""
        for part, structures in parts.items():
            copies = [right_handed(bare(atoms)) for atoms in structures]
            for copy, atoms in zip(copies, structures, strict=True):
                copy.info |= {key: atoms.info[key] for key in ("sid", "config_type", "settings") if key in atoms.info}
                copy.calc = SinglePointCalculator(
                    copy,
                    energy=float(atoms.info["REF_energy"]),
                    forces=atoms.arrays["REF_forces"],
                    stress=np.asarray(atoms.info["REF_stress"], dtype=float),
                )
            if copies:
                ase.io.write(folder / f"{part}.extxyz", copies, format="extxyz")


FORMAT = ExtxyzFormat()
