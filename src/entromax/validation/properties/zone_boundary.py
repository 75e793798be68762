"""Phonons at the zone boundary, each from a cell twice as large as the primitive one: affordable by DFT."""

import warnings
from collections.abc import Mapping

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms

from entromax.labels.calculator import LabelCalculator
from entromax.validation.properties.base import Case, Property, PropertyError, Quantity, Result, equilibrium
from entromax.validation.references import Number, phonon_frequencies


def doubled_cell(point: np.ndarray) -> np.ndarray:
    """Return the smallest supercell that holds a wave whose vector is half a reciprocal lattice vector.

    Args:
        point: wave vector in the basis of the reciprocal lattice, components 0 or ± 1/2.

    Returns:
        Integer matrix [3, 3] of determinant 2, its rows the vectors of the supercell in those of the primitive cell.
    """
    odd = np.rint(2 * point).astype(int) % 2
    first = int(np.argmax(odd))
    matrix = np.eye(3, dtype=int)
    matrix[:, first] += odd
    return matrix


def boundary_points(atoms: Atoms) -> dict[str, np.ndarray]:
    """Return the special points of a crystal that are half a reciprocal lattice vector; the modes there stand.

    Of points that are alike by symmetry (L and L1) the first.
    """
    points = atoms.cell.bandpath(npoints=0).special_points
    return {
        str(name): point
        for name, point in points.items()
        if np.allclose(2 * point, np.rint(2 * point))
        and np.abs(point).max() > 0
        and (name.isalpha() or name.rstrip("0123456789") not in points)
    }


def frequencies_at(point: np.ndarray, atoms: Atoms, calculator: BaseCalculator, displacement: float) -> np.ndarray:
    """Return the phonon frequencies at one of the ``boundary_points`` by finite displacements [THz].

    Args:
        point: wave vector, see :func:`doubled_cell`.
        atoms: relaxed primitive cell.
        calculator: forces; an engine labels all displaced cells at once.
        displacement: of one atom [Å].

    Raises:
        PropertyError: forces are not finite.
    """
    unit = PhonopyAtoms(numbers=atoms.numbers, cell=atoms.cell.array, positions=atoms.positions)
    with warnings.catch_warnings():  # that the doubled cell has less symmetry: its own is what is used
        warnings.simplefilter("ignore", UserWarning)
        phonons = Phonopy(unit, supercell_matrix=doubled_cell(point).T, primitive_matrix="P")  # phonopy: columns
    phonons.generate_displacements(distance=displacement)
    cells = [
        Atoms(cell.numbers, positions=cell.positions, cell=cell.cell, pbc=True)
        for cell in phonons.supercells_with_displacements or []
    ]
    if isinstance(calculator, LabelCalculator):
        calculator.label(cells)
    forces = []
    for cell in cells:
        cell.calc = calculator
        forces.append(cell.get_forces())
    if not np.isfinite(forces).all():
        raise PropertyError("forces are not finite")
    phonons.forces = np.array(forces)
    phonons.produce_force_constants()
    phonons.symmetrize_force_constants()
    return np.asarray(phonons.run_qpoints(point[None]).frequencies[0])


class ZoneBoundary(Property):
    """Phonons of the ground state at those special points that are half a reciprocal lattice vector."""

    name = "zone_boundary"
    title = "Phonons at the zone boundary"
    explanation = (
        "Waves of two primitive cells, exact in a cell twice as large: by DFT some displaced cells of a few atoms each."
    )
    place = 5
    on_card = True

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Displace the atoms of one doubled cell per point; see ``Property.calc``."""
        atoms = equilibrium(calculator, case)
        quantities = []
        for label, point in boundary_points(atoms).items():
            there = frequencies_at(point, atoms, calculator, case.settings.displacement)
            quantities += [
                Quantity(f"lowest at {label}", float(there[0]), "THz"),
                Quantity(f"highest at {label}", float(there[-1]), "THz"),
            ]
        return Result("done", quantities=quantities)

    def published(self, case: Case) -> Mapping[str, Number]:
        """Return measured frequencies."""
        return phonon_frequencies(case.symbol)


PROPERTY = ZoneBoundary()
