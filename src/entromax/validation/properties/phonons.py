"""Phonons by phonopy."""

import numpy as np
import pandas as pd
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms

from entromax.structures.geometry import supercell
from entromax.validation.properties.base import (
    Case,
    Property,
    PropertyError,
    Quantity,
    Result,
    curve,
    equilibrium,
)

IMAGINARY = -0.15
"""Frequencies below this are imaginary modes, not numerical noise of the acoustic ones at Γ [THz]."""
POINTS = 101
"""q-points along the path."""


def force_constants(atoms: Atoms, calculator: BaseCalculator, case: Case) -> Phonopy:
    """Return phonopy with the force constants of a crystal by finite displacements.

    Args:
        atoms: relaxed primitive cell.
        calculator: forces.
        case: size of the supercell and of the displacement.

    Raises:
        PropertyError: forces are not finite.
    """
    large = supercell(atoms, case.settings.atoms, symmetric=True)
    repeats = np.rint(large.cell.lengths() / atoms.cell.lengths()).astype(int)
    unit = PhonopyAtoms(numbers=atoms.numbers, cell=atoms.cell.array, positions=atoms.positions)
    phonons = Phonopy(unit, supercell_matrix=np.diag(repeats), primitive_matrix="P")
    phonons.generate_displacements(distance=case.settings.displacement)
    forces = []
    for displaced in phonons.supercells_with_displacements or []:
        copy = Atoms(displaced.numbers, positions=displaced.positions, cell=displaced.cell, pbc=True)
        copy.calc = calculator
        forces.append(copy.get_forces())
    if not np.isfinite(forces).all():
        raise PropertyError("forces are not finite")
    phonons.forces = np.array(forces)
    phonons.produce_force_constants()
    phonons.symmetrize_force_constants()
    return phonons


class Phonons(Property):
    """Phonon dispersion of the ground state along the standard path of its Bravais lattice."""

    name = "phonons"
    title = "Phonons"
    x_label = "wave vector"
    y_label = "frequency [THz]"
    explanation = "Imaginary frequencies are drawn as negative ones: the crystal would fall apart along such a mode."
    place = 4
    on_card = True

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Displace atoms of a supercell; see ``Property.calc``."""
        atoms = equilibrium(calculator, case)
        phonons = force_constants(atoms, calculator, case)
        path = atoms.cell.bandpath(npoints=POINTS)
        frequencies = phonons.run_qpoints(path.kpts).frequencies
        x, places, names = path.get_linear_kpoint_axis()
        curves = [curve(f"branch {k + 1}", x, frequencies[:, k]) for k in range(frequencies.shape[1])]
        quantities = [
            Quantity("highest frequency", float(frequencies.max()), "THz"),
            Quantity("lowest frequency", float(frequencies.min()), "THz"),
        ]
        soft = frequencies.min() < IMAGINARY
        flags = (
            [f"has imaginary phonons in {case.ground_state} (down to −{-frequencies.min():.2f} THz)"] if soft else []
        )
        ticks = [("Γ" if name == "G" else name, float(place)) for name, place in zip(names, places, strict=True)]
        return Result("done", "", quantities, pd.concat(curves, ignore_index=True), flags, ticks)


PROPERTY = Phonons()
