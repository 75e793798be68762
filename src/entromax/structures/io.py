"""Extended XYZ files, the one format of structures and datasets in the project."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import ase.io
from ase import Atoms

from entromax.runtime import atomic_path

_BOOLEANS = {"T", "F", "true", "false", "True", "False", "TRUE", "FALSE"}


def read_structures(path: str | Path) -> list[Atoms]:
    """Return all structures of an extended XYZ file; an empty file holds none.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not extended XYZ (a truncated file, for example).
    """
    if Path(path).stat().st_size == 0:
        return []
    try:
        return list(ase.io.iread(str(path), index=":", format="extxyz"))
    except (ase.io.ParseError, OSError, ValueError, KeyError, IndexError) as error:
        raise ValueError(
            f"{path}: not readable as extended XYZ ({error}); delete the file and make it again"
        ) from error


def write_structures(path: str | Path, structures: Iterable[Atoms]) -> None:
    """Write structures to an extended XYZ file, atomically; without structures the file is empty.

    Cell, positions, all arrays and ``info`` are kept. Results of an attached calculator are not written: labels are
    stored under their ``REF_`` names.
    """
    prepared = [_protect_strings(atoms) for atoms in structures]
    with atomic_path(path) as temporary:
        if prepared:
            ase.io.write(str(temporary), prepared, format="extxyz", write_results=False)
        else:
            temporary.touch()


def _protect_strings(atoms: Atoms) -> Atoms:
    """Return a shallow copy whose info strings that look like numbers, booleans or nothing are marked as JSON.

    ASE would read ``element=F`` as False, ``settings=0123`` as 123, and in ``library_sid= element=Al`` one key for two;
    strings marked as JSON stay strings.
    """
    unsafe = {key: value for key, value in atoms.info.items() if isinstance(value, str) and _looks_typed(value)}
    if not unsafe:
        return atoms
    copy = atoms.copy()
    copy.info.update({key: f"_JSON {json.dumps(value)}" for key, value in unsafe.items()})
    return copy


def _looks_typed(text: str) -> bool:
    words = re.findall(r"[^\s,]+", text)
    return all(word in _BOOLEANS for word in words) or all(_is_number(word) for word in words)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
