"""ASE's effective-medium theory: a teaching potential that makes whole campaigns run in seconds."""

from pathlib import Path

from ase import Atoms
from ase.calculators.emt import EMT

from entromax.config.models import EmtSettings
from entromax.labels.engines.base import Engine, EngineUnavailableError, Label

METALS = ("Al", "Cu", "Ag", "Au", "Ni", "Pd", "Pt")
"""ASE also has numbers for H, C, N, O: placeholders for tests, not fits."""


class EmtEngine(Engine[EmtSettings]):
    """Effective-medium theory for Al, Cu, Ag, Au, Ni, Pd, Pt."""

    def label(self, atoms: Atoms, settings: EmtSettings, rung: int, text: Path) -> Label:
        """Label one structure; see ``Engine.label``."""
        unknown = set(atoms.get_chemical_symbols()) - set(METALS)
        if unknown:
            raise EngineUnavailableError(
                f"reference.engine: emt has no parameters for {', '.join(sorted(unknown))}; use an element among "
                f"{', '.join(METALS)}, or `engine: gpaw`"
            )
        return self.single_point(atoms, EMT())


ENGINE = EmtEngine()
