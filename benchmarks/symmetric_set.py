"""Random symmetric crystals made by ASSYST (pyxtal), strained, rattled and scaled, as a set for diversity.py --extra.

Runs in an environment of its own, since pyxtal pins what entromax does not:

    python -m venv .assyst && .assyst/bin/pip install assyst
    .assyst/bin/python benchmarks/symmetric_set.py symmetric.extxyz
    python benchmarks/diversity.py --extra "symmetric crystals=symmetric.extxyz"

Same bounds as the library's defaults: v* log-uniform in 0.5 ... 3.5, closest pair 0.72, heights 0.6 (units of d_nn).
"""

import sys

import ase.io
import numpy as np
from ase.neighborlist import neighbor_list
from assyst.crystals import sample


def main(path: str, atoms_wanted: int = 2500) -> None:
    rng = np.random.default_rng(0)
    made = []
    for crystal in sample([{"W": n} for n in range(1, 11)], max_atoms=10, shuffle=True, rng=1):
        for _ in range(2):
            made += disordered(crystal, rng)
        if sum(len(atoms) for atoms in made) > atoms_wanted:
            break
    ase.io.write(path, made, format="extxyz")
    print(f"{len(made)} structures, {sum(len(atoms) for atoms in made)} atoms")


def disordered(crystal: ase.Atoms, rng: np.random.Generator) -> list[ase.Atoms]:
    """Return a strained and rattled copy at a random volume that keeps the bounds; nothing when ten volumes fail."""
    strain = rng.uniform(-0.2, 0.2, (3, 3))
    cell = crystal.cell.array / 2.74 @ (np.eye(3) + (strain + strain.T) / 2)
    atoms = ase.Atoms("X" * len(crystal), cell=cell, scaled_positions=crystal.get_scaled_positions(), pbc=True)
    atoms.positions += rng.normal(0, rng.uniform(0, 0.1), (len(atoms), 3))
    for _ in range(10):
        volume = np.exp(rng.uniform(np.log(0.5), np.log(3.5)))
        scaled = atoms.copy()
        scaled.set_cell(atoms.cell.array * (volume * len(atoms) / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
        height = 1 / np.linalg.norm(scaled.cell.reciprocal().array, axis=1).max()
        if height >= 0.6 and neighbor_list("d", scaled, 0.75).min(initial=1.0) >= 0.72:
            return [scaled]
    return []


if __name__ == "__main__":
    main(sys.argv[1])
