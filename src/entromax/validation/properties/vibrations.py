"""Phonons by phonopy, and what follows from them: imaginary modes and thermal expansion."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from phonopy import Phonopy, run_qha
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
    relax,
    single_points,
)
from entromax.validation.references import Number, expansion_coefficient, phonon_frequencies

IMAGINARY = -0.15
"""Frequencies below this are imaginary modes, not numerical noise of the acoustic ones at Γ [THz]."""
POINTS = 101
"""q-points along the path."""
QHA_VOLUMES = np.array([0.98, 0.99, 1.0, 1.01, 1.02, 1.035, 1.05])
"""Volumes over equilibrium volume of the quasi-harmonic approximation."""
QHA_MESH = 15
TEMPERATURES = np.arange(0.0, 641.0, 20.0)
"""Temperatures of the thermal expansion [K]."""
ROOM_TEMPERATURE = 300.0


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
        for label, point in path.special_points.items():
            if not _at_zone_boundary(point):
                continue
            there = phonons.run_qpoints([point]).frequencies[0]
            quantities += [
                Quantity(f"lowest at {label}", float(there[0]), "THz"),
                Quantity(f"highest at {label}", float(there[-1]), "THz"),
            ]
        soft = frequencies.min() < IMAGINARY
        flags = (
            [f"has imaginary phonons in {case.ground_state} (down to −{-frequencies.min():.2f} THz)"] if soft else []
        )
        ticks = [("Γ" if name == "G" else name, float(place)) for name, place in zip(names, places, strict=True)]
        return Result("done", "", quantities, pd.concat(curves, ignore_index=True), flags, ticks)

    def published(self, case: Case) -> Mapping[str, Number]:
        """Return measured frequencies."""
        return phonon_frequencies(case.symbol)


def _at_zone_boundary(point: np.ndarray) -> bool:
    """Tell whether a wave vector is half a reciprocal lattice vector: there the modes are standing waves."""
    return bool(np.allclose(2 * point, np.rint(2 * point)) and np.abs(point).max() > 0)


class Expansion(Property):
    """Thermal expansion in the quasi-harmonic approximation."""

    name = "expansion"
    title = "Thermal expansion"
    x_label = "temperature [K]"
    y_label = "linear expansion [10⁻⁶/K]"
    explanation = "Quasi-harmonic: phonons at seven volumes, Vinet fit of the free energy at every temperature."

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
