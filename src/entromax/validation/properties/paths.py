"""Energy along transformation paths at constant volume, and of two atoms that approach each other."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from entromax.labels.reference import share_mesh
from entromax.validation.properties.base import Case, Property, Quantity, Result, curve, single_points

HEXAGONAL = np.array([1.0, np.sqrt(3.0), np.sqrt(8.0 / 3.0)])
"""Edges of the orthorhombic cell of hcp."""
ORTHORHOMBIC_BCC = np.array([1.0, np.sqrt(2.0), np.sqrt(2.0)])
"""Edges of the same cell, [001] [110] [1-10], of bcc."""


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


class Bain(Path):
    """Tetragonal (Bain) path: bcc stretched along a cube axis becomes fcc at c/a = √2."""

    name = "bain"
    title = "Bain path"
    x_label = "c/a of the body-centred tetragonal cell"
    explanation = "Tetragonal strain of bcc at constant volume; by symmetry the curve is flat at bcc and at fcc."
    stops: ClassVar = {"bcc": 1.0, "fcc": float(np.sqrt(2.0))}
    limits = (0.85, 1.75)

    def structure(self, parameter: float, symbol: str, volume: float) -> Atoms:
        """Return the body-centred tetragonal cell; see ``Path.structure``."""
        a = (2 * volume / parameter) ** (1 / 3)
        cell = 0.5 * np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]) * [a, a, a * parameter]
        return Atoms(symbol, positions=[[0, 0, 0]], cell=cell, pbc=True)


class Trigonal(Path):
    """Trigonal path: bcc stretched along a space diagonal becomes sc at 2 and fcc at 4."""

    name = "trigonal"
    title = "Trigonal path"
    x_label = "stretch along [111] of bcc"
    explanation = "Strain along [111] at constant volume; by symmetry the curve is flat at bcc, sc and fcc."
    stops: ClassVar = {"bcc": 1.0, "sc": 2.0, "fcc": 4.0}
    limits = (0.8, 4.8)

    def structure(self, parameter: float, symbol: str, volume: float) -> Atoms:
        """Return the rhombohedral cell; see ``Path.structure``."""
        edge = (2 * volume) ** (1 / 3)
        vectors = 0.5 * edge * np.array([[-1.0, 1, 1], [1, -1, 1], [1, 1, -1]])
        along = np.full((3, 3), 1 / 3)
        strain = parameter ** (2 / 3) * along + parameter ** (-1 / 3) * (np.eye(3) - along)
        return Atoms(symbol, positions=[[0, 0, 0]], cell=vectors @ strain, pbc=True)


class Hexagonal(Path):
    """Hexagonal (Burgers) path: strain and shuffle of (110) planes, coupled linearly, turn bcc into hcp."""

    name = "hexagonal"
    title = "Hexagonal path"
    x_label = "progress of strain and shuffle"
    explanation = "Burgers' path from bcc to ideal hcp at constant volume, strain and shuffle in proportion."
    stops: ClassVar = {"bcc": 0.0, "hcp": 1.0}
    limits = (-0.2, 1.3)

    def structure(self, parameter: float, symbol: str, volume: float) -> Atoms:
        """Return the primitive cell of two atoms; see ``Path.structure``."""
        edges = ORTHORHOMBIC_BCC ** (1 - parameter) * HEXAGONAL**parameter
        a, b, c = edges * (4 * volume / edges.prod()) ** (1 / 3)
        cell = [[a / 2, b / 2, 0], [-a / 2, b / 2, 0], [0, 0, c]]
        positions = [[0, 0, 0], [0, (1 / 2 + parameter / 6) * b, c / 2]]
        return Atoms([symbol] * 2, positions=positions, cell=cell, pbc=True)


class Dimer(Property):
    """Energy of two atoms against their distance: the repulsion must grow all the way down to 0.5 d_nn."""

    name = "dimer"
    title = "Dimer"
    x_label = "distance [Å]"
    y_label = "energy above the largest distance [eV]"
    explanation = "Two atoms in a box, from 0.5 to 2.2 nearest-neighbour distances, without spin polarisation in DFT."
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
