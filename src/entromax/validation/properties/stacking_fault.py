"""The intrinsic stacking fault of fcc."""

import numpy as np
from ase import Atoms, build
from ase.calculators.calculator import BaseCalculator

from entromax.validation.properties.base import (
    Case,
    Property,
    Quantity,
    Result,
    curve,
    equilibrium,
    relax,
    single_points,
)
from entromax.validation.properties.surfaces import JOULE_PER_M2, cubic_lattice_parameter

FAULT_LAYERS = 12
"""(111) layers between two faults; a multiple of three keeps the stacking."""
FAULT_POINTS = 9


class StackingFault(Property):
    """Intrinsic stacking fault of fcc, and the path of rigid gliding that leads to it."""

    name = "stacking_fault"
    title = "Stacking fault"
    x_label = "glide along ⟨112⟩ [partial dislocations]"
    y_label = "energy [J/m²]"
    explanation = (
        "Two halves of a crystal of twelve (111) layers glide over each other; atoms are relaxed only in the fault "
        "itself, at 1. The curve is that of rigid halves."
    )
    place = 9

    def not_applicable(self, case: Case) -> str:
        """Return why there is no fault."""
        return "" if case.ground_state == "fcc" else f"defined for fcc, not for {case.ground_state}"

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Shear the periodic boundary of a stack of (111) layers; see ``Property.calc``."""
        crystal = equilibrium(calculator, case)
        a = cubic_lattice_parameter(crystal, "fcc")
        stack = build.fcc111(case.symbol, (1, 1, FAULT_LAYERS), a=a, periodic=True)
        # From one layer to the next ABC stacking shifts by this vector; gliding by it once more leaves out a layer.
        partial = stack.positions[1] - stack.positions[0]
        partial[2] = 0.0
        glides = np.linspace(0.0, 1.0, FAULT_POINTS)
        faulted = [self._glided(stack, partial * glide) for glide in glides]
        area = float(np.linalg.norm(np.cross(stack.cell[0], stack.cell[1])))
        rigid = single_points(faulted, calculator) * len(stack)
        relaxed = relax(faulted[-1], calculator, case)
        energy = (float(relaxed.get_potential_energy()) - rigid[0]) / area * JOULE_PER_M2
        gamma = (rigid - rigid[0]) / area * JOULE_PER_M2
        quantities = [
            Quantity("intrinsic fault", energy, "J/m²"),
            Quantity("intrinsic fault, unrelaxed", float(gamma[-1]), "J/m²"),
            Quantity("unstable fault, unrelaxed", float(gamma.max()), "J/m²"),
        ]
        flags = [] if energy > 0 else ["makes a stacking fault cost no energy"]
        return Result("done", "", quantities, curve("glide", glides, gamma), flags, [], {"stacking fault": relaxed})

    @staticmethod
    def _glided(stack: Atoms, shift: np.ndarray) -> Atoms:
        atoms = stack.copy()
        cell = stack.cell.array.copy()
        cell[2] += shift
        atoms.set_cell(cell, scale_atoms=False)
        atoms.pbc = True
        return atoms


PROPERTY = StackingFault()
