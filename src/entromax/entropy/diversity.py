"""Judges of diversity that the optimiser never sees: QUESTS and nearest-neighbour entropies (METHOD section 3)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from ase import Atoms
from quests.descriptor import get_descriptors
from quests.entropy import entropy as kernel_entropy
from scipy.spatial import cKDTree
from scipy.special import digamma, gammaln

from entromax.config.models import LibrarySettings
from entromax.entropy.rounds import structure_blocks
from entromax.entropy.strata import DatasetState
from entromax.features import build

BANDWIDTHS = (0.015, 0.03, 0.06, 0.1)
"""Widths of the QUESTS kernel [1/Å]."""
QUESTS_VOLUME = 16.0
"""Median volume per atom that every set is scaled to for QUESTS [Å^3], about that of Al and W."""
_QUESTS_NEIGHBOURS = 32
_QUESTS_CUTOFF = 5.0  # Å
_NEIGHBOUR = 4
_SAME = 1e-3


def compare_diversity(
    sets: Mapping[str, Sequence[Atoms]],
    state: DatasetState,
    settings: LibrarySettings,
    seed: int = 0,
    most: int | None = None,
) -> pd.DataFrame:
    """Compare sets of reduced structures at an equal number of environments (that of the smallest set).

    Each set is shuffled and cut after as many atoms; the last structure may be counted in part.

    Args:
        sets: structures in reduced units, by name; all inside the library's range of v*.
        state: gives the normalisation; its data are not used.
        settings: features.
        seed: of the shuffling.
        most: environments at most.

    Returns:
        One row per set: ``set``, ``n_structures``, ``n_environments``, ``h_nats`` (the objective), ``knn_nats`` and,
        for each bandwidth, ``quests_<bandwidth>_nats``.

    Raises:
        ValueError: a set is empty.
    """
    chosen, count = cut_alike(sets, seed, most)
    rows = []
    for name, structures in chosen.items():
        blocks, strata = first_rows(structures, count, state, settings)
        quests = quests_entropy(structures, rows=count)
        rows.append(
            {
                "set": name,
                "n_structures": len(structures),
                "n_environments": count,
                "h_nats": state.without_data().add(blocks, strata).h(),
                "knn_nats": neighbour_entropy(blocks, strata),
                **{f"quests_{h:g}_nats": value for h, value in zip(BANDWIDTHS, quests, strict=True)},
            }
        )
    return pd.DataFrame(rows)


def cut_alike(
    sets: Mapping[str, Sequence[Atoms]], seed: int, most: int | None = None
) -> tuple[dict[str, list[Atoms]], int]:
    """Return randomly chosen structures of each set with as many atoms as the smallest set or a few more, and how many.

    With ``most`` there are not more atoms than that, whatever the smallest set.

    Raises:
        ValueError: a set is empty.
    """
    for name, structures in sets.items():
        if not structures:
            raise ValueError(f"diversity: the set {name!r} is empty")
    count = min(sum(len(atoms) for atoms in structures) for structures in sets.values())
    count = count if most is None else min(count, most)
    return {name: _first(own, count, np.random.default_rng(seed)) for name, own in sets.items()}, count


def first_rows(
    structures: Sequence[Atoms], count: int, state: DatasetState, settings: LibrarySettings
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return normalised rows and strata of structures of which only the first ``count`` atoms count."""
    blocks, strata = structure_blocks(structures, state, build(settings.features))
    surplus = sum(len(atoms) for atoms in structures) - count
    if surplus and len(blocks[-1]) > surplus:
        blocks[-1] = blocks[-1][:-surplus]
    return blocks, strata


def quests_entropy(
    structures: Sequence[Atoms], bandwidths: Sequence[float] = BANDWIDTHS, rows: int | None = None
) -> np.ndarray:
    """Return the QUESTS entropy at each bandwidth [nats]; at most ln(number of atoms).

    The whole set is first scaled by one factor, which makes the median over its atoms of the volume per atom
    ``QUESTS_VOLUME``: the result does not depend on the unit of length, and sets of other densities are comparable.

    Args:
        structures: periodic structures in any unit of length.
        bandwidths: widths of the kernel [1/Å].
        rows: atoms that count, the first ones; all when omitted.
    """
    volumes = [atoms.get_volume() / len(atoms) for atoms in structures]
    factor = (QUESTS_VOLUME / np.median(np.repeat(volumes, [len(atoms) for atoms in structures]))) ** (1 / 3)
    scaled = []
    for atoms in structures:
        copy = Atoms(numbers=np.ones(len(atoms), dtype=int), cell=atoms.cell, positions=atoms.positions, pbc=True)
        copy.set_cell(atoms.cell.array * factor, scale_atoms=True)
        copy.wrap()
        scaled.append(copy)
    x = np.asarray(get_descriptors(scaled, k=_QUESTS_NEIGHBOURS, cutoff=_QUESTS_CUTOFF))[:rows]
    return np.array([float(kernel_entropy(x, h=float(h))) for h in bandwidths])


def neighbour_entropy(blocks: Sequence[np.ndarray], strata: np.ndarray) -> float:
    """Return the Kozachenko-Leonenko entropy of the rows from the distance to the 4th neighbour [KP20] [nats].

    D <ln distance> + ln V_D + psi(n) - psi(4) in each stratum, averaged over all rows. Environments closer than 1e-3
    standard deviations (equivalent atoms of a crystal) count as that far apart; strata of fewer than five rows do not
    count.
    """
    total, count = 0.0, 0
    for index in np.unique(strata):
        own = [block for block, k in zip(blocks, strata, strict=True) if k == index]
        y = np.concatenate(own)
        n, dim = y.shape
        if n <= _NEIGHBOUR:
            continue
        distance = cKDTree(y).query(y, _NEIGHBOUR + 1)[0][:, -1].clip(min=_SAME)
        ball = 0.5 * dim * np.log(np.pi) - gammaln(0.5 * dim + 1)
        total += n * (dim * float(np.log(distance).mean()) + ball + digamma(n) - digamma(_NEIGHBOUR))
        count += n
    return total / count if count else float("nan")


def _first(structures: Sequence[Atoms], count: int, rng: np.random.Generator) -> list[Atoms]:
    """Return randomly chosen structures with ``count`` atoms or a few more."""
    chosen: list[Atoms] = []
    atoms = 0
    for k in rng.permutation(len(structures)):
        chosen.append(structures[k])
        atoms += len(structures[k])
        if atoms >= count:
            break
    return chosen
