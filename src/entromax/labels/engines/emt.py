"""ASE's effective-medium theory: a teaching potential that makes whole campaigns run in seconds."""

from pathlib import Path
from typing import Literal

from ase import Atoms

from entromax.config.models import ReferenceSettings
from entromax.labels.engines.base import Engine, EngineUnavailableError, Label

METALS = ("Al", "Cu", "Ag", "Au", "Ni", "Pd", "Pt")
"""ASE also has numbers for H, C, N, O: placeholders for tests, not fits."""


class EmtSettings(ReferenceSettings):
    """ASE's effective-medium theory for Al, Cu, Ag, Au, Ni, Pd, Pt: a teaching potential, not DFT."""

    engine: Literal["emt"] = "emt"

    def describe(self) -> str:
        """Return the engine in one phrase."""
        return "EMT (a teaching potential, not DFT)"


class EmtEngine(Engine[EmtSettings]):
    """Effective-medium theory for Al, Cu, Ag, Au, Ni, Pd, Pt."""

    name = "emt"
    settings = EmtSettings
    citation = "K. W. Jacobsen et al., Surf. Sci. 366, 394 (1996), as in ASE. A teaching potential, not DFT."
    preload = ("ase.calculators.emt",)

    def label(self, atoms: Atoms, settings: EmtSettings, rung: int, text: Path) -> Label:
        """Label one structure; see ``Engine.label``."""
        from ase.calculators.emt import EMT

        unknown = set(atoms.get_chemical_symbols()) - set(METALS)
        if unknown:
            raise EngineUnavailableError(
                f"reference.engine: emt has no parameters for {', '.join(sorted(unknown))}; use an element among "
                f"{', '.join(METALS)}, or `engine: gpaw`"
            )
        return self.single_point(atoms, EMT())


ENGINE = EmtEngine()
