"""Steps, harvests and worth: how fast a library grows, and how diverse it is at equal size.

    python -m benchmarks.entropy.harvests --seeds 1 2 3 --json docs/results/harvests.json
    python -m benchmarks.entropy.harvests --seeds 1 2 3 --renewals --json docs/results/renewals.json

``--renewals`` compares the default with itself, neighbours renewed as seldom as on a GPU, on the CPU.
Every choice grows a library of cells of 1-8 atoms, one batch a round, from the same random sample until it has
``--structures``. All are then cut to the same number of environments and judged by H of the objective, by the distance
to their nearest neighbours (relatives of one seed show there) and by H in features that the optimiser has not seen.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import pandas as pd
import torch
from ase import Atoms

from benchmarks.entropy.diversity import OTHER_FEATURES, normalised_by
from entromax.config.models import CellSettings, EntropySettings, LibrarySettings, OptimiserSettings
from entromax.entropy import objective
from entromax.entropy.diversity import cut_alike, first_rows, neighbour_entropy
from entromax.entropy.rounds import maximise_batch, merge_round, reference_sample
from entromax.entropy.strata import DatasetState
from entromax.runtime import provenance, write_json
from entromax.structures import read_structures

MOST_ROUNDS = 60


@dataclass(frozen=True)
class Choice:
    """Optimiser steps of a batch, harvests among them, what a structure must bring; steps between renewals."""

    steps: int
    harvests: int
    worth: float
    renew: int = objective.RENEW["cpu"]

    def settings(self) -> LibrarySettings:
        """Return the settings of a library made so."""
        return LibrarySettings(
            source="made",
            cells=CellSettings(atoms=[1, 8]),
            optimiser=OptimiserSettings(steps=self.steps, harvests=self.harvests),
            entropy=EntropySettings(worth=self.worth),
        )


CHOICES = [
    Choice(40, 1, 0.5),
    Choice(40, 3, 0.5),
    Choice(80, 3, 0.5),
    Choice(80, 3, 0.75),
    Choice(120, 4, 0.75),
    Choice(60, 9, 0.75),
    Choice(120, 21, 0.75),
]
RENEWALS = [Choice(80, 3, 0.75, renew) for renew in objective.RENEW.values()]


def grow(choice: Choice, start: Path, number: int, seed: int, folder: Path) -> tuple[list[Atoms], float, int]:
    """Return at least ``number`` structures, the CPU seconds that they took, and the rounds."""
    settings, state, grown = choice.settings(), start, []
    objective.RENEW["cpu"] = choice.renew
    begin = time.process_time()
    for turn in range(1, MOST_ROUNDS + 1):
        candidates, accepted, after = folder / "candidates.extxyz", folder / "accepted.extxyz", folder / f"{turn}.npz"
        maximise_batch(
            settings,
            state=state,
            seed=seed,
            round=turn,
            batch=1,
            structures=candidates,
            trace=folder / "trace.csv",
        )
        merge_round(
            settings,
            state=state,
            candidates=[candidates],
            structures=accepted,
            new_state=after,
            summary=folder / "summary.json",
        )
        grown += read_structures(accepted)
        state = after
        if len(grown) >= number:
            return grown, time.process_time() - begin, turn
    raise RuntimeError(f"{choice}: only {len(grown)} structures after {MOST_ROUNDS} rounds")


def measure(choices: list[Choice], seed: int, number: int) -> list[dict[str, Any]]:
    """Return one row per choice."""
    rows: list[dict[str, Any]] = []
    grown: dict[str, list[Atoms]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start, random = folder / "start.npz", folder / "random.extxyz"
        plain = choices[0].settings()
        reference_sample(plain, seed=seed, structures=random, state=start)
        empty, reference = DatasetState.load(start).without_data(), read_structures(random)
        for choice in choices:
            grown[str(choice)], cpu, turns = grow(choice, start, number, seed, folder)
            made = len(grown[str(choice)])
            rate = {"structures_per_core_second": made / cpu, "structures_per_round": made / turns}
            rows.append(vars(choice) | {"seed": seed} | rate)
            print(rows[-1], flush=True)
    chosen, count = cut_alike(grown, seed)
    unseen = {column: plain.model_copy(update={"features": features}) for column, features in OTHER_FEATURES.items()}
    others = {column: normalised_by(reference, empty, settings) for column, settings in unseen.items()}
    for row, own in zip(rows, chosen.values(), strict=True):
        blocks, strata = first_rows(own, count, empty, plain)
        row |= {"environments": count, "h_nats": empty.add(blocks, strata).h()}
        row |= {"knn_nats": neighbour_entropy(blocks, strata)}
        row |= {
            column: others[column].add(*first_rows(own, count, others[column], unseen[column])).h() for column in others
        }
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--structures", type=int, default=600, help="size of the libraries, at least")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--renewals", action="store_true", help="compare renewals of the neighbours only")
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for seed in arguments.seeds:
        rows += measure(RENEWALS if arguments.renewals else CHOICES, seed, arguments.structures)
        table = pd.DataFrame(rows).drop(columns=["seed", "environments"])
        mean = table.groupby(["steps", "harvests", "worth", "renew"], sort=False).agg(["mean", "std"])
        print(mean.round(2).T.to_string(), flush=True)
        if arguments.json:
            origin = provenance(config="benchmarks/entropy/harvests.py", seed=arguments.seeds[0])
            write_json(arguments.json, {"rows": rows, "structures": arguments.structures, "provenance": origin})


if __name__ == "__main__":
    main()
