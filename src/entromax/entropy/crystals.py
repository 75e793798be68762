"""Perfect crystals compete for places in the library, after the last round.

Random cells do not turn into crystals, and the covariance of a set says little about an environment that lies well
inside it: without this step bcc of tungsten is more than a standard deviation from anything in the library.
"""

import logging
from itertools import compress
from pathlib import Path

import numpy as np
from ase import Atoms

from entromax.config.elements import CRYSTALS
from entromax.config.models import LibrarySettings
from entromax.entropy.rounds import load_state, round_volume, structure_blocks
from entromax.entropy.selection import accept, distinct
from entromax.features import build
from entromax.runtime import write_json
from entromax.structures.constraints import allowed
from entromax.structures.identity import with_sid
from entromax.structures.io import write_structures
from entromax.structures.perfect import common_crystals_over_volume, random_crystals

logger = logging.getLogger("entromax.entropy")

COMMON_WORTH = 0.1
"""Worth (:func:`entromax.entropy.selection.greedy`) at which a common crystal is accepted; random ones need that of the
settings. Where materials live the library has to be near, even where a Gaussian says that it knows enough."""
APART = 0.35
"""Crystals closer than this to one another are one and the same [standard deviations per feature]."""


def add_crystals(
    settings: LibrarySettings,
    *,
    state: str | Path,
    seed: int,
    structures: str | Path,
    new_state: str | Path,
    summary: str | Path,
) -> None:
    """Let perfect crystals of at most four atoms join the library where they bring something.

    Candidates are the common crystals over volume, c/a and free coordinate, and ``library.crystals`` crystals of random
    space groups; of those closer than ``APART`` the first one stays, of all the greedy choice of a merge.

    Args:
        settings: of the library.
        state: state after the last round.
        seed: seed of the campaign.
        structures: written, the accepted crystals, best first in each stratum; info: ``sid``, ``seed_kind``,
            ``v_star``, ``gain_nats``.
        new_state: written, the state with them.
        summary: written, numbers of the candidates and of the accepted, in all and by kind (JSON).

    Raises:
        ValueError: the state belongs to other features.
    """
    start = load_state(state, settings)
    candidates = _candidates(settings, np.random.default_rng(np.random.SeedSequence([seed, 0, 2])))
    blocks, strata = structure_blocks(candidates, start, build(settings.features))
    chosen = distinct(blocks, strata, APART)
    candidates, blocks, strata = [candidates[k] for k in chosen], [blocks[k] for k in chosen], strata[chosen]
    common = np.array([atoms.info["seed_kind"] in CRYSTALS for atoms in candidates], dtype=bool)
    worth = np.where(common, min(COMMON_WORTH, settings.entropy.worth), settings.entropy.worth)
    order, gains, end = accept(blocks, strata, start, worth)
    accepted = [candidates[k] for k in order]
    for atoms, gain in zip(accepted, gains, strict=True):
        atoms.info["gain_nats"] = gain
    kinds = {kind: sum(atoms.info["seed_kind"] == kind for atoms in accepted) for kind in (*CRYSTALS, "perfect")}
    write_structures(structures, accepted)
    end.save(new_state)
    numbers = {"candidates": len(candidates), "accepted": len(accepted), "kinds": kinds}
    write_json(summary, numbers | {"H_before": start.h(), "H_after": end.h()})
    logger.info("%d of %d crystals accepted, H %.3f -> %.3f nats", len(accepted), len(candidates), start.h(), end.h())


def _candidates(settings: LibrarySettings, rng: np.random.Generator) -> list[Atoms]:
    """Return the crystals that keep all bounds of the library, including its numbers of atoms."""
    crystals = common_crystals_over_volume(settings.cells) + random_crystals(settings.crystals, settings.cells, rng)
    made = []
    for atoms in crystals:
        made.append(with_sid(atoms))
        made[-1].info |= {"seed_kind": atoms.info["seed_kind"], "v_star": round_volume(made[-1])}
    return list(compress(made, allowed(made, settings.cells)))
