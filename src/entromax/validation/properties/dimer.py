"""Energy of two atoms against their distance."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from entromax.validation.properties.base import Case, Property, Quantity, Result, curve, single_points


class Dimer(Property):
    """Energy of two atoms against their distance: the repulsion must grow all the way down to 0.5 d_nn."""

    name = "dimer"
    title = "Dimer"
    x_label = "distance [Å]"
    y_label = "energy above the largest distance [eV]"
    explanation = "Two atoms in a box, from 0.5 to 2.2 nearest-neighbour distances, without spin polarisation in DFT."
    place = 13
    shows_repulsion = True
    closest, farthest, wall = 0.5, 2.2, 0.9
    """Distances in units of d_nn; below ``wall`` the energy has to rise towards shorter distances."""

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Compute single points of the pair; see ``Property.calc``."""
        d = case.element.d_nn
        inner = np.linspace(self.closest, 1.2, case.settings.path_points)
        distances = np.concatenate([inner, np.linspace(1.2, self.farthest, case.settings.path_points // 2 + 1)[1:]]) * d
        box = d * np.array([3.0, 3.1, 2.0 + self.farthest])
        pairs = [Atoms([case.symbol] * 2, positions=[[0, 0, 0], [0, 0, r]], cell=box, pbc=True) for r in distances]
        for pair in pairs:
            pair.info["kpts"] = [1, 1, 1]
        energies = 2 * single_points(pairs, calculator)
        energies -= energies[-1]
        repulsive = energies[distances <= self.wall * d + 1e-9]
        falls = bool((np.diff(repulsive) >= 0).any())
        well = int(np.argmin(energies))
        quantities = [
            Quantity("distance of lowest energy", float(distances[well]), "Å"),
            Quantity("lowest energy", float(energies[well]), "eV"),
            Quantity("energy at 0.5 d_nn", float(energies[0]), "eV"),
        ]
        flags = ["has a hole in the repulsion of two atoms: the energy falls where atoms come closer"] if falls else []
        return Result("done", "", quantities, curve("dimer", distances, energies), flags)


PROPERTY = Dimer()
