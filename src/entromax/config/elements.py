"""Names that a configuration may use: chemical elements and reference crystals."""

from ase.data import chemical_symbols

ELEMENTS = frozenset(chemical_symbols[1:])
CRYSTALS = ("fcc", "bcc", "hcp", "sc", "diamond", "graphite", "A7", "A8")
