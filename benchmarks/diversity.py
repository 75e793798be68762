"""Diversity of a library against sets of equal size that were not optimised, by the objective and by other judges.

    python benchmarks/diversity.py                       # quick: small cells, about 5 minutes on one core
    python benchmarks/diversity.py --atoms 32 --batches 8 --rounds 2 --json docs/results/diversity.json

Sets, all inside the same bounds and cut at the same number of environments: the library; random cells with the atom
counts and volumes of the library, relaxed on the core only; the seeds that the library grew from (what the optimiser
adds); common crystals, strained and rattled, at log-uniform volumes; any extended XYZ file in reduced units
given by --extra name=path. Every number comes from one run; h at a second cutoff shows how much of the gain hangs on
the cutoff it was made with.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from entromax.config.models import CellSettings, LibrarySettings, SeedSettings
from entromax.entropy.diversity import BANDWIDTHS, compare_diversity
from entromax.entropy.ordering import order_library
from entromax.entropy.rounds import maximise_batch, merge_round, reference_sample
from entromax.entropy.seeding import matching_random_set, relaxed_seeds
from entromax.entropy.strata import DatasetState
from entromax.runtime import provenance, write_json
from entromax.structures import read_structures


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
    order_library(
        settings,
        shards=accepted,
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
    return {
        "random cells": matching_random_set(library, settings.cells, rng, steps),
        "seeds": relaxed_seeds(2 * len(library), settings.cells, rng, steps, settings.seeds),
        "rattled crystals": relaxed_seeds(2 * len(library), settings.cells, rng, steps, crystals),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--atoms", type=int, default=8, help="largest number of atoms in a cell")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batches", type=int, default=2)
    parser.add_argument("--structures", type=int, default=64, help="structures per batch")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--second-cutoff", type=float, default=3.0, help="[d_nn]")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME=PATH", help="another set, reduced units")
    parser.add_argument("--json", type=Path, help="write the table there")
    arguments = parser.parse_args()
    settings = LibrarySettings(
        cells=CellSettings(atoms=[1, arguments.atoms]),
        rounds=arguments.rounds,
        batches=arguments.batches,
        structures_per_batch=arguments.structures,
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.process_time()
        library = grow_library(settings, arguments.seed, folder)
        cpu = time.process_time() - started
        sets = {"library": library, **other_sets(library, settings, arguments.seed)}
        for extra in arguments.extra:
            label, path = extra.split("=", 1)
            sets[label] = read_structures(path)
        table = compare_diversity(sets, DatasetState.load(folder / "state_0.npz"), settings)
        features = settings.features.model_copy(update={"cutoff": arguments.second_cutoff})
        wider = settings.model_copy(update={"features": features})
        reference_sample(wider, seed=arguments.seed, structures=folder / "r.extxyz", state=folder / "wider.npz")
        second = compare_diversity(sets, DatasetState.load(folder / "wider.npz"), wider)
        table["h_second_cutoff_nats"] = second["h_nats"]
    print(table.round(2).to_string(index=False))
    print(f"{len(library)} structures, {cpu / len(library):.2f} CPU s each")
    if arguments.json:
        write_json(arguments.json, _report(table, len(library), cpu, arguments))


def _report(table: pd.DataFrame, size: int, cpu: float, arguments: argparse.Namespace) -> dict[str, object]:
    sets = {}
    for row in table.to_dict("records"):
        quests = {f"{h:g}": row[f"quests_{h:g}_nats"] for h in BANDWIDTHS}
        plain = ("n_structures", "n_environments", "h_nats", "h_second_cutoff_nats", "knn_nats")
        sets[row["set"]] = {key: row[key] for key in plain} | {"quests_nats": quests}
    options = {key: value for key, value in vars(arguments).items() if key not in ("json", "extra")}
    return {
        "sets": sets,
        "library_structures": size,
        "cpu_seconds_per_structure": cpu / size,
        "options": options,
        "provenance": provenance(config="benchmarks/diversity.py", seed=arguments.seed),
    }


if __name__ == "__main__":
    main()
