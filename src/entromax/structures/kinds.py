"""Kinds of structures, as ``info["config_type"]`` names them; reference crystals carry the name of the crystal."""

from collections.abc import Iterable

from ase import Atoms

LIBRARY = "library"
"""From the library."""
ISOLATED = "isolated_atom"
"""The free atom."""
ACTIVE = "active"
"""Chosen by active learning because a committee knew little of it."""
LOW_ENERGY = "low_energy"
"""Chosen by active learning because it lies low: a cell of the library, relaxed by a fit."""
NEAR_EQUILIBRIUM = "near_equilibrium"
"""Chosen by active learning: a distortion of a crystal that came out low."""
CHOSEN = (ACTIVE, LOW_ENERGY, NEAR_EQUILIBRIUM)
"""All that active learning chooses: trained on, never tested on."""
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
