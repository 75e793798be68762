"""The job that chooses the next batch of labels."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from entromax.active.candidates import Candidate, dynamics_candidates, library_candidates
from entromax.active.committee import Bounds, Committee
from entromax.config.models import (
    ActiveSettings,
    DatasetSettings,
    ElementSettings,
    FeatureSettings,
    LabelSettings,
    Settings,
)
from entromax.features import Features, build, evaluate
from entromax.runtime import atomic_path
from entromax.structures.geometry import reduced
from entromax.structures.io import write_shards
from entromax.validation.robustness import lowest_crystal

logger = logging.getLogger("entromax.active")


class SelectionSettings(Settings):
    """Sections of the configuration that a selection depends on."""

    element: ElementSettings
    features: FeatureSettings
    labels: LabelSettings
    dataset: DatasetSettings
    active: ActiveSettings
    seed: int


def select_structures(
    *,
    potential: str | Path,
    train: str | Path,
    manifest: str | Path,
    reference: str | Path,
    library: str | Path,
    scale: str | Path | None = None,
    symbol: str,
    settings: SelectionSettings,
    iteration: int,
    shards: str | Path,
    candidates: str | Path,
    runs: str | Path,
) -> pd.DataFrame:
    """Choose structures that the committee is unsure of, from the library's rest and from dynamics.

    Args:
        potential: folder of the potential whose committee chooses, fitted to ``train``.
        train: training set so far (extended XYZ).
        manifest: of all structures that were labelled or tried so far (parquet); none of them is chosen again.
        reference: labelled crystals; dynamics starts from the ground state.
        library: ordered library, reduced units.
        scale: JSON with the length ``d_nn`` by which the library is scaled [Å]; none: that of the element's settings.
        symbol: chemical symbol.
        settings: of all that matters here.
        iteration: number of the batch, from 1; every one has other random numbers.
        shards: folder written, files as ``scale_structures`` writes them; best first, the last ones may be empty.
        candidates: CSV written, see :func:`survey`, with ``rank`` (order of choice from 1; empty: not chosen).
        runs: CSV written, one row per run of dynamics.

    Returns:
        The table of candidates.

    Raises:
        ValueError: there is no candidate.
    """
    element, labels, active = settings.element, settings.labels, settings.active
    d_nn = float(json.loads(Path(scale).read_text())["d_nn"]) if scale else element.d_nn
    committee, bounds = Committee.load(potential, train), Bounds.of(element, d_nn, labels, settings.dataset)
    labelled = set(pd.read_parquet(manifest)["sid"])
    found = library_candidates(
        library,
        element=symbol,
        d_nn=d_nn,
        volume=(element.volume[0], element.volume[1]),
        skip=labels.structures,
        labelled=labelled,
        n=active.candidates,
    )
    moving: list[Candidate] = []
    rows: list[dict[str, Any]] = []
    if active.dynamics is not None:
        crystal = lowest_crystal(reference, element.ground_state)
        own = int(np.random.SeedSequence([settings.seed, iteration]).generate_state(1)[0])
        moving, rows = dynamics_candidates(crystal, committee, bounds, active.dynamics, own)
    everything = {candidate.atoms.info["sid"]: candidate for candidate in [*found, *moving]}
    unlabelled = [candidate for sid, candidate in everything.items() if sid not in labelled]
    table = survey(unlabelled, committee, bounds)
    open_ = np.flatnonzero(table["excluded"] == "")
    if len(open_) == 0:
        raise ValueError(
            f"{library}: none of {len(unlabelled)} candidates of {symbol} can be labelled: make a larger library "
            "(library.rounds), raise active.candidates, or lower active.iterations"
        )
    places = mean_features([unlabelled[k].atoms for k in open_], build(settings.features), d_nn)
    order = open_[choose(table["score"].to_numpy()[open_], places, active.structures)]
    table.loc[order, "rank"] = np.arange(1, len(order) + 1)
    if len(order) < active.structures:
        logger.warning("%s: only %d of %d structures could be chosen", symbol, len(order), active.structures)
    chosen = [unlabelled[k].atoms for k in order]
    write_shards(shards, chosen, n=active.structures, shard_size=labels.shard_size)
    made = pd.DataFrame(rows, columns=None if rows else ["state"])
    for path, frame in ((candidates, table.sort_values("score", ascending=False)), (runs, made)):
        with atomic_path(path) as temporary:
            frame.to_csv(temporary, index=False)
    origins = table.loc[order, "origin"].value_counts().to_dict()
    logger.info("%d candidates, %d of them inside the bounds; chosen: %s", len(table), len(open_), origins)
    return table


def survey(candidates: Iterable[Candidate], committee: Committee, bounds: Bounds) -> pd.DataFrame:
    """Return what the committee says about each candidate.

    Columns: ``sid``, ``library_sid``, ``origin``, ``found`` (the run), ``atoms``, ``volume`` [Å^3/atom], ``energy``
    [eV/atom above the lowest], ``force`` [eV/Å], ``bar`` [eV/atom], ``score`` [eV/atom] (see ``Committee.opinion``),
    ``excluded`` (the bound that is broken, or empty), ``rank`` (NaN).
    """
    rows = []
    for candidate in candidates:
        atoms = candidate.atoms
        opinion = committee.opinion(atoms)
        rows.append(
            {
                "sid": atoms.info["sid"],
                "library_sid": atoms.info["library_sid"],
                "origin": candidate.origin,
                "found": candidate.found,
                "atoms": len(atoms),
                "volume": atoms.get_volume() / len(atoms),
                **asdict(opinion),
                "excluded": bounds.broken(atoms, opinion),
                "rank": np.nan,
            }
        )
    return pd.DataFrame(rows, columns=None if rows else ["excluded"])


def choose(scores: np.ndarray, places: np.ndarray, n: int) -> np.ndarray:
    """Return which ``n`` structures to label, best first: uncertain ones, and uncertain about different things.

    Greedy maximum of the determinant of s_i s_j exp(-|x_i - x_j|^2 / 2 D), the determinantal point process of quality
    and diversity [Kulesza & Taskar, Found. Trends Mach. Learn. 5, 123 (2012)], by pivoted Cholesky [Chen, Zhang & Zhou,
    NeurIPS 2018]. The first structure is the one of largest score. Each further one has the largest score that
    is left once the part that the chosen ones explain is subtracted. Scores alone would choose nearly equal structures.

    Args:
        scores: [S] scores s, not negative.
        places: [S, D] where the structures are in feature space; columns are standardised here, so that two structures
            taken at random have a mean squared distance of 2 D and are alike by about 1/e.
        n: how many; fewer when there are not so many.
    """
    spread = places.std(axis=0)
    alive = spread > 1e-12 * np.abs(places).max(initial=1.0)
    x = places[:, alive] / spread[alive]
    left = scores**2
    least = 1e-12 * left + np.finfo(float).tiny  # when nothing new is left to be told, scores decide
    factors = np.zeros((min(n, len(x)), len(x)))
    order = np.zeros(len(factors), dtype=int)
    for k in range(len(factors)):
        best = order[k] = int(np.argmax(left))
        alike = np.exp(-np.sum((x - x[best]) ** 2, axis=1) / (2 * max(x.shape[1], 1)))
        told = scores * scores[best] * alike - factors[:k, best] @ factors[:k]
        factors[k] = told / np.sqrt(left[best])
        left = np.maximum(left - factors[k] ** 2, least)
        left[order[: k + 1]] = -np.inf
    return order


def mean_features(structures: Sequence[Atoms], features: Features, length: float) -> np.ndarray:
    """Return the mean over the atoms of the features [S, D] of structures [Å], in units of ``length``."""
    values = evaluate([reduced(atoms, length) for atoms in structures], features)
    ends = np.cumsum([len(atoms) for atoms in structures])[:-1]
    return np.array([part.mean(axis=0) for part in np.split(values, ends)])
