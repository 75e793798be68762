"""Formation energy of a vacancy."""

from collections.abc import Mapping

from ase.calculators.calculator import BaseCalculator

from entromax.structures.geometry import supercell
from entromax.validation.properties.base import (
    Case,
    Property,
    Quantity,
    Result,
    equilibrium,
    relax,
    single_points,
)
from entromax.validation.references import Number, vacancy_energy


class Vacancy(Property):
    """Formation energy of a vacancy at constant volume: E(N - 1) - (N - 1)/N E(N)."""

    name = "vacancy"
    title = "Vacancy"
    explanation = "One atom taken out of a supercell of fixed size, all others relaxed."
    place = 7
    on_card = True

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


PROPERTY = Vacancy()
