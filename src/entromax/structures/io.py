"""Extended XYZ files, the one format of structures and datasets in the project."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import ase.io
from ase import Atoms

from entromax.layout import shard_file, shard_numbers
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


def write_for_programs(output: str | Path, structures: Sequence[Atoms], format: str = "extxyz") -> list[Path]:
    """Write structures in any format that ASE writes.

    Args:
        output: one file when the format holds many structures, such as extxyz or traj; else a folder, in which every
            structure has a file ``00001.<extension>`` or, for VASP, a folder ``00001`` with a POSCAR.
        structures: what to write.
        format: name of the format in ASE.

    Returns:
        The files.

    Raises:
        ValueError: ASE has no such format, cannot write it, or not without settings of the program.
    """
    from ase.io.formats import ioformats  # finds the formats of other packages by importing parts of them

    known = ioformats.get({"poscar": "vasp"}.get(format, format))
    if known is None or not known.can_write:
        raise ValueError(f"ASE writes no format {format!r}; `ase info --formats` lists those it knows")
    if known.name == "extxyz":
        write_structures(output, structures)
        return [Path(output)]
    if not known.single:
        with atomic_path(output) as temporary:
            ase.io.write(str(temporary), structures, format=known.name)
        return [Path(output)]
    files = []
    for number, atoms in enumerate(structures, start=1):
        name = (
            f"{number:05d}/POSCAR" if known.name == "vasp" else f"{number:05d}.{(known.extensions or [known.name])[0]}"
        )
        files.append(Path(output, name))
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        try:
            ase.io.write(str(files[-1]), atoms, format=known.name)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"ASE cannot write {format!r} from a structure alone ({error}); take another") from error
    return files


def write_shards(folder: str | Path, structures: Sequence[Atoms], *, n: int, shard_size: int) -> None:
    """Write structures to all the shards that ``n`` of them fill, the last ones empty where there are fewer.

    Structures go in their order, ``shard_size`` to each shard: enlarging ``n`` never moves one.
    """
    for index, number in enumerate(shard_numbers(n, shard_size)):
        write_structures(shard_file(folder, number), structures[index * shard_size : (index + 1) * shard_size])


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
