"""Which errors a fit expects of its labels: the higher a structure, the larger, and never below their noise."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from entromax.config.models import LabelNoise
from entromax.structures.kinds import LIBRARY, kind_of

LIKE = 0.1
"""Difference of the logarithms of volumes that are alike."""


def heights(structures: Sequence[Atoms]) -> np.ndarray:
    """Return the energies per atom above the lowest [N] [eV/atom]; free atoms must not be among them."""
    energies = np.array([float(atoms.info["REF_energy"]) / len(atoms) for atoms in structures])
    return np.asarray(energies - energies.min())


def above_labels(volumes: np.ndarray, energies: np.ndarray, train: Sequence[Atoms]) -> np.ndarray:
    """Return the heights [S] above the lowest label of like volume, of any volume where there is none [eV/atom].

    Args:
        volumes: [S] [Å^3/atom].
        energies: [S] predicted, above the lowest label [eV/atom].
        train: all labels.
    """
    places = np.log([atoms.get_volume() / len(atoms) for atoms in train])
    labels = np.array([float(atoms.info["REF_energy"]) / len(atoms) for atoms in train])
    labels -= labels.min()
    near = np.abs(np.log(volumes)[:, None] - places) < LIKE
    floor = np.where(near, labels, np.inf).min(axis=1)
    return energies - np.where(np.isfinite(floor), floor, 0.0)


def heights_by_volume(structures: Sequence[Atoms]) -> np.ndarray:
    """Return the energies per atom above the lowest of like volume [N] [eV/atom]; no free atoms, see ``heights``."""
    volumes = np.array([atoms.get_volume() / len(atoms) for atoms in structures])
    return above_labels(volumes, heights(structures), structures)


def library_heights(structures: Sequence[Atoms]) -> np.ndarray:
    """Return the heights [N] above the lowest label of like volume [eV/atom], infinite but for library structures."""
    library = np.array([kind_of(atoms) == LIBRARY for atoms in structures])
    return np.where(library, heights_by_volume(structures), np.inf)


def expected_errors(
    heights: Sequence[float] | np.ndarray, lowest: Sequence[float], height: float, noise: LabelNoise
) -> np.ndarray:
    """Return the expected errors [N, 3] of energy [eV/atom], forces [eV/Å] and stress [eV/Å^3] of N structures.

    Those of the model grow with the height E above the lowest structure, or the lowest of like volume, as
    sqrt(1 + (E / height)^2), which weighs its squared residuals with 1 / (1 + (E / height)^2) (docs/fits.md); the noise
    of the labels is added in quadrature.

    Args:
        heights: [N] see ``heights`` and ``heights_by_volume`` [eV/atom].
        lowest: errors of a structure without height, in these units; infinite: this quantity does not count.
        height: where the errors have grown by a factor of sqrt(2) [eV/atom].
        noise: standard deviations of the labels.
    """
    growth = np.sqrt(1 + (np.asarray(heights) / height) ** 2)
    return np.hypot(np.outer(growth, lowest), [noise.energy, noise.forces, noise.stress])
