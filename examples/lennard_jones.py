"""An engine of your own: the Lennard-Jones solid, in one file that entromax never heard of.

Copy this file to your campaign and name it in the configuration (docs/plugin.md):

    elements:
      Al: {reference: {engine: plugin, file: lennard_jones.py, options: {epsilon: 0.4, sigma: 2.55}}}

Or put it into src/entromax/labels/engines/ of your copy of entromax, and write `reference: {engine: lennard_jones}`.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms
from ase.calculators.lj import LennardJones
from pydantic import Field

from entromax.config.models import ReferenceSettings
from entromax.labels.engines.base import Engine, Label, is_isolated


class LennardJonesSettings(ReferenceSettings):
    """Lennard-Jones pairs that end smoothly at a cutoff: a teaching potential, not DFT."""

    engine: Literal["lennard_jones"] = "lennard_jones"
    epsilon: float = Field(0.4, gt=0, description="depth of the well [eV]")
    sigma: float = Field(2.55, gt=0.5, lt=5, description="distance at which the energy of a pair is zero [Å]")
    cutoff: float = Field(7.0, gt=2, lt=20, description="pairs beyond it do not interact [Å]")

    def describe(self) -> str:
        """Return the engine and its settings in one phrase, for the report."""
        return f"Lennard-Jones, epsilon {self.epsilon:g} eV, sigma {self.sigma:g} Å (a teaching potential, not DFT)"


class LennardJonesEngine(Engine[LennardJonesSettings]):
    """The 12-6 potential, the same for every element. It has no self-consistency, so one rung is enough."""

    name = "lennard_jones"
    settings = LennardJonesSettings
    citation = "J. E. Jones, Proc. R. Soc. A 106, 463 (1924). A teaching potential, not DFT."

    def label(self, atoms: Atoms, settings: LennardJonesSettings, rung: int, text: Path) -> Label:
        """Label one structure; the stress of a free atom is zero by definition."""
        calculator = LennardJones(epsilon=settings.epsilon, sigma=settings.sigma, rc=settings.cutoff, smooth=True)
        label = self.single_point(atoms, calculator)
        return Label(label.energy, label.forces, np.zeros(6) if is_isolated(atoms) else label.stress)


ENGINE = LennardJonesEngine()
