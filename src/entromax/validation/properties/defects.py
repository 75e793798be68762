"""Properties of imperfect crystals: vacancy, surfaces, stacking fault."""

from collections.abc import Callable, Mapping

import numpy as np
from ase import Atoms, build, units
from ase.calculators.calculator import BaseCalculator

from entromax.structures.geometry import supercell
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
from entromax.validation.references import Number, surface_energies, vacancy_energy

JOULE_PER_M2 = 1 / (units.J / units.m**2)
"""1 eV/Å^2 in J/m^2."""
VACUUM = 3.0
"""Empty space between slabs, in units of d_nn: more than the cutoff of the potentials."""
FAULT_LAYERS = 12
"""(111) layers between two faults; a multiple of three keeps the stacking."""
FAULT_POINTS = 9
FACETS: dict[str, dict[str, Callable[..., Atoms]]] = {
    "fcc": {"(111)": build.fcc111, "(100)": build.fcc100, "(110)": build.fcc110},
    "bcc": {"(110)": build.bcc110, "(100)": build.bcc100},
    "hcp": {"(0001)": build.hcp0001},
}


def cubic_lattice_parameter(atoms: Atoms, name: str) -> float:
    """Return the edge of the conventional cube [Å]."""
    return float(({"fcc": 4, "bcc": 2}[name] * atoms.get_volume() / len(atoms)) ** (1 / 3))


class Vacancy(Property):
    """Formation energy of a vacancy at constant volume: E(N - 1) - (N - 1)/N E(N)."""

    name = "vacancy"
    title = "Vacancy"
    explanation = "One atom taken out of a supercell of fixed size, all others relaxed."

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Relax a supercell without one atom; see ``Property.calc``."""
        perfect = supercell(equilibrium(calculator, case), case.settings.atoms, symmetric=True)
        bulk = float(single_points([perfect], calculator)[0])
        hole = perfect.copy()
        del hole[0]
        unrelaxed = (float(single_points([hole], calculator)[0]) - bulk) * len(hole)
        relaxed = relax(hole, calculator, case)
        energy = float(relaxed.get_potential_energy()) - bulk * len(hole)
        quantities = [
            Quantity("formation energy", energy, "eV"),
            Quantity("formation energy, unrelaxed", unrelaxed, "eV"),
        ]
        flags = [] if energy > 0 else ["makes a vacancy cost no energy"]
        return Result("done", quantities=quantities, flags=flags, structures={"vacancy": relaxed})

    def published(self, case: Case) -> Mapping[str, Number]:
        """Return the formation energy by DFT."""
        known = vacancy_energy(case.symbol)
        return {} if known is None else {"formation energy": known}


class Surfaces(Property):
    """Energies of low-index surfaces, unrelaxed and relaxed."""

    name = "surfaces"
    title = "Surfaces"
    explanation = "Slabs with the smallest surface cell (no reconstruction can form), ions relaxed in the fixed cell."

    def not_applicable(self, case: Case) -> str:
        """Return why there are no slabs."""
        return "" if case.ground_state in FACETS else f"no slabs are defined for {case.ground_state}"

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Relax one slab per facet; see ``Property.calc``."""
        crystal = equilibrium(calculator, case)
        bulk = float(single_points([crystal], calculator)[0])
        quantities, structures, flags = [], {}, []
        for facet, builder in FACETS[case.ground_state].items():
            slab = self._slab(builder, facet, crystal, case)
            area = float(np.linalg.norm(np.cross(slab.cell[0], slab.cell[1])))
            cut = float(single_points([slab], calculator)[0]) * len(slab)
            relaxed = relax(slab, calculator, case)
            energies = (float(relaxed.get_potential_energy()), cut)
            for energy, kind in zip(energies, ("", ", unrelaxed"), strict=True):
                value = (energy - bulk * len(slab)) / (2 * area) * JOULE_PER_M2
                quantities.append(Quantity(f"{facet}{kind}", value, "J/m²"))
                if value <= 0 and not kind:
                    flags.append(f"makes the surface {facet} cost no energy")
            structures[f"surface {facet}"] = relaxed
        return Result("done", quantities=quantities, flags=flags, structures=structures)

    @staticmethod
    def _slab(builder: Callable[..., Atoms], facet: str, crystal: Atoms, case: Case) -> Atoms:
        """Return a slab of at least ``layers`` layers; open facets get more, so that all are about as thick."""
        count = case.settings.layers
        if case.ground_state == "hcp":
            a, c = crystal.cell.lengths()[[0, 2]]
            return builder(case.symbol, (1, 1, count), a=a, c=c, vacuum=VACUUM * case.element.d_nn / 2, periodic=True)
        a = cubic_lattice_parameter(crystal, case.ground_state)
        thin = facet == "(110)" if case.ground_state == "fcc" else facet == "(100)"
        size = (1, 1, round(1.5 * count) if thin else count)
        return builder(case.symbol, size, a=a, vacuum=VACUUM * case.element.d_nn / 2, periodic=True)

    def published(self, case: Case) -> Mapping[str, Number]:
        """Return published surface energies."""
        return surface_energies(case.symbol)


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
