"""A physical property of your own: the ideal strength, in one file.

Put it into src/entromax/validation/properties/ of your copy of entromax: every campaign then calculates it, unless its
`validation: {properties: [...]}` names others.
"""

from typing import ClassVar

import numpy as np
from ase import units
from ase.calculators.calculator import BaseCalculator

from entromax.validation.properties.base import (
    Case,
    Property,
    PropertyError,
    Quantity,
    Result,
    curve,
    equilibrium,
    single_points,
)

STRAINS = np.linspace(0.0, 0.8, 21)
"""Strains of the crystal along z [1]."""


class IdealStrength(Property):
    """Largest stress that the perfect crystal bears under strain along z, with the cell fixed across."""

    name = "ideal_strength"
    title = "Ideal strength"
    explanation = "The primitive cell of the ground state is stretched along z until it gives way; nothing is relaxed."
    x_label = "strain"
    y_label = "stress [GPa]"
    curve_unit = "GPa"
    citation = "D. Roundy et al., Phys. Rev. Lett. 82, 2713 (1999)."
    thresholds: ClassVar = {"ideal strength": "bulk_modulus_error"}

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Stretch the crystal step by step.

        Raises:
            PropertyError: stresses are not finite, or the stress has no maximum.
        """
        start = equilibrium(calculator, case)
        stretched = []
        for strain in STRAINS:
            atoms = start.copy()
            atoms.set_cell(start.cell.array * [1.0, 1.0, 1.0 + strain], scale_atoms=True)
            atoms.calc = calculator
            stretched.append(atoms)
        single_points(stretched, calculator)  # all at once: a DFT engine then calculates them in parallel
        stresses = [float(atoms.get_stress()[2]) / units.GPa for atoms in stretched]
        if not np.isfinite(stresses).all():
            raise PropertyError("stresses are not finite")
        top = int(np.argmax(stresses))
        if top == len(STRAINS) - 1:
            raise PropertyError(f"the stress still grows at a strain of {STRAINS[-1]:g}")
        quantities = [
            Quantity("ideal strength", float(stresses[top]), "GPa"),
            Quantity("strain at the ideal strength", float(STRAINS[top]), "1"),
        ]
        flags = [] if stresses[top] > 0 else [f"pulls {case.ground_state} apart by itself"]
        return Result("done", "", quantities, curve("stress", STRAINS, stresses), flags)


PROPERTY = IdealStrength()
