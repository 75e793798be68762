"""Energies of low-index surfaces."""

from collections.abc import Callable, Mapping

import numpy as np
from ase import Atoms, build, units
from ase.calculators.calculator import BaseCalculator

from entromax.validation.properties.base import Case, Property, Quantity, Result, equilibrium, relax, single_points
from entromax.validation.references import Number, surface_energies

JOULE_PER_M2 = 1 / (units.J / units.m**2)
"""1 eV/Å^2 in J/m^2."""
VACUUM = 3.0
"""Empty space between slabs, in units of d_nn: more than the cutoff of the potentials."""
FACETS: dict[str, dict[str, Callable[..., Atoms]]] = {
    "fcc": {"(111)": build.fcc111, "(100)": build.fcc100, "(110)": build.fcc110},
    "bcc": {"(110)": build.bcc110, "(100)": build.bcc100},
    "hcp": {"(0001)": build.hcp0001},
}


def cubic_lattice_parameter(atoms: Atoms, name: str) -> float:
    """Return the edge of the conventional cube [Å]."""
    return float(({"fcc": 4, "bcc": 2}[name] * atoms.get_volume() / len(atoms)) ** (1 / 3))


class Surfaces(Property):
    """Energies of low-index surfaces, unrelaxed and relaxed."""

    name = "surfaces"
    title = "Surfaces"
    explanation = "Slabs with the smallest surface cell (no reconstruction can form), ions relaxed in the fixed cell."
    place = 8

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


PROPERTY = Surfaces()
