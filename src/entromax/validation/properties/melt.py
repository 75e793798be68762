"""The melt: short molecular dynamics and its radial distribution function."""

from collections.abc import Mapping

import numpy as np
from ase import units
from ase.calculators.calculator import BaseCalculator
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.neighborlist import neighbor_list

from entromax.structures.geometry import supercell
from entromax.validation.properties.base import (
    COLLAPSED,
    Case,
    Property,
    PropertyError,
    Quantity,
    Result,
    curve,
    equilibrium,
)
from entromax.validation.references import Number, melting_point

TIMESTEP = 2.0
"""Time step [fs]."""
SWELLING = 1.06
"""Volume of the melt over that of the crystal."""
HEATING, OVERHEATING, HOT = 0.35, 4.0, 1.3
"""Part of the steps that melts the crystal, its temperature and that of the rest over the melting point."""
REACH = 2.2
"""Range of g(r) in units of d_nn."""
BIN = 0.1
"""Width of the bins of g(r) [Å]."""


class Melt(Property):
    """Radial distribution function of the liquid above the melting point, at constant volume."""

    name = "melt"
    title = "Melt"
    x_label = "distance [Å]"
    y_label = "radial distribution function"
    explanation = (
        "A crystal melted at four times its melting point, then kept at 1.3 times it, at 1.06 of its volume. "
        "The run is short: it shows whether the liquid is a liquid, not its exact structure."
    )
    place = 14
    thermal = True

    def not_applicable(self, case: Case) -> str:
        """Return why there is no melt."""
        return "" if melting_point(case.symbol) else f"no melting point of {case.symbol} is known here"

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Run Langevin dynamics; see ``Property.calc``."""
        point = melting_point(case.symbol)
        assert point is not None
        atoms = supercell(equilibrium(calculator, case), case.settings.melt_atoms, symmetric=True)
        atoms.set_cell(atoms.cell * SWELLING ** (1 / 3), scale_atoms=True)
        atoms.calc = calculator
        rng = np.random.default_rng([case.seed, 1])
        temperature = OVERHEATING * point.value
        thermalize_momenta(atoms, temperature, rng=rng)
        motion = Langevin(
            atoms, TIMESTEP * units.fs, temperature_K=temperature, friction=0.02 / units.fs, fixcm=False, rng=rng
        )
        steps = case.settings.melt_steps
        heating = round(HEATING * steps)
        motion.run(heating)
        motion.set_temperature(temperature_K=HOT * point.value)
        samples, limit = [], COLLAPSED * case.element.d_nn
        reach = REACH * case.element.d_nn
        for step in range(steps - heating):
            motion.run(1)
            if step % 5 == 0:
                if not np.isfinite(atoms.positions).all():
                    raise PropertyError(f"atoms at infinity after {(heating + step) * TIMESTEP:.0f} fs")
                distances = neighbor_list("d", atoms, reach)
                if len(distances) and distances.min() < limit:
                    time = (heating + step) * TIMESTEP
                    raise PropertyError(f"atoms closer than {limit:.2f} Å after {time:.0f} fs: the melt collapses")
                if step > (steps - heating) / 2:
                    samples.append(distances)
        edges = np.arange(0.0, reach, BIN)
        counts = np.histogram(np.concatenate(samples), edges)[0] / len(samples) / len(atoms)
        shells = 4 / 3 * np.pi * np.diff(edges**3)
        g = counts / shells * atoms.get_volume() / len(atoms)
        centres = (edges[1:] + edges[:-1]) / 2
        peak = int(np.argmax(g))
        quantities = [
            Quantity("first peak at", float(centres[peak]), "Å"),
            Quantity("height of the first peak", float(g[peak]), "1"),
        ]
        return Result("done", "", quantities, curve("melt", centres, g), structures={"melt": atoms})

    def published(self, case: Case) -> Mapping[str, Number]:
        """There are none at this temperature and density."""
        return {}


PROPERTY = Melt()
