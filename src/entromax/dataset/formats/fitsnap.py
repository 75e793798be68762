"""JSON files for FitSNAP."""

import json
from pathlib import Path

import numpy as np
from ase import units
from ase.stress import voigt_6_to_full_3x3_stress

from entromax.dataset.formats.base import Energies, ExportFormat, Parts
from entromax.structures.geometry import bare, right_handed
from entromax.structures.kinds import is_isolated


class FitsnapFormat(ExportFormat):
    """One JSON file per structure for FitSNAP, the parts being its groups.

    FitSNAP compares its ``Stress`` with the pressure tensor of LAMMPS [bar], which has the opposite sign of ASE's
    stress. Free atoms belong into its section ``ESHIFT`` with the sign reversed.
    """

    name = "fitsnap"
    citation = "A. Rohskopf et al., J. Open Source Softw. 8, 5118 (2023)."

    def write(self, parts: Parts, energies: Energies, folder: Path) -> None:
        """Write a dataset; see ``ExportFormat.write``."""
        for part, structures in parts.items():
            group = folder / part
            group.mkdir()
            for atoms in structures:
                if is_isolated(atoms):
                    continue
                stress = voigt_6_to_full_3x3_stress(np.asarray(atoms.info["REF_stress"], dtype=float))
                data = {
                    "Positions": atoms.positions.tolist(),
                    "Forces": np.asarray(atoms.arrays["REF_forces"], dtype=float).tolist(),
                    "Stress": (-stress / units.bar).tolist(),
                    "Lattice": right_handed(bare(atoms)).cell.array.tolist(),
                    "Energy": float(atoms.info["REF_energy"]),
                    "AtomTypes": atoms.get_chemical_symbols(),
                    "NumAtoms": len(atoms),
                }
                styles = {
                    "PositionsStyle": "angstrom",
                    "AtomTypeStyle": "chemicalsymbol",
                    "StressStyle": "bar",
                    "LatticeStyle": "angstrom",
                    "EnergyStyle": "electronvolt",
                    "ForcesStyle": "electronvoltperangstrom",
                    "Label": str(atoms.info["sid"]),
                }
                (group / f"{atoms.info['sid']}.json").write_text(json.dumps({"Dataset": {"Data": [data], **styles}}))


FORMAT = FitsnapFormat()
