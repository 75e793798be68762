"""Extended XYZ for MACE."""

from pathlib import Path

from entromax.dataset.formats.base import Energies, ExportFormat, Parts
from entromax.structures import write_structures
from entromax.structures.geometry import bare, right_handed
from entromax.structures.kinds import is_isolated


class MaceFormat(ExportFormat):
    """Extended XYZ as MACE reads it by default: ``REF_`` keys; free atoms are ``config_type=IsolatedAtom``.

    The free atom gives MACE its E0, and is in the training set only.
    """

    name = "mace"
    citation = "I. Batatia et al., MACE, Adv. Neural Inf. Process. Syst. 35 (2022)."

    def write(self, parts: Parts, energies: Energies, folder: Path) -> None:
        """Write a dataset; see ``ExportFormat.write``."""
        for part, structures in parts.items():
            copies = []
            for atoms in structures:
                copy = right_handed(bare(atoms))
                copy.arrays["REF_forces"] = atoms.arrays["REF_forces"]
                copy.info = {key: atoms.info[key] for key in ("REF_energy", "REF_stress", "sid") if key in atoms.info}
                copy.info["config_type"] = "IsolatedAtom" if is_isolated(atoms) else "Default"
                copies.append(copy)
            if copies:
                write_structures(folder / f"{part}.xyz", copies)


FORMAT = MaceFormat()
