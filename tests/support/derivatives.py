"""Central differences, the judge of stresses."""

from collections.abc import Callable

import numpy as np
from ase import Atoms

VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


def stress_by_differences(energy: Callable[[Atoms], float], atoms: Atoms, step: float) -> np.ndarray:
    """Return the derivative of the energy [eV] in the strain over the volume [eV/Å^3], in the order of ASE."""
    found = []
    for i, j in VOIGT:
        ends = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * step
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ strain.T, scale_atoms=True)
            ends.append(energy(strained))
        found.append((ends[0] - ends[1]) / (2 * step) / atoms.get_volume())
    return np.array(found)
