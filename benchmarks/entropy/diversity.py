"""Diversity of a library against sets of equal size that were not optimised, by the objective and by other judges.

    python -m benchmarks.entropy.diversity                  # quick: small cells, one seed
    python -m benchmarks.entropy.diversity --atoms 32 --batches 2 --steps 120 --seeds 1 2 3 --workers 2 \
        --extra "ASSYST pipeline=pipeline.extxyz" --extra "ASSYST scaled=scaled.extxyz" \
        --json docs/results/diversity.json

(files of --extra: rivals/symmetric_set.py). For every seed a library is grown and compared, all sets cut to the
same number of environments, with

- random cells that have the atom counts and volumes of the library, relaxed on the soft core only,
- the seeds that such a library grows from, likewise relaxed,
- common crystals, strained and rattled, log-uniform in volume,
- the extended XYZ files in reduced units given by --extra name=path, inside the library's bounds.

Judges: H of the objective and nearest-neighbour entropy in its features; QUESTS, each set scaled to one median volume
per atom; H in features the optimiser did not see (cutoffs 1.6 and 3.0 d_nn, power spectrum). Figures are means over
seeds, ``spread`` their standard deviations. The library that is shipped: ``benchmarks.entropy.library``.
"""

import argparse
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from entromax.config.models import CellSettings, LibrarySettings, OptimiserSettings, SeedSettings
from entromax.entropy.crystals import add_crystals
from entromax.entropy.diversity import BANDWIDTHS, compare_diversity, cut_alike, first_rows
from entromax.entropy.ordering import order_library
from entromax.entropy.rounds import feature_hash, maximise_batch, merge_round, reference_sample
from entromax.entropy.seeding import matching_random_set, relaxed_seeds
from entromax.entropy.state import EntropyState
from entromax.entropy.strata import DatasetState
from entromax.features import build, evaluate
from entromax.features.bispectrum import BispectrumSettings
from entromax.features.power_spectrum import PowerSpectrumSettings
from entromax.runtime import provenance, write_json
from entromax.structures import read_structures
from entromax.structures.rescale import reduced_volume

OTHER_FEATURES = {
    "h_cutoff_1.6_nats": BispectrumSettings(cutoff=1.6),
    "h_cutoff_3_nats": BispectrumSettings(cutoff=3.0),
    "h_power_spectrum_nats": PowerSpectrumSettings(),
}


def grow_library(settings: LibrarySettings, seed: int, folder: Path) -> list[Atoms]:
    """Return the library that a campaign with these settings makes."""
    reference_sample(settings, seed=seed, structures=folder / "random.extxyz", state=folder / "state_0.npz")
    accepted = []
    for number in range(1, settings.rounds + 1):
        start = folder / f"state_{number - 1}.npz"
        batches = [folder / f"round_{number}_{batch}.extxyz" for batch in range(1, settings.batches + 1)]
        for batch, path in enumerate(batches, start=1):
            maximise_batch(
                settings,
                state=start,
                seed=seed,
                round=number,
                batch=batch,
                structures=path,
                trace=path.with_suffix(".csv"),
            )
        accepted.append(folder / f"accepted_{number}.extxyz")
        merge_round(
            settings,
            state=start,
            candidates=batches,
            structures=accepted[-1],
            new_state=folder / f"state_{number}.npz",
            summary=folder / f"summary_{number}.json",
        )
    add_crystals(
        settings,
        state=folder / f"state_{settings.rounds}.npz",
        seed=seed,
        structures=folder / "crystals.extxyz",
        new_state=folder / "state.npz",
        summary=folder / "crystals.json",
    )
    order_library(
        settings,
        shards=[*accepted, folder / "crystals.extxyz"],
        state=folder / "state_0.npz",
        seed=seed,
        structures=folder / "library.extxyz",
        table=folder / "library.csv",
    )
    return read_structures(folder / "library.extxyz")


def other_sets(library: list[Atoms], settings: LibrarySettings, seed: int) -> dict[str, list[Atoms]]:
    """Return the sets that the library is compared with."""
    rng = np.random.default_rng(seed)
    steps = settings.optimiser.relax_steps
    crystals = SeedSettings(random=0, symmetric=0, crystal=1, disordered=1, rattle=0.08, strain=0.08)
    enough = int(1.4 * len(library))
    return {
        "random cells": matching_random_set(library, settings.cells, rng, steps),
        "seeds": relaxed_seeds(enough, settings.cells, rng, steps, settings.seeds),
        "rattled crystals": relaxed_seeds(enough, settings.cells, rng, steps, crystals),
    }


def normalised_by(reference: list[Atoms], state: DatasetState, settings: LibrarySettings) -> DatasetState:
    """Return the empty state for other features, in the same strata and normalised by the same random structures."""
    features = build(settings.features)
    strata = state.stratum([reduced_volume(atoms) for atoms in reference])
    parts = []
    for index, part in enumerate(state.parts):
        own = [atoms for atoms, k in zip(reference, strata, strict=True) if k == index]
        sizes = np.array([len(atoms) for atoms in own])
        q = evaluate(own, features)
        parts.append(EntropyState.from_reference(q, sizes, part.eps, part.rows, feature_hash(settings.features)))
    return DatasetState(state.edges, tuple(parts))


def judge(
    sets: dict[str, list[Atoms]],
    state: DatasetState,
    reference: list[Atoms],
    settings: LibrarySettings,
    seed: int,
    most: int | None = None,
) -> pd.DataFrame:
    """Return the table of ``compare_diversity`` with H in features that no optimiser has seen."""
    table = compare_diversity(sets, state, settings, seed, most)
    chosen, count = cut_alike(sets, seed, most)
    for column, features in OTHER_FEATURES.items():
        unseen = settings.model_copy(update={"features": features})
        empty = normalised_by(reference, state, unseen)
        table[column] = [empty.add(*first_rows(own, count, empty, unseen)).h() for own in chosen.values()]
    return table.assign(seed=seed)


def run(seed: int, settings: LibrarySettings, extra: dict[str, str]) -> tuple[pd.DataFrame, float]:
    """Return the diversity of one seed, and the CPU seconds per structure of the library."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.process_time()
        library = grow_library(settings, seed, folder)
        seconds = (time.process_time() - started) / len(library)
        state, reference = DatasetState.load(folder / "state_0.npz"), read_structures(folder / "random.extxyz")
    sets = {"library": library, **other_sets(library, settings, seed)}
    sets |= {label: read_structures(path) for label, path in extra.items()}
    return judge(sets, state, reference, settings, seed), seconds


def summary(tables: pd.DataFrame) -> dict[str, object]:
    """Return means over the seeds of every figure of every set, and their standard deviations as ``spread``."""
    plain = [column for column in tables if column not in ("set", "seed") and not column.startswith("quests_")]

    def nested(row: pd.Series) -> dict[str, object]:
        return {key: row[key] for key in plain} | {
            "quests_nats": {f"{h:g}": row[f"quests_{h:g}_nats"] for h in BANDWIDTHS}
        }

    groups = tables.drop(columns="seed").groupby("set", sort=False)
    means, spreads = groups.mean(), groups.std(ddof=1).fillna(0.0)  # one making has no spread
    return {str(name): nested(means.loc[name]) | {"spread": nested(spreads.loc[name])} for name in means.index}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--atoms", type=int, default=8, help="largest number of atoms in a cell")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batches", type=int, default=1)
    parser.add_argument("--structures", type=int, default=64, help="structures per batch")
    parser.add_argument("--steps", type=int, default=40, help="optimiser steps")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--workers", type=int, default=1, help="seeds at the same time")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME=PATH", help="another set, reduced units")
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    settings = LibrarySettings(
        source="made",
        cells=CellSettings(atoms=[1, arguments.atoms]),
        rounds=arguments.rounds,
        batches=arguments.batches,
        structures_per_batch=arguments.structures,
        optimiser=OptimiserSettings(steps=arguments.steps),
    )
    extra = dict(text.split("=", 1) for text in arguments.extra)
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(partial(run, settings=settings, extra=extra), arguments.seeds))
    tables = pd.concat([result[0] for result in results], ignore_index=True)
    print(tables.drop(columns="seed").groupby("set", sort=False).agg(["mean", "std"]).round(3).T.to_string())
    if arguments.json:
        options = {key: value for key, value in vars(arguments).items() if key not in ("json", "workers", "extra")}
        figures = {
            "sets": summary(tables),
            "cpu_seconds_per_structure": float(np.mean([result[1] for result in results])),
        }
        origin = provenance(config="benchmarks/entropy/diversity.py", seed=arguments.seeds[0])
        common = {"options": options, "settings": settings.model_dump(mode="json"), "provenance": origin}
        write_json(arguments.json, figures | common)


if __name__ == "__main__":
    main()
