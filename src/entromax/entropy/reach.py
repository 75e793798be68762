"""Does a set reach the crystals that matter? Where perfect crystals stand in the feature space of a set of structures.

Potentials interpolate between environments they were fitted to, and materials live in crystals of high symmetry that
no random cell resembles. Two views of every crystal, each worst over its atoms:

- *leverage* y^T S^-1 y / D, S the second moments of the set in the stratum of v* of the crystal: the variance of a
  linear model fitted to the set relative to that of an average environment of it. By the equivalence theorem
  (J. Kiefer, J. Wolfowitz, Can. J. Math. 12, 363 (1960)) it is at most 1 for every possible environment if and only
  if the set has the largest ln det S of all, so 1 is where "reached" begins.
- *nearest*: distance to the closest environment of the set: root mean square over the features, each in standard
  deviations of the random reference sample.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.spatial import cKDTree

from entromax.config.elements import CRYSTALS
from entromax.config.models import ElementSettings, LibrarySettings
from entromax.entropy.strata import DatasetState
from entromax.features import build, evaluate
from entromax.structures.crystals import crystal, touching_volume
from entromax.structures.geometry import reduced_volume

VOLUME_FACTORS = (0.8, 1.4)
"""Range of volumes of the common crystals, relative to that at which nearest neighbours are d_nn apart [1]."""
_SAME = 1e-6


def ground_states(elements: Mapping[str, ElementSettings]) -> list[Atoms]:
    """Return the ground-state crystal of each element in reduced units; ``info["name"]`` reads like "Sb A7"."""
    made = []
    for symbol, element in elements.items():
        kind = element.ground_state
        settings = element.crystals[kind]
        atoms = crystal(kind, "X", settings.volume / element.d_nn**3, settings.c_over_a, settings.u)
        atoms.info["name"] = f"{symbol} {kind}"
        made.append(atoms)
    return made


def common_crystals(volume: Sequence[float], number: int = 5) -> list[Atoms]:
    """Return the common crystals at several volumes each, in reduced units; ``info["name"]`` is the crystal.

    Volumes are log-uniform from 0.8 to 1.4 times that at which nearest neighbours are d_nn apart.

    Args:
        volume: smallest and largest v*; volumes beyond are moved to it.
        number: of volumes.
    """
    made = []
    for kind in CRYSTALS:
        low, high = np.clip(np.array(VOLUME_FACTORS) * touching_volume(kind), volume[0], volume[1])
        for v in np.geomspace(low, high, number):
            made.append(crystal(kind, "X", float(v)))
            made[-1].info["name"] = kind
    return made


def measure_reach(
    crystals: Sequence[Atoms], structures: Sequence[Atoms], state: DatasetState, settings: LibrarySettings
) -> pd.DataFrame:
    """Return where crystals stand relative to a set, one row per crystal.

    Args:
        crystals: perfect crystals in reduced units with ``info["name"]``.
        structures: the set, in reduced units.
        state: gives strata and normalisation; its data are not used.
        settings: features.

    Returns:
        Columns ``crystal``, ``v_star`` [d_nn^3], ``leverage`` [1] and ``nearest`` [standard deviations per feature].

    Raises:
        ValueError: the set is empty.
    """
    if not structures:
        raise ValueError("reach: the set of structures is empty")
    features = build(settings.features)
    q = evaluate(structures, features)
    sizes = np.array([len(atoms) for atoms in structures])
    volumes = np.array([reduced_volume(atoms) for atoms in structures])
    strata = state.stratum(volumes)
    filled = state.without_data().add(state.blocks(q, sizes, volumes), strata)
    covariances = [part.covariance() for part in filled.parts]
    trees = [cKDTree(part.normalise(q)) for part in state.parts]
    rows = []
    for atoms in crystals:
        volume = reduced_volume(atoms)
        index = int(state.stratum([volume])[0])
        y = _distinct(filled.parts[index].normalise(evaluate([atoms], features)))
        root = np.sqrt(y.shape[1])
        rows.append(
            {
                "crystal": atoms.info["name"],
                "v_star": volume,
                "leverage": float(np.einsum("nd,dn->n", y, np.linalg.solve(covariances[index], y.T)).max())
                / y.shape[1],
                "nearest": float(trees[index].query(y)[0].max()) / root,
            }
        )
    return pd.DataFrame(rows)


def _distinct(y: np.ndarray) -> np.ndarray:
    """Return the rows that differ: equivalent atoms of a crystal need to be looked at once only."""
    kept: list[np.ndarray] = []
    for row in y:
        if all(np.abs(row - other).max() > _SAME for other in kept):
            kept.append(row)
    return np.array(kept)
