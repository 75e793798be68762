"""Write a labelled dataset in the formats of other fitting programs, for people who train elsewhere."""

import shutil
from pathlib import Path

from entromax.registry import FORMATS
from entromax.runtime import write_json
from entromax.structures import read_structures
from entromax.structures.kinds import is_isolated

PARTS = ("train", "validation", "test")
FREE_ATOMS = "isolated_atoms.json"


def export_dataset(dataset: str | Path, name: str, directory: str | Path) -> None:
    """Write the parts of a dataset in one format.

    The energies of the free atoms, which most programs want in their input, go to ``isolated_atoms.json`` [eV].

    Args:
        dataset: folder with ``train.extxyz``, ``validation.extxyz``, ``test.extxyz`` (``REF_`` keys).
        name: a name in ``FORMATS``.
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
    FORMATS[name].write(structures, energies, temporary)
    write_json(temporary / FREE_ATOMS, energies)
    temporary.rename(final)
