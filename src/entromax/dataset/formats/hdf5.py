"""One HDF5 file with the whole dataset, for programs that read neither ASE nor extended XYZ."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from entromax.dataset.formats.base import Energies, ExportFormat, Parts
from entromax.structures.kinds import kind_of

FILE = "dataset.h5"
UNITS = {"cell": "Å", "positions": "Å", "energy": "eV", "forces": "eV/Å", "stress": "eV/Å^3, xx yy zz yz xz xy"}


class Hdf5Format(ExportFormat):
    """HDF5 with one group per part, the atoms of all its structures under each other.

    Per structure `n_atoms`, `cell`, `pbc`, `energy`, `stress`, `sid`, `kind`; per atom `numbers`, `positions` and
    `forces`. Units stand in the attribute `unit`; the sign of the stress is that of ASE.
    """

    name = "hdf5"
    requires = "h5py"
    remedy = "pip install h5py"

    def write(self, parts: Parts, energies: Energies, folder: Path) -> None:
        """Write a dataset; see ``ExportFormat.write``."""
        import h5py

        with h5py.File(folder / FILE, "w") as file:
            for part, structures in parts.items():
                group = file.create_group(part)
                for name, values in arrays(structures).items():
                    data = group.create_dataset(name, data=values)
                    if name in UNITS:
                        data.attrs["unit"] = UNITS[name]


def arrays(structures: Sequence[Atoms]) -> dict[str, np.ndarray | list[str]]:
    """Return what the file holds of a part: S structures, A atoms in all.

    Returns:
        ``n_atoms`` [S], ``cell`` [S, 3, 3], ``pbc`` [S, 3], ``energy`` [S], ``stress`` [S, 6], ``sid`` and ``kind``
        [S]; ``numbers`` [A], ``positions`` and ``forces`` [A, 3].
    """

    def each(values: list[object], *shape: int) -> np.ndarray:
        return np.array(values, dtype=float).reshape(-1, *shape)

    return {
        "n_atoms": np.array([len(atoms) for atoms in structures], dtype=int),
        "cell": each([atoms.cell.array for atoms in structures], 3, 3),
        "pbc": np.array([atoms.pbc for atoms in structures], dtype=bool).reshape(-1, 3),
        "energy": each([atoms.info["REF_energy"] for atoms in structures]),
        "stress": each([atoms.info["REF_stress"] for atoms in structures], 6),
        "sid": [str(atoms.info.get("sid", "")) for atoms in structures],
        "kind": [kind_of(atoms) for atoms in structures],
        "numbers": np.concatenate([[], *(atoms.numbers for atoms in structures)]).astype(int),
        "positions": np.concatenate([np.zeros((0, 3)), *(atoms.positions for atoms in structures)]),
        "forces": np.concatenate([np.zeros((0, 3)), *(atoms.arrays["REF_forces"] for atoms in structures)]),
    }


FORMAT = Hdf5Format()
