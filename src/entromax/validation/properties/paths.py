"""What transformation paths at constant volume share."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from entromax.labels.reference import share_mesh
from entromax.validation.properties.base import Case, Property, Quantity, Result, curve, single_points


class Path(Property):
    """One path: structures at the volume of the ground state as a function of one parameter.

    The volume is that of the settings, the same for every calculator, so that DFT labels the path once.

    Attributes:
        stops: crystals on the path by their parameter; energies count from the first.
        limits: first and last parameter.
    """

    y_label = "energy above the first crystal [meV/atom]"
    curve_unit = "meV/atom"
    stops: ClassVar[dict[str, float]]
    limits: ClassVar[tuple[float, float]]

    @abstractmethod
    def structure(self, parameter: float, symbol: str, volume: float) -> Atoms:
        """Return the structure at one value of the parameter, at ``volume`` [Å^3/atom]."""

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Compute single points along the path; see ``Property.calc``."""
        volume = case.element.crystals[case.ground_state].volume
        grid = np.linspace(*self.limits, case.settings.path_points)
        parameters = np.unique(np.concatenate([grid, list(self.stops.values())]).round(6))
        structures = [self.structure(float(p), case.symbol, volume) for p in parameters]
        share_mesh(structures, case.element.reference)
        energies = single_points(structures, calculator)
        at = {name: int(np.argmin(np.abs(parameters - place))) for name, place in self.stops.items()}
        first = next(iter(self.stops))
        relative = 1000 * (energies - energies[at[first]])
        quantities = [
            Quantity(f"{name} − {first}", float(relative[k]), "meV/atom") for name, k in at.items() if k != at[first]
        ]
        lowest = float(relative.min())
        quantities.append(Quantity("lowest on the path", lowest, "meV/atom"))
        ticks = [(name, place) for name, place in self.stops.items()]
        return Result("done", "", quantities, curve("path", parameters, relative), [], ticks)
