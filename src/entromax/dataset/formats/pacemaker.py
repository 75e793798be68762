"""Pickled data frames for pacemaker."""

from pathlib import Path

import numpy as np
import pandas as pd

from entromax.dataset.formats.base import Energies, ExportFormat, Parts
from entromax.structures.geometry import bare, right_handed
from entromax.structures.kinds import without_free_atoms


class PacemakerFormat(ExportFormat):
    """Gzipped pickles of DataFrames for pacemaker, with energies above free atoms in ``energy_corrected`` [eV].

    Columns and names are plain objects: pandas 2, which TensorFlow environments hold, cannot read the strings of
    pandas 3.
    """

    name = "pacemaker"
    citation = "A. Bochkarev et al., Phys. Rev. Mater. 6, 013804 (2022)."

    def write(self, parts: Parts, energies: Energies, folder: Path) -> None:
        """Write a dataset; see ``ExportFormat.write``."""
        for part, structures in parts.items():
            bulk = without_free_atoms(structures)
            total = [float(atoms.info["REF_energy"]) for atoms in bulk]
            columns = {
                "ase_atoms": [right_handed(bare(atoms)) for atoms in bulk],
                "energy": total,
                "energy_corrected": [
                    energy - sum(energies[str(symbol)] for symbol in atoms.symbols)
                    for energy, atoms in zip(total, bulk, strict=True)
                ],
                "forces": [np.asarray(atoms.arrays["REF_forces"], dtype=float) for atoms in bulk],
                "name": [str(atoms.info["sid"]) for atoms in bulk],
            }
            frame = pd.DataFrame(
                {key: pd.Series(values, dtype=float if "energy" in key else object) for key, values in columns.items()}
            )
            frame.columns = pd.Index(list(columns), dtype=object)
            frame.to_pickle(folder / f"{part}.pckl.gzip", compression="gzip", protocol=4)


FORMAT = PacemakerFormat()
