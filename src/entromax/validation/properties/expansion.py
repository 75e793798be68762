"""Thermal expansion in the quasi-harmonic approximation."""

from collections.abc import Mapping

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from phonopy import run_qha

from entromax.validation.properties.base import (
    Case,
    Property,
    PropertyError,
    Quantity,
    Result,
    curve,
    equilibrium,
    relax,
    single_points,
)
from entromax.validation.properties.phonons import IMAGINARY, force_constants
from entromax.validation.references import Number, expansion_coefficient

QHA_VOLUMES = np.array([0.98, 0.99, 1.0, 1.01, 1.02, 1.035, 1.05])
"""Volumes over equilibrium volume of the quasi-harmonic approximation."""
QHA_MESH = 15
TEMPERATURES = np.arange(0.0, 641.0, 20.0)
"""Temperatures of the thermal expansion [K]."""
ROOM_TEMPERATURE = 300.0


class Expansion(Property):
    """Thermal expansion in the quasi-harmonic approximation."""

    name = "expansion"
    title = "Thermal expansion"
    x_label = "temperature [K]"
    y_label = "linear expansion [10⁻⁶/K]"
    explanation = "Quasi-harmonic: phonons at seven volumes, Vinet fit of the free energy at every temperature."
    place = 6
    thermal = True

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Compute phonons at several volumes; see ``Property.calc``."""
        start = equilibrium(calculator, case)
        cells = [self._scaled(start, float(ratio), calculator, case) for ratio in QHA_VOLUMES]
        phonons = [force_constants(atoms, calculator, case) for atoms in cells]
        for ratio, one in zip(QHA_VOLUMES, phonons, strict=True):
            lowest = float(one.run_mesh([QHA_MESH] * 3).frequencies.min())
            if lowest < IMAGINARY:
                raise PropertyError(f"imaginary phonons ({lowest:.2f} THz) at {ratio:g} of the volume")
        qha = run_qha(
            phonons,
            TEMPERATURES,
            internal_energies=single_points(cells, calculator) * len(start),
            mesh=[QHA_MESH] * 3,
            exclude_gamma_acoustic=True,
        )
        expansion = np.asarray(qha.thermal_expansion) / 3 * 1e6
        grid = TEMPERATURES[: len(expansion)]
        room = float(np.interp(ROOM_TEMPERATURE, grid, expansion))
        volume = float(np.interp(ROOM_TEMPERATURE, grid, qha.equilibrium_volumes[: len(grid)])) / len(start)
        if not np.isfinite(room):
            raise PropertyError("the free energy has no minimum within the volumes")
        quantities = [
            Quantity("linear expansion at 300 K", room, "10⁻⁶/K"),
            Quantity("volume at 300 K", volume, "Å³/atom"),
        ]
        return Result("done", quantities=quantities, curves=curve("expansion", grid, expansion))

    @staticmethod
    def _scaled(start: Atoms, ratio: float, calculator: BaseCalculator, case: Case) -> Atoms:
        """Return the crystal at a part of its volume, positions relaxed."""
        atoms = start.copy()
        atoms.set_cell(start.cell * ratio ** (1 / 3), scale_atoms=True)
        return relax(atoms, calculator, case) if len(atoms) > 1 else atoms

    def published(self, case: Case) -> Mapping[str, Number]:
        """Return the measured expansion."""
        known = expansion_coefficient(case.symbol)
        return {} if known is None else {"linear expansion at 300 K": known}


PROPERTY = Expansion()
