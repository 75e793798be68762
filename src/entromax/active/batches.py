"""Batches that were chosen before: relaxations by a fit are chaotic, so what they led to is kept, not how."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ase import Atoms

from entromax.structures import read_structures, write_structures
from entromax.structures.io import write_shards

logger = logging.getLogger("entromax.active")


def batch_file(folder: str | Path, element: str) -> Path:
    """Return the file of all batches of one element, extended XYZ; ``batch`` in the info is their number, from 1."""
    return Path(folder) / f"{element}.extxyz"


def elements_given(folder: str | Path | None, elements: Iterable[str]) -> list[str]:
    """Return the elements whose batches stand in a folder; the others choose their own."""
    return [element for element in elements if folder is not None and batch_file(folder, element).exists()]


def write_batches(folder: str | Path, element: str, batches: Mapping[int, Sequence[Atoms]]) -> Path:
    """Write the chosen structures of one element for campaigns to come; returns the file.

    Args:
        folder: of all elements.
        element: chemical symbol.
        batches: structures [Å] by number of the batch, as ``select_structures`` has chosen them.
    """
    path = batch_file(folder, element)
    structures = []
    for number, batch in sorted(batches.items()):
        for atoms in batch:
            atoms = atoms.copy()
            atoms.info["batch"] = number
            structures.append(atoms)
    write_structures(path, structures)
    return path


def take_batch(
    batches: str | Path, *, iteration: int, structures: int, shard_size: int, shards: str | Path
) -> list[Atoms]:
    """Write one batch that was chosen before as shards; returns its structures.

    Elements got their batches at different times: a batch that the file does not have is empty, and the log says so.

    Args:
        batches: file of the element.
        iteration: number of the batch.
        structures: at most so many of it, in their order.
        shard_size: structures in a shard.
        shards: folder written, files as ``select_structures`` writes them.

    Raises:
        ValueError: the file has no batch at all.
    """
    everything = read_structures(batches)
    batch = [atoms for atoms in everything if atoms.info["batch"] == iteration][:structures]
    if not batch:
        known = sorted({int(atoms.info["batch"]) for atoms in everything})
        if not known:
            raise ValueError(f"{batches}: has no batches; remove it, and the campaign chooses its own")
        logger.warning("%s has batches %s: batch %d is empty", batches, ", ".join(map(str, known)), iteration)
    for atoms in batch:
        del atoms.info["batch"]
    write_shards(shards, batch, n=structures, shard_size=shard_size)
    return batch
