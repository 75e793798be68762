"""Does a set reach the crystals that matter? Where perfect crystals stand in the feature space of a set of structures.

Potentials interpolate between environments they were fitted to, and materials live in crystals of high symmetry that
no random cell resembles. Three views of every crystal, each worst over its atoms:

- *leverage* y^T S^-1 y / D, S the second moments of the set in the stratum of v* of the crystal: the variance of a
  linear model fitted to the set relative to that of an average environment of it. By the equivalence theorem
  (J. Kiefer, J. Wolfowitz, Can. J. Math. 12, 363 (1960)) it is at most 1 for every possible environment if and only
  if the set has the largest ln det S of all, so 1 is where "reached" begins.
- *hull*: distance to the convex hull of the environments of the set.
- *nearest*: distance to the closest of them.

Distances are root mean squares over the features, each in standard deviations of the random reference sample.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.optimize import nnls
from scipy.spatial import cKDTree

from entromax.config.models import ElementSettings, LibrarySettings
from entromax.entropy.strata import DatasetState
from entromax.features import build, evaluate
from entromax.structures.crystals import TOUCHING, crystal
from entromax.structures.geometry import reduced_volume

VOLUME_FACTORS = (0.8, 0.9, 1.0, 1.2, 1.4)
"""Volumes of the common crystals, relative to that at which nearest neighbours are d_nn apart [1]."""
_WEIGHT_OF_ONE = 1e3
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


def common_crystals(factors: Iterable[float] = VOLUME_FACTORS) -> list[Atoms]:
    """Return fcc, bcc, hcp, sc and diamond at several volumes, in reduced units; ``info["name"]`` is the crystal."""
    made = []
    for kind, volume in TOUCHING.items():
        for factor in factors:
            made.append(crystal(kind, "X", volume * factor))
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
        Columns ``crystal``, ``v_star`` [d_nn^3], ``leverage`` [1], ``hull`` and ``nearest`` [standard deviations per
        feature].

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
    clouds = [part.normalise(q) for part in state.parts]
    trees = [cKDTree(cloud) for cloud in clouds]
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
                "hull": max(hull_distance(row, clouds[index]) for row in y) / root,
                "nearest": float(trees[index].query(y)[0].max()) / root,
            }
        )
    return pd.DataFrame(rows)


def hull_distance(point: np.ndarray, cloud: np.ndarray) -> float:
    """Return the Euclidean distance of a point [D] to the convex hull of points [n, D]; 0 inside, to rounding.

    The closest point of the hull is a mean of the cloud with weights >= 0 that add up to one: non-negative least
    squares (C. L. Lawson, R. J. Hanson, Solving Least Squares Problems (1974), chapter 23) with the sum as one more,
    heavily weighted equation.
    """
    centred = cloud - point
    scale = np.linalg.norm(centred, axis=1).max()
    if scale == 0:
        return 0.0
    system = np.vstack([centred.T / scale, np.full(len(cloud), _WEIGHT_OF_ONE)])
    weights = nnls(system, np.append(np.zeros(len(point)), _WEIGHT_OF_ONE))[0]
    return float(np.linalg.norm(weights @ centred) / weights.sum())


def _distinct(y: np.ndarray) -> np.ndarray:
    """Return the rows that differ: equivalent atoms of a crystal need to be looked at once only."""
    kept: list[np.ndarray] = []
    for row in y:
        if all(np.abs(row - other).max() > _SAME for other in kept):
            kept.append(row)
    return np.array(kept)
