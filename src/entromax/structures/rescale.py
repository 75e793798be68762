"""From the reduced library to the structures of one element."""

import logging
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ase import Atoms

from entromax.structures.geometry import reduced_volume
from entromax.structures.identity import content_hash, quantise
from entromax.structures.io import read_structures, write_shards
from entromax.structures.kinds import LIBRARY

logger = logging.getLogger("entromax.structures")


def scale_structure(atoms: Atoms, symbol: str, d_nn: float) -> Atoms:
    """Return a reduced structure as a structure of ``symbol`` with nearest-neighbour distance ``d_nn`` [Å].

    Cell and positions are multiplied by ``d_nn`` (METHOD section 1). Info of the result: ``sid`` (hash of the scaled
    structure), ``library_sid`` (of the reduced one), ``element``, ``config_type``.
    """
    scaled = quantise(
        Atoms(
            symbols=[symbol] * len(atoms),
            positions=atoms.positions * d_nn,
            cell=atoms.cell.array * d_nn,
            pbc=atoms.pbc,
        )
    )
    scaled.info = {
        "sid": content_hash(scaled),
        "library_sid": str(atoms.info.get("sid", content_hash(atoms))),
        "element": symbol,
        "config_type": LIBRARY,
    }
    return scaled


def scale_structures(
    library: str | Path,
    shards: str | Path,
    *,
    element: str,
    d_nn: float,
    volume: Sequence[float],
    n: int,
    shard_size: int,
) -> int:
    """Write the first ``n`` library structures that suit an element to its shard files and return how many there are.

    Args:
        library: ordered library, extended XYZ in reduced units; its order is kept.
        shards: folder to write, see :func:`entromax.structures.io.write_shards`.
        element: chemical symbol.
        d_nn: nearest-neighbour distance of the element's ground state [Å].
        volume: smallest and largest reduced volume per atom v* [d_nn^3].
        n: structures wanted; fewer are used, with a warning, when fewer fit.
        shard_size: structures per shard.

    Raises:
        ValueError: no library structure lies inside ``volume``.
    """
    low, high = volume
    structures = read_structures(library)
    fitting = (atoms for atoms in structures if low <= reduced_volume(atoms) <= high)
    scaled = [scale_structure(atoms, element, d_nn) for atoms in islice(fitting, n)]
    if not scaled:
        raise ValueError(
            f"{library}: none of its {len(structures)} structures has a volume per atom inside "
            f"elements.{element}.volume = [{low}, {high}] d_nn^3; widen that range or library.cells.volume, "
            "or make a larger library"
        )
    if len(scaled) < n:
        logger.warning(
            "%s: only %d of %d structures in %s lie inside v* = [%g, %g]; %d were wanted: "
            "raise library.rounds or lower labels.structures",
            *(element, len(scaled), len(structures), library, low, high, n),
        )
    write_shards(shards, scaled, n=n, shard_size=shard_size)
    return len(scaled)
