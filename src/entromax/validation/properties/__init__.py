"""Physical properties: one object each, for any ASE calculator, be it a potential or the DFT engine (METHOD 9.3)."""

from entromax.validation.properties.base import Case, Property, PropertyError, Quantity, Result
from entromax.validation.properties.bulk import Elastic, Lattice, Phases
from entromax.validation.properties.defects import StackingFault, Surfaces, Vacancy
from entromax.validation.properties.melt import Melt
from entromax.validation.properties.paths import Bain, Dimer, Hexagonal, Trigonal
from entromax.validation.properties.vibrations import Expansion, Phonons

PROPERTIES: dict[str, Property] = {
    one.name: one
    for one in (
        Lattice(),
        Phases(),
        Elastic(),
        Phonons(),
        Expansion(),
        Vacancy(),
        Surfaces(),
        StackingFault(),
        Bain(),
        Trigonal(),
        Hexagonal(),
        Dimer(),
        Melt(),
    )
}
"""All properties by the name that settings and files use."""

__all__ = ["PROPERTIES", "Case", "Property", "PropertyError", "Quantity", "Result"]
