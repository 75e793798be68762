"""Small aluminium cells with EMT labels, for fits that take seconds."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import BaseCalculator
from ase.calculators.emt import EMT

from entromax.config.models import Settings
from entromax.potentials import train_potential
from entromax.structures import with_sid, write_structures

D_NN = 2.86


def labelled(atoms: Atoms, config_type: str = "") -> Atoms:
    """Return a copy with its EMT label, as a dataset holds it; its kind stays, or is that of the library."""
    atoms = with_sid(atoms)
    calculated = atoms.copy()
    calculated.calc = EMT()
    atoms.info |= {
        "REF_energy": calculated.get_potential_energy(),
        "REF_stress": calculated.get_stress(),
        "config_type": config_type or atoms.info.get("config_type", "library"),
        "element": "Al",
        "settings": "0123",
    }
    atoms.arrays["REF_forces"] = calculated.get_forces()
    return atoms


def free_atom() -> Atoms:
    """Return the labelled free atom."""
    return labelled(Atoms("Al", positions=[[5, 5.15, 5.3]], cell=[10, 10.3, 10.6], pbc=True), "isolated_atom")


def cells(count: int, seed: int) -> list[Atoms]:
    """Return strained, rattled crystals of two to four atoms, without symmetry."""
    generator = np.random.default_rng(seed)
    made = []
    for index in range(count):
        name, a = (("fcc", 4.0), ("bcc", 3.2), ("hcp", 2.85))[index % 3]
        atoms = bulk("Al", name, a=a).repeat((2, 1, 1))
        strain = np.eye(3) * generator.uniform(0.9, 1.1) + generator.normal(0, 0.04, (3, 3))
        atoms.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        atoms.rattle(0.1, rng=generator)
        made.append(labelled(atoms))
    return made


def write_set(folder: Path, train: int, validation: int) -> None:
    """Write so many training structures, the free atom before them, and validation structures."""
    write_structures(folder / "train.extxyz", [free_atom(), *cells(train, 0)])
    write_structures(folder / "validation.extxyz", cells(validation, 1))


def fit(
    folder: Path,
    name: str,
    settings: Settings,
    train: str = "train.extxyz",
    validation: str = "validation.extxyz",
) -> dict[str, Any]:
    """Train on a set of ``write_set`` and return the card of the potential, which is ``folder / name``."""
    return train_potential(
        folder / train,
        folder / validation,
        potential=folder / name,
        element="Al",
        d_nn=D_NN,
        settings=settings,
        seed=1,
    )


def bare(atoms: Atoms, calculator: BaseCalculator) -> Atoms:
    """Return a structure without its label, and with a calculator."""
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc, calculator=calculator)


def relative_errors(structures: Iterable[Atoms], calculator: BaseCalculator) -> list[float]:
    """Return RMSE over standard deviation of the labels: energies per atom, forces, stresses."""
    pairs: list[list[tuple[float, float]]] = [[], [], []]
    for atoms in structures:
        copy = bare(atoms, calculator)
        n = len(atoms)
        pairs[0].append((copy.get_potential_energy() / n, atoms.info["REF_energy"] / n))
        pairs[1] += zip(copy.get_forces().ravel(), atoms.arrays["REF_forces"].ravel(), strict=True)
        pairs[2] += zip(copy.get_stress(), atoms.info["REF_stress"], strict=True)
    arrays = [np.array(part) for part in pairs]
    return [float(np.sqrt(np.mean((a[:, 0] - a[:, 1]) ** 2)) / np.std(a[:, 1])) for a in arrays]
