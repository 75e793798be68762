"""Properties of perfect crystals: lattice, order of the phases, elastic constants."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from ase import units
from ase.calculators.calculator import BaseCalculator
from ase.optimize import BFGS
from matscipy.elasticity import fit_elastic_constants

from entromax.structures.geometry import shortest_distance
from entromax.validation.properties.base import (
    Case,
    Property,
    PropertyError,
    Quantity,
    Result,
    curve,
    equilibrium,
    fit_volumes,
)
from entromax.validation.references import Number, elastic_constants, equations_of_state, phase_energies

SYMMETRY = {
    "fcc": "cubic",
    "bcc": "cubic",
    "sc": "cubic",
    "diamond": "cubic",
    "hcp": "hexagonal",
    "graphite": "hexagonal",
    "A7": "trigonal_high",
    "A8": "trigonal_high",
}
"""Symmetry of the elastic constants, in the words of matscipy."""
INDEPENDENT = {
    "cubic": ((1, 1), (1, 2), (4, 4)),
    "hexagonal": ((1, 1), (1, 2), (1, 3), (3, 3), (4, 4)),
    "trigonal_high": ((1, 1), (1, 2), (1, 3), (1, 4), (3, 3), (4, 4)),
}


class Lattice(Property):
    """Lattice parameters, volume and bulk modulus of the relaxed ground state."""

    name = "lattice"
    title = "Relaxed lattice"
    explanation = (
        "The ground state relaxed in cell and positions (graphite at its measured c/a, because PBE does not bind its "
        "layers). The bulk modulus is that of E(V) at fixed shape."
    )

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Relax the ground state; see ``Property.calc``."""
        atoms = equilibrium(calculator, case)
        name, lengths = case.ground_state, atoms.cell.lengths()
        quantities = [Quantity("nearest neighbours", shortest_distance(atoms), "Å")]
        if SYMMETRY[name] == "cubic":
            per_cell = {"fcc": 4, "bcc": 2, "sc": 1, "diamond": 8}[name]
            quantities.append(Quantity("a", (per_cell * atoms.get_volume() / len(atoms)) ** (1 / 3), "Å"))
        elif name == "A7":  # hexagonal setting of the rhombohedral cell
            a = float(np.linalg.norm(atoms.cell[0] - atoms.cell[1]))
            quantities += [
                Quantity("a", a, "Å"),
                Quantity("c/a", float(np.linalg.norm(atoms.cell.sum(axis=0))) / a, "1"),
            ]
        else:
            quantities += [Quantity("a", float(lengths[0]), "Å"), Quantity("c/a", float(lengths[2] / lengths[0]), "1")]
        quantities.append(Quantity("volume", atoms.get_volume() / len(atoms), "Å³/atom"))
        fit, _, _ = fit_volumes(name, calculator, case)
        quantities.append(Quantity("bulk modulus", float(fit.bulk_modulus or np.nan), "GPa"))
        return Result("done", quantities=quantities, structures={f"relaxed {name}": atoms})

    def published(self, case: Case) -> Mapping[str, Number]:
        """Return the all-electron equation of state."""
        eos = equations_of_state(case.symbol, case.ground_state).get("wien2k")
        if eos is None:
            return {}
        return {
            "volume": Number(eos.volume, "Å³/atom", eos.source),
            "bulk modulus": Number(eos.bulk_modulus, "GPa", eos.source),
        }


class Phases(Property):
    """Energies of all crystals of the element, each at the minimum of its own E(V)."""

    name = "phases"
    title = "Order of the phases"
    x_label = "volume [Å³/atom]"
    y_label = "energy above the zero of the table [eV/atom]"
    explanation = "Every crystal of the settings at the minimum of its E(V) at fixed shape."

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


class Elastic(Property):
    """Elastic constants with relaxed ions: central differences of the stress under strains (matscipy)."""

    name = "elastic"
    title = "Elastic constants"
    explanation = (
        "Central differences of the stress of the relaxed crystal, ions relaxed at every strain. Shear constants of "
        "metals need denser k-points than energies: where reference and published values part, suspect the reference."
    )

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Strain the relaxed primitive cell; see ``Property.calc``."""
        atoms = equilibrium(calculator, case)
        symmetry, settings = SYMMETRY[case.ground_state], case.settings
        relaxation = (
            {} if len(atoms) == 1 else {"optimizer": BFGS, "fmax": settings.fmax, "steps": settings.relaxation_steps}
        )
        # Two steps of twice the strain are one strain to either side.
        stiffness, _ = fit_elastic_constants(
            atoms, symmetry, N_steps=2, delta=2 * settings.strain, verbose=False, **relaxation
        )
        stiffness = np.asarray(stiffness) / units.GPa
        if not np.isfinite(stiffness).all():
            raise PropertyError("stresses are not finite")
        quantities = [Quantity(f"C{i}{j}", float(stiffness[i - 1, j - 1]), "GPa") for i, j in INDEPENDENT[symmetry]]
        bulk = float(stiffness[:3, :3].mean())
        quantities.append(Quantity("bulk modulus (Voigt)", bulk, "GPa"))
        softest = float(np.linalg.eigvalsh(stiffness).min())
        # Born's criterion: a crystal is stable when its matrix of elastic constants is positive definite.
        flags = [] if softest > 0 else [f"makes {case.ground_state} mechanically unstable (Born criterion)"]
        return Result("done", quantities=quantities, flags=flags)

    def published(self, case: Case) -> Mapping[str, Number]:
        """Return elastic constants of the ground state."""
        return elastic_constants(case.symbol)
