"""DeePMD systems."""

from itertools import groupby
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress

from entromax.dataset.formats.base import Energies, ExportFormat, Parts
from entromax.structures.geometry import bare, right_handed
from entromax.structures.kinds import without_free_atoms


class DeepmdFormat(ExportFormat):
    """DeePMD systems (npy), one folder per composition: ``type.raw``, ``type_map.raw``, ``set.000/*.npy``.

    The virial is -V stress [eV]. Free atoms are left out; their energies belong into ``atom_ener`` of the input.
    """

    name = "deepmd"
    citation = "J. Zeng et al., J. Chem. Phys. 159, 054801 (2023)."

    def write(self, parts: Parts, energies: Energies, folder: Path) -> None:
        """Write a dataset; see ``ExportFormat.write``."""
        symbols = sorted(energies)
        for part, structures in parts.items():
            bulk = [_sorted_by_type(atoms) for atoms in without_free_atoms(structures)]
            for formula, group in groupby(sorted(bulk, key=_formula), key=_formula):
                frames = list(group)
                system, data = folder / part / formula, folder / part / formula / "set.000"
                data.mkdir(parents=True)
                types = [symbols.index(symbol) for symbol in frames[0].get_chemical_symbols()]
                (system / "type.raw").write_text("".join(f"{kind}\n" for kind in types))
                (system / "type_map.raw").write_text("".join(f"{symbol}\n" for symbol in symbols))
                arrays = {
                    "box": [right_handed(bare(atoms)).cell.array for atoms in frames],
                    "coord": [atoms.positions for atoms in frames],
                    "energy": [atoms.info["REF_energy"] for atoms in frames],
                    "force": [atoms.arrays["REF_forces"] for atoms in frames],
                    "virial": [
                        -atoms.get_volume() * voigt_6_to_full_3x3_stress(atoms.info["REF_stress"]) for atoms in frames
                    ],
                }
                for name, values in arrays.items():
                    flat = np.asarray(values, dtype=float).reshape(len(frames), -1)
                    np.save(data / f"{name}.npy", flat[:, 0] if name == "energy" else flat)


def _sorted_by_type(atoms: Atoms) -> Atoms:
    return atoms[np.argsort(atoms.get_chemical_symbols(), kind="stable")]


def _formula(atoms: Atoms) -> str:
    return str(atoms.symbols.get_chemical_formula())


FORMAT = DeepmdFormat()
