"""What the linear families share around their functions: rows and targets, the prior, the file of their numbers."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from entromax.runtime import atomic_path

if TYPE_CHECKING:
    from entromax.potentials.core import Core

SMOOTHNESS = 2
"""Power of the degree by which the prior holds functions back."""


def growth(degrees: np.ndarray) -> np.ndarray:
    """Return (1 + degree)^2 of every function [p]: rough ones must earn their place."""
    return np.asarray((1 + degrees) ** SMOOTHNESS)


def rows_and_targets(
    atoms: Atoms, functions: tuple[np.ndarray, np.ndarray, np.ndarray], core: "Core", e0: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows [1 + 3 N + 6, p] of a labelled structure and what they must give; see ``linear.Design``.

    Args:
        atoms: with ``REF_`` keys; without ``REF_stress`` there are no rows for it.
        functions: energy [p], forces [N, 3, p] and stress [6, p] per unit of every coefficient.
        core: repulsion below the potential.
        e0: energy of the free atom [eV].
    """
    n, (of_energy, of_forces, of_stress) = len(atoms), functions
    energy, forces, stress = core.repulsion(atoms)
    parts = [
        (of_energy[None] / n, np.array([float(atoms.info["REF_energy"]) - energy]) / n - e0),
        (of_forces.reshape(3 * n, -1), (atoms.arrays["REF_forces"] - forces).ravel()),
    ]
    if "REF_stress" in atoms.info:
        parts.append((of_stress, np.asarray(atoms.info["REF_stress"], dtype=float) - stress))
    return np.concatenate([rows for rows, _ in parts]), np.concatenate([targets for _, targets in parts])


def spread(deviations: np.ndarray) -> Any:
    """Return the root mean square over the members of a committee, the first axis."""
    return np.sqrt(np.mean(deviations**2, axis=0))


def save_numbers(model: Any, path: Path) -> None:
    """Write the fields of a dataclass to one npz, those that are None left out."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **{key: value for key, value in asdict(model).items() if value is not None})


def load_numbers(path: Path, arrays: tuple[str, ...] = ("coefficients", "deviations")) -> dict[str, Any]:
    """Return the fields that ``save_numbers`` wrote: ``arrays`` as arrays, others as numbers, texts and tuples."""
    with np.load(path) as data:
        found: dict[str, Any] = {key: data[key] if key in arrays else data[key].tolist() for key in data}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}
