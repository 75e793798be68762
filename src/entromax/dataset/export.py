"""Write a labelled dataset in the formats of other fitting programs, for people who train elsewhere."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
from ase import Atoms, units
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import voigt_6_to_full_3x3_stress

from entromax.runtime import write_json
from entromax.structures import read_structures, write_structures
from entromax.structures.geometry import bare, right_handed
from entromax.structures.kinds import is_isolated, without_free_atoms

PARTS = ("train", "validation", "test")
FREE_ATOMS = "isolated_atoms.json"

Parts = Mapping[str, Sequence[Atoms]]
Energies = Mapping[str, float]


def export_dataset(dataset: str | Path, name: str, directory: str | Path) -> None:
    """Write the parts of a dataset in one format.

    The energies of the free atoms, which most programs want in their input, go to ``isolated_atoms.json`` [eV].

    Args:
        dataset: folder with ``train.extxyz``, ``validation.extxyz``, ``test.extxyz`` (``REF_`` keys).
        name: a key of ``FORMATS``.
        directory: output folder; an older one is replaced.

    Raises:
        ValueError: unknown format, or a dataset without the free atoms of its elements.
        FileNotFoundError: there is no dataset.
    """
    if name not in FORMATS:
        raise ValueError(f"unknown format {name!r}; choose from {', '.join(FORMATS)}")
    structures = {part: read_structures(Path(dataset, f"{part}.extxyz")) for part in PARTS}
    every = [atoms for part in structures.values() for atoms in part]
    energies = {str(atoms.symbols[0]): float(atoms.info["REF_energy"]) for atoms in every if is_isolated(atoms)}
    if lacking := {str(symbol) for atoms in every for symbol in atoms.symbols} - set(energies):
        raise ValueError(
            f"{dataset}: holds no free atom of {', '.join(sorted(lacking))}; make it with aggregate_dataset"
        )
    final = Path(directory)
    temporary = final.with_name(f".{final.name}.tmp")
    for stale in (temporary, final):
        shutil.rmtree(stale, ignore_errors=True)
    temporary.mkdir(parents=True)
    FORMATS[name](structures, energies, temporary)
    write_json(temporary / FREE_ATOMS, energies)
    temporary.rename(final)


def write_extxyz(parts: Parts, energies: Energies, folder: Path) -> None:
    """Extended XYZ with the keys of ASE: ``energy``, ``forces``, ``stress`` [eV, eV/Å, eV/Å^3, ASE sign].

    ``ase.io.read`` attaches them as a calculator. The free atom is in the training set.
    """
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


def write_mace(parts: Parts, energies: Energies, folder: Path) -> None:
    """Extended XYZ as MACE reads it by default: ``REF_`` keys; free atoms are ``config_type=IsolatedAtom``.

    The free atom gives MACE its E0, and is in the training set only.
    """
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


def write_pacemaker(parts: Parts, energies: Energies, folder: Path) -> None:
    """Gzipped pickles of DataFrames for pacemaker, with energies above free atoms in ``energy_corrected`` [eV].

    Columns and names are plain objects: pandas 2, which TensorFlow environments hold, cannot read the strings of
    pandas 3.
    """
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


def write_fitsnap(parts: Parts, energies: Energies, folder: Path) -> None:
    """One JSON file per structure for FitSNAP, the parts being its groups.

    FitSNAP compares its ``Stress`` with the pressure tensor of LAMMPS [bar], which has the opposite sign of ASE's
    stress. Free atoms belong into its section ``ESHIFT`` with the sign reversed.
    """
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


def write_deepmd(parts: Parts, energies: Energies, folder: Path) -> None:
    """DeePMD systems (npy), one folder per composition: ``type.raw``, ``type_map.raw``, ``set.000/*.npy``.

    The virial is -V stress [eV]. Free atoms are left out; their energies belong into ``atom_ener`` of the input.
    """
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


FORMATS: dict[str, Callable[[Parts, Energies, Path], None]] = {
    "extxyz": write_extxyz,
    "mace": write_mace,
    "pacemaker": write_pacemaker,
    "fitsnap": write_fitsnap,
    "deepmd": write_deepmd,
}
"""Writers of the dataset by name."""
