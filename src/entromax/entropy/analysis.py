"""What a finished library is like beside the random sample: the numbers that its figures and its section show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from ase import Atoms
from ase.neighborlist import neighbor_list

from entromax.config.elements import CRYSTALS
from entromax.config.models import ElementSettings, LibrarySettings
from entromax.entropy.diversity import compare_diversity
from entromax.entropy.reach import common_crystals, ground_states, measure_reach
from entromax.entropy.rounds import structure_blocks
from entromax.entropy.strata import DatasetState
from entromax.features import build, evaluate
from entromax.runtime import atomic_path
from entromax.structures import crystal, read_structures
from entromax.structures.crystals import touching_volume

_FAR = 2.0
"""Pairs are looked for up to this distance [d_nn]."""


@dataclass(frozen=True)
class Coverage:
    """Environments on the two leading principal axes of the features of all sets together.

    Attributes:
        sets: atoms of each set [n, 2].
        crystals: atom of each perfect crystal at the nearest-neighbour distance 1 [2].
        explained: part of the variance along each axis [2].
    """

    sets: dict[str, np.ndarray]
    crystals: dict[str, np.ndarray]
    explained: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write an npz file with the arrays ``explained``, ``set_<name>``, ``crystal_<name>``."""
        arrays = {f"set_{name}": points for name, points in self.sets.items()}
        arrays |= {f"crystal_{name}": point for name, point in self.crystals.items()}
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, explained=self.explained, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` has written."""
        with np.load(path) as data:
            sets, crystals = (
                {name.removeprefix(prefix): data[name] for name in data.files if name.startswith(prefix)}
                for prefix in ("set_", "crystal_")
            )
            return cls(sets, crystals, data["explained"])


def analyse_library(
    library: str | Path,
    *,
    random: str | Path,
    state: str | Path,
    table: str | Path,
    settings: LibrarySettings,
    elements: Mapping[str, ElementSettings],
    diversity: str | Path,
    growth: str | Path,
    coverage: str | Path,
    reach: str | Path,
    shapes: str | Path,
) -> None:
    """Write all numbers that compare the library with the random sample.

    Args:
        library: ordered library, extended XYZ in reduced units.
        random: random reference structures, extended XYZ in reduced units.
        state: entropy state of round 0, which holds the normalisation.
        table: library.csv of ``order_library``.
        settings: of the library.
        elements: of the campaign; their ground states are looked for in the library.
        diversity: CSV written: :func:`compare_diversity`.
        growth: CSV written: :func:`random_growth`.
        coverage: npz written: :class:`Coverage`.
        reach: CSV written: :func:`measure_reach` of either set, with the column ``set``.
        shapes: CSV written: :func:`describe_shapes` of both sets.
    """
    sets = {"random": read_structures(random), "maximised": read_structures(library)}
    start = DatasetState.load(state)
    crystals = ground_states(elements) + common_crystals(settings.cells.volume)
    reached = [measure_reach(crystals, own, start, settings).assign(set=name) for name, own in sets.items()]
    tables = {
        diversity: compare_diversity(sets, start, settings),
        growth: random_growth(sets["random"], pd.read_csv(table), start, settings),
        reach: pd.concat(reached, ignore_index=True),
        shapes: pd.concat([describe_shapes(own, name) for name, own in sets.items()], ignore_index=True),
    }
    for path, rows in tables.items():
        with atomic_path(path) as temporary:
            rows.to_csv(temporary, index=False)
    cover(sets, settings).save(coverage)


def random_growth(
    random: Sequence[Atoms], table: pd.DataFrame, start: DatasetState, settings: LibrarySettings
) -> pd.DataFrame:
    """Return the entropy of as many random structures as the dataset and one batch hold together, round by round.

    Args:
        random: random reference structures; where they are fewer, all of them count.
        table: library.csv of ``order_library``.
        start: gives the normalisation; its data are not used.
        settings: of the library.

    Returns:
        Columns ``round``, ``structures``, ``h_nats``; no rows for a shipped library, which has no rounds.
    """
    blocks, strata = structure_blocks(random, start, build(settings.features))
    shuffled = np.random.default_rng(0).permutation(len(random))
    rows = []
    for number in settings.round_numbers:
        before = table["round"].between(1, number - 1)  # perfect crystals, which join after all rounds, are of round 0
        chosen = shuffled[: settings.structures_per_batch + int(before.sum())]
        filled = start.without_data().add([blocks[k] for k in chosen], strata[chosen])
        rows.append({"round": number, "structures": len(chosen), "h_nats": filled.h()})
    return pd.DataFrame(rows, columns=["round", "structures", "h_nats"])


def cover(sets: Mapping[str, Sequence[Atoms]], settings: LibrarySettings) -> Coverage:
    """Return the environments of the sets, of which one is ``random``, and of perfect crystals on two axes.

    Features are first normalised by mean and standard deviation of the random set.
    """
    descriptor = build(settings.features)
    q = {name: evaluate(structures, descriptor) for name, structures in sets.items()}
    mean, scale = q["random"].mean(axis=0), q["random"].std(axis=0)
    perfect = {name: evaluate([crystal(name, "X", touching_volume(name))], descriptor)[0] for name in CRYSTALS}
    return project(
        {name: (own - mean) / scale for name, own in q.items()},
        {name: (own - mean) / scale for name, own in perfect.items()},
    )


def project(features: Mapping[str, np.ndarray], crystals: Mapping[str, np.ndarray]) -> Coverage:
    """Project features on the two leading principal axes of all sets together, each set with equal weight.

    Args:
        features: normalised features [n, D] by set.
        crystals: normalised features [D] by crystal; they have no part in the axes.
    """
    centre = np.mean([q.mean(axis=0) for q in features.values()], axis=0)
    covariance = np.mean([(q - centre).T @ (q - centre) / len(q) for q in features.values()], axis=0)
    values, vectors = np.linalg.eigh(covariance)
    axes = vectors[:, ::-1][:, :2]
    # The sign of an eigenvector is arbitrary: fix it, or the picture would flip from run to run.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    return Coverage(
        {name: (q - centre) @ axes for name, q in features.items()},
        {name: (q - centre) @ axes for name, q in crystals.items()},
        values[::-1][:2] / values.sum(),
    )


def describe_shapes(structures: Sequence[Atoms], name: str) -> pd.DataFrame:
    """Return volume per atom [d_nn^3], number of atoms and nearest distance [d_nn] of the reduced structures of a set.

    The nearest distance includes periodic images; it is searched up to 2 d_nn (beyond: 2).

    Returns:
        Columns ``set`` (``name``), ``volume``, ``atoms``, ``nearest``.
    """
    rows = []
    for atoms in structures:
        distances = neighbor_list("d", atoms, _FAR)
        nearest = float(distances.min()) if len(distances) else _FAR
        rows.append({"set": name, "volume": atoms.get_volume() / len(atoms), "atoms": len(atoms), "nearest": nearest})
    return pd.DataFrame(rows, columns=["set", "volume", "atoms", "nearest"])
