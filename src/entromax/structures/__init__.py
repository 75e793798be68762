"""Structures: reduced cells and crystals, constraints, rescaling to an element, identity, files."""

from entromax.structures.conventional import conventional_structures, make_conventional
from entromax.structures.crystals import crystal, eos_structures
from entromax.structures.geometry import reduced_volume
from entromax.structures.identity import content_hash, quantise, with_sid
from entromax.structures.io import read_structures, write_structures
from entromax.structures.rescale import scale_structure, scale_structures
from entromax.structures.shipped import library_structures, read_library

__all__ = [
    "content_hash",
    "conventional_structures",
    "crystal",
    "eos_structures",
    "library_structures",
    "make_conventional",
    "quantise",
    "read_library",
    "read_structures",
    "reduced_volume",
    "scale_structure",
    "scale_structures",
    "with_sid",
    "write_structures",
]
