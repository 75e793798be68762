"""Kinds of structures, as ``info["config_type"]`` names them; reference crystals carry the name of the crystal."""

from collections.abc import Iterable

from ase import Atoms

LIBRARY = "library"
"""From the library."""
ISOLATED = "isolated_atom"
"""The free atom."""
ACTIVE = "active"
"""Found by the dynamics of active learning."""
PROPERTY = "property"
"""Needed by a property that the labelling engine calculates."""


def kind_of(atoms: Atoms) -> str:
    """Return the kind of a structure; without a word about it, it is one of the library."""
    return str(atoms.info.get("config_type", LIBRARY))


def is_isolated(atoms: Atoms) -> bool:
    """Tell whether a structure is a free atom."""
    return kind_of(atoms) == ISOLATED


def without_free_atoms(structures: Iterable[Atoms]) -> list[Atoms]:
    """Return the structures that are not free atoms."""
    return [atoms for atoms in structures if not is_isolated(atoms)]
