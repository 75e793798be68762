"""The order of the library: every prefix is meant to be a good dataset of its size (METHOD section 6)."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.spatial.distance import pdist

from entromax.config.models import LibrarySettings
from entromax.entropy.rounds import load_state, round_volume, structure_blocks
from entromax.entropy.selection import distinct, greedy
from entromax.entropy.strata import DatasetState
from entromax.features import build
from entromax.runtime import atomic_path
from entromax.structures.io import read_structures, write_structures
from entromax.structures.shipped import read_library

logger = logging.getLogger("entromax.entropy")

SAME = 0.05
"""Structures closer than this are one and the same [standard deviations per feature]."""
DIFFERENT = 0.5
"""Environments closer than this repeat one another in the diverse order [standard deviations per feature]."""


def order_library(
    settings: LibrarySettings,
    *,
    shards: Sequence[str | Path],
    state: str | Path,
    seed: int,
    structures: str | Path,
    table: str | Path,
) -> None:
    """Write all accepted structures in the order in which they are to be labelled.

    Columns of the table: ``rank`` (from 0), ``sid``, ``n_atoms``, ``volume`` (v*), ``round``, ``seed_kind``,
    ``gain_nats`` (of H by the structure, after those before it), ``h_nats`` (of all up to it), ``h_random_nats`` (the
    same for a random order).

    Args:
        settings: of the library.
        shards: files of accepted structures.
        state: state whose normalisation is used; its data are not.
        seed: seed of the campaign; used by the orders that draw at random.
        structures: written, the ordered library; info gains ``rank``.
        table: written, csv.

    Raises:
        ValueError: there are no structures, or the state belongs to other features.
    """
    empty = load_state(state, settings).without_data()
    read = sorted((atoms for path in shards for atoms in read_structures(path)), key=len)
    if not read:
        raise ValueError(f"no structure was accepted in {len(shards)} rounds: raise library.structures_per_batch")
    blocks, strata = structure_blocks(read, empty, build(settings.features))
    chosen = distinct(blocks, strata, SAME)  # of several cells of one crystal the smallest
    unique, blocks, strata = [read[k] for k in chosen], [blocks[k] for k in chosen], strata[chosen]
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0, 1]))
    shuffled = rng.permutation(len(unique))
    order = {
        "d_optimal": lambda: d_optimal_order(blocks, strata, empty),
        "leverage_energy": lambda: leverage_order(blocks, strata, "energy", rng),
        "leverage_block": lambda: leverage_order(blocks, strata, "block", rng),
        "random": lambda: shuffled,
    }[settings.order]()
    _write_ordered(unique, blocks, strata, empty, order, shuffled, structures, table)
    logger.info("%d structures ordered (%s)", len(unique), settings.order)


def take_library(
    settings: LibrarySettings,
    *,
    state: str | Path,
    seed: int,
    structures: str | Path,
    table: str | Path,
) -> None:
    """Write the structures of the shipped library that the settings allow, in the order that they name.

    Args:
        settings: of the library; ``version``, ``shipped_order`` and ``cells.atoms`` choose.
        state: state whose normalisation is used for the entropies in the table.
        seed: seed of the campaign, for the random order in the table.
        structures: written, as by :func:`order_library`.
        table: written, as by :func:`order_library`.

    Raises:
        LibraryError: there is no such version or order, or it is damaged.
        ValueError: the state belongs to other features.
    """
    empty = load_state(state, settings).without_data()
    chosen = read_library(settings.version, order=settings.shipped_order).select(settings.cells.atoms)
    blocks, strata = structure_blocks(chosen, empty, build(settings.features))
    shuffled = np.random.default_rng(np.random.SeedSequence([seed, 0, 1])).permutation(len(chosen))
    _write_ordered(chosen, blocks, strata, empty, np.arange(len(chosen)), shuffled, structures, table)
    logger.info("%d structures of library v%d", len(chosen), settings.version)


def _write_ordered(
    found: Sequence[Atoms],
    blocks: Sequence[np.ndarray],
    strata: np.ndarray,
    empty: DatasetState,
    order: np.ndarray,
    shuffled: np.ndarray,
    structures: str | Path,
    table: str | Path,
) -> None:
    entropies = prefix_entropies(blocks, strata, empty, order)
    ordered = [found[k] for k in order]
    for rank, atoms in enumerate(ordered):
        atoms.info["rank"] = rank
    write_structures(structures, ordered)
    rows = pd.DataFrame(
        {
            "rank": np.arange(len(ordered)),
            "sid": [atoms.info["sid"] for atoms in ordered],
            "n_atoms": [len(atoms) for atoms in ordered],
            "volume": [round_volume(atoms) for atoms in ordered],
            "round": [atoms.info.get("round", 0) for atoms in ordered],
            "seed_kind": [atoms.info.get("seed_kind", "") for atoms in ordered],
            "gain_nats": np.diff(entropies, prepend=empty.h()),
            "h_nats": entropies,
            "h_random_nats": prefix_entropies(blocks, strata, empty, shuffled),
        }
    )
    with atomic_path(table) as temporary:
        rows.to_csv(temporary, index=False)


def d_optimal_order(blocks: Sequence[np.ndarray], strata: np.ndarray, empty: DatasetState) -> np.ndarray:
    """Return all structures, greedily by gain in each stratum, the strata taking turns in proportion to their sizes.

    Args:
        blocks: normalised rows of each structure.
        strata: stratum of each structure.
        empty: state without data.
    """
    orders = []
    for index, part in enumerate(empty.parts):
        own = np.flatnonzero(strata == index)
        orders.append(own[greedy([blocks[int(k)] for k in own], part, only_positive=False).order] if len(own) else own)
    return interleave(orders)


def diverse_order(blocks: Sequence[np.ndarray], strata: np.ndarray, empty: DatasetState) -> np.ndarray:
    """Return all structures, the most different environments first, the strata taking turns.

    First, greedily by gain per environment in each stratum, structures that repeat nothing: no two environments closer
    than ``DIFFERENT``, in one structure or in two. Cells of one and two atoms are not among them: every atom there is a
    centre of inversion, or the image of the other one. What repeats something follows as it is given.

    Args:
        blocks: normalised rows of each structure.
        strata: stratum of each structure.
        empty: state without data.
    """
    radius = DIFFERENT * np.sqrt(empty.parts[0].dim)
    different = np.array([len(block) > 2 and pdist(block).min() > radius for block in blocks], dtype=bool)
    orders = []
    for index, part in enumerate(empty.parts):
        own = np.flatnonzero((strata == index) & different)
        best = greedy([blocks[int(k)] for k in own], part, only_positive=False, per_row=True, apart=DIFFERENT)
        rest = np.setdiff1d(np.flatnonzero(strata == index), own[best.order])
        orders.append(np.concatenate([own[best.order], rest]))
        logger.info("stratum %d: %d structures that repeat nothing, %d others", index, len(best.order), len(rest))
    turns = np.concatenate([np.arange(len(order)) for order in orders])
    return np.concatenate(orders)[np.argsort(turns, kind="stable")]


def interleave(orders: Sequence[np.ndarray]) -> np.ndarray:
    """Return several orders as one in which every prefix holds each of them in proportion to its length."""
    position = np.concatenate([(np.arange(len(order)) + 0.5) / max(len(order), 1) for order in orders])
    return np.concatenate(orders)[np.argsort(position, kind="stable")].astype(int)


def proportional_order(groups: np.ndarray, seed: int) -> np.ndarray:
    """Return all structures in an order that is random, with every group in proportion in every prefix.

    The order inside a group does not depend on what is in the others.

    Args:
        groups: [S] group of each structure, a whole number >= 0.
        seed: of the order.
    """
    return interleave(
        [
            np.random.default_rng([seed, group]).permutation(np.flatnonzero(groups == group))
            for group in np.unique(groups)
        ]
    )


def leverages(x: np.ndarray) -> np.ndarray:
    """Return the diagonal of the hat matrix X (X^T X)^+ X^T of a design matrix X [R, D]; its sum is the rank of X."""
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    rank = int((s > s.max(initial=0.0) * max(x.shape) * np.finfo(float).eps).sum())
    return np.sum(u[:, :rank] ** 2, axis=1)


def structure_leverages(blocks: Sequence[np.ndarray], kind: str) -> np.ndarray:
    """Return the leverage score of each structure [BJHP26].

    Args:
        blocks: normalised rows of each structure.
        kind: ``energy``: the leverage of its mean row among all mean rows; ``block``: the sum of the
            leverages of all its rows among all rows.
    """
    if kind == "energy":
        return leverages(np.stack([block.mean(axis=0) for block in blocks]))
    starts = np.cumsum([0] + [len(block) for block in blocks[:-1]])
    return np.add.reduceat(leverages(np.concatenate(blocks)), starts)


def leverage_order(blocks: Sequence[np.ndarray], strata: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return all structures, drawn without replacement with probabilities in proportion to their leverage [BJHP26].

    Leverages are those inside each stratum. Sorting by u^(1/w), u uniform, is such a draw (Efraimidis & Spirakis 2006).
    """
    orders = []
    for index in range(int(strata.max()) + 1):
        own = np.flatnonzero(strata == index)
        if len(own):
            weights = structure_leverages([blocks[int(k)] for k in own], kind).clip(min=1e-300)
            orders.append(own[np.argsort(np.log(rng.random(len(own))) / weights)[::-1]])
    return interleave(orders)


def prefix_entropies(
    blocks: Sequence[np.ndarray], strata: np.ndarray, empty: DatasetState, order: np.ndarray
) -> np.ndarray:
    """Return H of the first 1, 2, ... structures of an order [nats]."""
    current = [part.h() for part in empty.parts]
    parts = list(empty.parts)
    result = np.empty(len(order))
    for rank, k in enumerate(order):
        index = int(strata[k])
        parts[index] = parts[index].add([blocks[int(k)]])
        current[index] = parts[index].h()
        result[rank] = np.mean(current)
    return result
