"""Lattice parameters, volume and bulk modulus of the relaxed ground state."""

from collections.abc import Mapping

import numpy as np
from ase.calculators.calculator import BaseCalculator

from entromax.structures.geometry import shortest_distance
from entromax.validation.properties.base import Case, Property, Quantity, Result, equilibrium, fit_volumes
from entromax.validation.references import Number, equations_of_state

PER_CUBE = {"fcc": 4, "bcc": 2, "sc": 1, "diamond": 8}
"""Atoms in the conventional cube."""


class Lattice(Property):
    """Lattice parameters, volume and bulk modulus of the relaxed ground state."""

    name = "lattice"
    title = "Relaxed lattice"
    explanation = (
        "The ground state relaxed in cell and positions (graphite at its measured c/a, because PBE does not bind its "
        "layers). The bulk modulus is that of E(V) at fixed shape."
    )
    place = 1
    on_card = True

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Relax the ground state; see ``Property.calc``."""
        atoms = equilibrium(calculator, case)
        name, lengths = case.ground_state, atoms.cell.lengths()
        quantities = [Quantity("nearest neighbours", shortest_distance(atoms), "Å")]
        if name in PER_CUBE:
            quantities.append(Quantity("a", (PER_CUBE[name] * atoms.get_volume() / len(atoms)) ** (1 / 3), "Å"))
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


PROPERTY = Lattice()
