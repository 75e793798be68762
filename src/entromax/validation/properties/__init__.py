"""Physical properties: one file each, for any ASE calculator, be it a potential or the DFT engine (METHOD 9.3)."""

from entromax.registry import PROPERTIES
from entromax.validation.properties.base import Case, Property, PropertyError, Quantity, Result

__all__ = ["PROPERTIES", "Case", "Property", "PropertyError", "Quantity", "Result", "in_order"]


def in_order() -> list[Property]:
    """Return all properties in the order of the report."""
    return sorted(PROPERTIES.values(), key=lambda one: one.place)
