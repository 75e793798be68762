"""Structures of ASSYST as sets for entropy/diversity.py: its own pipeline, and its crystals at the library's volumes.

In an environment beside ours, since ASSYST (through pyxtal) brings many packages that entromax does not need:

    python -m venv .assyst && .assyst/bin/pip install assyst==1.0.0
    .assyst/bin/python -m benchmarks.rivals.symmetric_set pipeline.extxyz scaled.extxyz
    python -m benchmarks.entropy.diversity --extra "ASSYST pipeline=pipeline.extxyz"

*Pipeline*: random crystals of all space groups with 1 to 10 atoms, relaxed in volume, then in all coordinates, then
rattled (0.25 Å) and strained (5 %), or stretched (80 % hydrostatic, 20 % shear), every stage kept, by ASSYST's own
classes; the calculator of the relaxation is its Morse potential. *Scaled*: its crystals as generated, strained by up to
20 %, rattled by up to 0.1 d_nn, at a volume log-uniform in the library's range.

Both in units of d_nn within the bounds of the library's defaults: v* 0.5 to 3.5, closest pair 0.72, heights 0.6.
"""

import argparse
from collections.abc import Iterable

import ase.io
import numpy as np
from ase.neighborlist import neighbor_list
from assyst.calculators import Morse
from assyst.crystals import sample
from assyst.perturbations import Rattle, Stretch, perturb
from assyst.relaxations import FullRelax, VolumeRelax, relax

D_NN = 2.74  # Å, of tungsten
CRYSTALS = 150


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pipeline", help="extended XYZ file to write")
    parser.add_argument("scaled", help="extended XYZ file to write")
    options = parser.parse_args()
    crystals = list(
        sample([{"W": n} for n in range(1, 11)], max_atoms=10, shuffle=True, rng=1, max_structures=CRYSTALS)
    )
    write(options.pipeline, (reduced(atoms) for atoms in staged(crystals)))
    rng = np.random.default_rng(0)
    write(options.scaled, (disordered(reduced(atoms), rng) for atoms in crystals for _ in range(2)))


def staged(crystals: list[ase.Atoms]) -> list[ase.Atoms]:
    """Return the crystals at every stage of ASSYST's pipeline."""
    morse = Morse(epsilon=1.0, r0=D_NN, rho0=4.0)
    in_volume = list(relax(crystals, VolumeRelax(max_steps=20, force_tolerance=1e-2, calculator=morse)))
    in_all = list(relax(in_volume, FullRelax(max_steps=40, force_tolerance=1e-2, calculator=morse)))
    changes = [
        Rattle(0.25, create_supercells=True, rng=2) + Stretch(hydro=0.05, shear=0.05, rng=3),
        Stretch(hydro=0.8, shear=0.2, rng=4),
    ]
    return crystals + in_volume + in_all + list(perturb(in_all, changes))


def reduced(crystal: ase.Atoms) -> ase.Atoms:
    """Return a crystal in units of d_nn, nothing attached."""
    cell, positions = crystal.cell.array / D_NN, crystal.get_scaled_positions()
    return ase.Atoms("X" * len(crystal), cell=cell, scaled_positions=positions, pbc=True)


def disordered(crystal: ase.Atoms, rng: np.random.Generator) -> ase.Atoms:
    """Return a strained and rattled copy at a random volume, the first of ten that keeps the bounds or the last."""
    strain = rng.uniform(-0.2, 0.2, (3, 3))
    crystal.set_cell(crystal.cell.array @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
    crystal.positions += rng.normal(0, rng.uniform(0, 0.1), (len(crystal), 3))
    for _ in range(10):
        volume = np.exp(rng.uniform(np.log(0.5), np.log(3.5)))
        atoms = crystal.copy()
        atoms.set_cell(crystal.cell.array * (volume * len(atoms) / crystal.get_volume()) ** (1 / 3), scale_atoms=True)
        if allowed(atoms):
            break
    return atoms


def allowed(atoms: ase.Atoms) -> bool:
    """Return whether a structure keeps the bounds of the library's defaults."""
    if not 0.5 <= atoms.get_volume() / len(atoms) <= 3.5:
        return False
    height = 1 / np.linalg.norm(atoms.cell.reciprocal().array, axis=1).max()
    return bool(height >= 0.6 and neighbor_list("d", atoms, 0.75).min(initial=1.0) >= 0.72)


def write(path: str, structures: Iterable[ase.Atoms]) -> None:
    """Write those that keep the bounds."""
    kept = [atoms for atoms in structures if allowed(atoms)]
    ase.io.write(path, kept, format="extxyz")
    print(f"{path}: {len(kept)} structures, {sum(len(atoms) for atoms in kept)} atoms")


if __name__ == "__main__":
    main()
