"""The job that chooses the next batch of labels."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from entromax.active.committee import Bounds, Committee
from entromax.active.low_energy import low_energy
from entromax.active.near_equilibrium import near_equilibrium
from entromax.active.search import Search
from entromax.active.uncertain import uncertain
from entromax.config.models import (
    ActiveSettings,
    DatasetSettings,
    ElementSettings,
    FeatureSettings,
    LabelSettings,
    Settings,
)
from entromax.dataset.limits import Limits
from entromax.features import build
from entromax.potentials.base import split_free_atom
from entromax.runtime import atomic_path
from entromax.structures import read_structures, reduced_volume
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
    """Choose the structures to label next from the pools, each by its share of the batch.

    Args:
        potential: folder of the potential, fitted to ``train``.
        train: training set so far (extended XYZ).
        manifest: of all structures that were labelled or tried so far (parquet); none of them is chosen again.
        reference: labelled crystals; dynamics starts from the ground state.
        library: ordered library, reduced units.
        scale: JSON with the length ``d_nn`` by which the library is scaled [Å]; none: that of the element's settings.
        symbol: chemical symbol.
        settings: of all that matters here.
        iteration: number of the batch, from 1; every one has other random numbers.
        shards: folder written, files as ``scale_structures`` writes them; best first, the last ones may be empty.
        candidates: CSV written, see ``Search.survey``, with ``rank`` (order of choice in its pool, from 1; empty: not
            chosen).
        runs: CSV written, one row per run of dynamics.

    Returns:
        The table of candidates.

    Raises:
        ValueError: there is no candidate.
    """
    element, labels, active = settings.element, settings.labels, settings.active
    d_nn = float(json.loads(Path(scale).read_text())["d_nn"]) if scale else element.d_nn
    atom, bulk = split_free_atom(read_structures(train))
    lowest = min(bulk, key=lambda atoms: float(atoms.info["REF_energy"]) / len(atoms))
    binding = float(atom.info["REF_energy"]) - float(lowest.info["REF_energy"]) / len(lowest)
    limits = Limits.of(settings.dataset, binding, reduced_volume(lowest))
    search = Search(
        element=symbol,
        potential=Path(potential),
        committee=Committee.load(potential, train),
        bounds=Bounds.of(element, d_nn, labels, limits),
        settings=active,
        features=build(settings.features),
        binding=binding,
        d_nn=d_nn,
        library=Path(library),
        volume=(element.volume[0], element.volume[1]),
        skip=labels.structures,
        labelled=frozenset(pd.read_parquet(manifest)["sid"]),
        train=bulk,
        crystal=lowest_crystal(reference, element.ground_state),
        seed=int(np.random.SeedSequence([settings.seed, iteration]).generate_state(1)[0]),
    )
    chosen, table, made = choose_batch(search)
    if len(table) == 0 or not (table["excluded"] == "").any():
        raise ValueError(
            f"{library}: none of {len(table)} candidates of {symbol} can be labelled: make a larger library "
            "(library.rounds), raise active.candidates, or lower active.iterations"
        )
    if len(chosen) < active.structures:
        logger.warning("%s: only %d of %d structures could be chosen", symbol, len(chosen), active.structures)
    write_shards(shards, chosen, n=active.structures, shard_size=labels.shard_size)
    for path, frame in ((candidates, table.sort_values("energy")), (runs, made)):
        with atomic_path(path) as temporary:
            frame.to_csv(temporary, index=False)
    origins = table.loc[table["rank"].notna(), "origin"].value_counts().to_dict()
    logger.info("%d candidates; chosen: %s", len(table), origins)
    return table


def choose_batch(search: Search) -> tuple[list[Atoms], pd.DataFrame, pd.DataFrame]:
    """Return the chosen structures, one from each pool in turn, the table of all candidates and that of the runs."""
    counts = search.settings.shares.counts(search.settings.structures)
    pools: list[list[Atoms]] = []
    tables: list[pd.DataFrame] = []
    runs = pd.DataFrame(columns=["state"])
    for pool, choose in (("low_energy", low_energy), ("near_equilibrium", near_equilibrium)):
        if counts[pool]:
            structures, table = choose(search, counts[pool])
            pools.append(structures)
            tables.append(table)
    if counts["uncertain"]:
        structures, table, runs = uncertain(search, counts["uncertain"])
        pools.append(structures)
        tables.append(table)
    return interleaved(pools), pd.concat(tables, ignore_index=True), runs


def interleaved(pools: Sequence[Sequence[Atoms]]) -> list[Atoms]:
    """Return the structures of all pools, spread evenly: a batch that is cut short has something of each."""
    places = [((k + 0.5) / len(pool), number, k) for number, pool in enumerate(pools) for k in range(len(pool))]
    return list({str(pools[number][k].info["sid"]): pools[number][k] for _, number, k in sorted(places)}.values())
