"""Energies of all crystals of the element."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from ase.calculators.calculator import BaseCalculator

from entromax.validation.properties.base import Case, Property, PropertyError, Quantity, Result, curve, fit_volumes
from entromax.validation.references import Number, phase_energies


class Phases(Property):
    """Energies of all crystals of the element, each at the minimum of its own E(V)."""

    name = "phases"
    title = "Order of the phases"
    x_label = "volume [Å³/atom]"
    y_label = "energy above the zero of the table [eV/atom]"
    explanation = "Every crystal of the settings at the minimum of its E(V) at fixed shape."
    place = 2
    on_card = True
    curves_are_crystals = True

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Fit E(V) of every crystal; see ``Property.calc``."""
        fits = {name: fit_volumes(name, calculator, case) for name in case.element.crystals}
        energies = {name: fit.energy for name, (fit, _, _) in fits.items() if fit.energy is not None}
        zero = self._zero(case)
        if zero not in energies:
            raise PropertyError(f"E(V) of {zero} has {fits[zero][0].reason}")
        quantities, flags, curves = [], [], []
        for name, (fit, structures, points) in fits.items():
            volumes = [atoms.get_volume() / len(atoms) for atoms in structures]
            curves.append(curve(name, volumes, points - energies[zero]))
            if name == zero:
                continue
            if fit.energy is None:
                flags.append(f"has {fit.reason} for {name}")
            quantities.append(
                Quantity(f"{name} − {zero}", 1000 * (energies.get(name, np.nan) - energies[zero]), "meV/atom")
            )
        below = [name for name, energy in energies.items() if energy < energies.get(case.ground_state, np.inf) - 1e-3]
        if below:
            flags.append(f"puts {', '.join(below)} below {case.ground_state}")
        return Result("done", quantities=quantities, curves=pd.concat(curves, ignore_index=True), flags=flags)

    @staticmethod
    def _zero(case: Case) -> str:
        """Return the crystal that energies count from: the published zero where there is one, so that all compare."""
        known = phase_energies(case.symbol)
        zeros = [name for name, number in known.items() if number.value == 0 and name in case.element.crystals]
        return case.ground_state if case.ground_state in zeros or not zeros else zeros[0]

    def published(self, case: Case) -> Mapping[str, Number]:
        """Return the all-electron energies of the ACWF study."""
        zero = self._zero(case)
        return {f"{name} − {zero}": number for name, number in phase_energies(case.symbol).items() if name != zero}


PROPERTY = Phases()
