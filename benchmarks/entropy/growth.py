"""Growth of a library from 100 to 100 000 structures: entropy, QUESTS entropy, time and memory per structure.

    python -m benchmarks.entropy.growth run growth_work --structures 100000 --steps 60 --harvests 9
    python -m benchmarks.entropy.growth report growth_work

`run` does what the campaign does, by the same functions: rounds of two batches, each in a process of its own, and a
merge. It goes on from the last finished round when it was stopped. CPU seconds are those of all processes, so they do
not depend on what else the machine does; wall seconds do. `report` writes `docs/results/growth.json` and
`docs/pictures/growth_benchmark.png`.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pandas as pd
import torch
from ase import Atoms

from benchmarks.common import PICTURES, RESULTS, peak_megabytes, seconds
from docs.make.pages import read_json
from entromax.config.models import CellSettings, LibrarySettings, OptimiserSettings
from entromax.entropy.diversity import BANDWIDTHS, quests_entropy
from entromax.entropy.rounds import maximise_batch, merge_round, reference_sample
from entromax.report.kit.style import BLUE, GREEN, VERMILION, figure
from entromax.runtime import provenance, write_json
from entromax.structures.io import read_structures

BATCHES = 2
SEED = 1
NUMBERS = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
QUESTS_ATOMS = 10_000
"""QUESTS costs the square of the number of environments: of larger sets a random sample of as many is judged."""


def cpu_seconds(function: Callable[..., None], settings: LibrarySettings, arguments: dict[str, Any]) -> list[float]:
    """Run one job and return the CPU seconds that it took, and the peak memory of its process so far [MB]."""
    torch.set_num_threads(1)
    return [seconds(lambda: function(settings, **arguments)), peak_megabytes()]


def run(folder: Path, structures: int, settings: LibrarySettings) -> None:
    """Grow the library round by round; every finished round has a `round.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "settings.json", settings.model_dump(mode="json"))
    if not (folder / "state_0.npz").exists():
        reference_sample(settings, seed=SEED, structures=folder / "random.extxyz", state=folder / "state_0.npz")
    number, have = 0, 0
    with ProcessPoolExecutor(BATCHES) as pool:
        while have < structures:
            number += 1
            record = folder / f"round_{number}.json"
            if not record.exists():
                write_json(record, one_round(folder, number, settings, pool))
            have = json.loads(record.read_text())["structures"]
            print(number, record.read_text().replace("\n", ""), flush=True)


def one_round(folder: Path, number: int, settings: LibrarySettings, pool: ProcessPoolExecutor) -> dict[str, Any]:
    """Do one round and return its numbers."""
    begin = time.monotonic()
    start = folder / f"state_{number - 1}.npz"
    candidates = [folder / f"candidates_{batch}.extxyz" for batch in range(1, BATCHES + 1)]
    jobs = [
        pool.submit(
            cpu_seconds,
            maximise_batch,
            settings,
            {
                "state": start,
                "seed": SEED,
                "round": number,
                "batch": batch,
                "structures": path,
                "trace": path.with_suffix(".csv"),
            },
        )
        for batch, path in enumerate(candidates, start=1)
    ]
    batches = np.array([job.result() for job in jobs])
    merge, peak = pool.submit(
        cpu_seconds,
        merge_round,
        settings,
        {
            "state": start,
            "candidates": candidates,
            "structures": folder / f"accepted_{number}.extxyz",
            "new_state": folder / f"state_{number}.npz",
            "summary": folder / "summary.json",
        },
    ).result()
    summary = json.loads((folder / "summary.json").read_text())
    return {
        "round": number,
        "structures": summary["structures"],
        "environments": summary["rows"],
        "h_nats": summary["H_after"],
        "candidates": summary["candidates"],
        "accepted": summary["accepted"],
        "cpu_batches": float(batches[:, 0].sum()),
        "cpu_merge": merge,
        "peak_mb": max(peak, float(batches[:, 1].max())),
        "wall": time.monotonic() - begin,
    }


def report(folder: Path) -> None:
    """Write the table and the picture from the rounds that are there."""
    rounds = pd.DataFrame(
        [
            json.loads(path.read_text())
            for path in sorted(folder.glob("round_*.json"), key=lambda p: int(p.stem.split("_")[1]))
        ]
    )
    table = milestones(rounds)
    for row in table:
        row |= judged(folder, row["rounds"])
        print(row, flush=True)
    late = [row["cpu_seconds_per_structure"] for row in table]
    result = {
        "numbers": table,
        "cpu_seconds_per_structure_over_mean": [float(v / np.mean(late)) for v in late],
        "slowest_over_fastest": float(max(late) / min(late)),
        "cpu_seconds": float((rounds.cpu_batches + rounds.cpu_merge).sum()),
        "merge_milliseconds_per_candidate": per_candidate(rounds),
        "settings": read_json(folder / "settings.json"),
        "quests_atoms_at_most": QUESTS_ATOMS,
        "rounds": rounds.to_dict("records"),
        "provenance": provenance(config="benchmarks/entropy/growth.py", seed=SEED),
    }
    write_json(RESULTS / "growth.json", result)
    plot(pd.DataFrame(table), PICTURES / "growth_benchmark.png")


def milestones(rounds: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the numbers at the first round that reaches each of ``NUMBERS``; times since the one before."""
    cpu = (rounds.cpu_batches + rounds.cpu_merge).cumsum()
    table: list[dict[str, Any]] = []
    last = -1
    for number in NUMBERS:
        reached = np.flatnonzero(rounds.structures >= number)
        if not len(reached):
            break
        here = int(reached[0])
        if here == last:
            continue
        since = slice(last + 1, here + 1)
        made = int(rounds.accepted[since].sum())
        table.append(
            {
                "structures": int(rounds.structures[here]),
                "rounds": here + 1,
                "environments": int(rounds.environments[here]),
                "h_nats": float(rounds.h_nats[here]),
                "accepted_per_candidate": made / float(rounds.candidates[since].sum()),
                "cpu_seconds_per_structure": float(cpu[here] - (cpu[last] if last >= 0 else 0.0)) / made,
                "wall_seconds_per_structure": float(rounds.wall[since].sum()) / made,
                "wall_seconds": float(rounds.wall[: here + 1].sum()),
                "peak_mb": float(rounds.peak_mb[here]),
            }
        )
        last = here
    return table


def judged(folder: Path, rounds: int) -> dict[str, Any]:
    """Return the QUESTS entropies of the library after some rounds, of a random sample when it is large."""
    structures = [a for k in range(1, rounds + 1) for a in read_structures(folder / f"accepted_{k}.extxyz")]
    sample, atoms = first_atoms(structures)
    values = quests_entropy(sample, rows=min(atoms, QUESTS_ATOMS))
    return {"quests_environments": min(atoms, QUESTS_ATOMS)} | {
        f"quests_{h:g}_nats": float(value) for h, value in zip(BANDWIDTHS, values, strict=True)
    }


def first_atoms(structures: list[Atoms]) -> tuple[list[Atoms], int]:
    """Return structures in random order up to ``QUESTS_ATOMS`` atoms or a few more, and how many atoms they have."""
    chosen: list[Atoms] = []
    atoms = 0
    for k in np.random.default_rng(SEED).permutation(len(structures)):
        chosen.append(structures[k])
        atoms += len(structures[k])
        if atoms >= QUESTS_ATOMS:
            break
    return chosen, atoms


def per_candidate(rounds: pd.DataFrame) -> dict[str, float]:
    """Return the median CPU time of the merge per candidate, in the first and the last tenth of the rounds [ms]."""
    times = 1000 * rounds.cpu_merge / rounds.candidates
    tenth = max(1, len(times) // 10)
    return {"first_tenth": float(times[:tenth].median()), "last_tenth": float(times[-tenth:].median())}


def plot(table: pd.DataFrame, path: Path) -> None:
    """Draw time per structure, H and QUESTS entropy against the number of structures."""
    with figure(path, table) as axes:
        mean = table.cpu_seconds_per_structure.mean()
        axes.semilogx(
            table.structures, 100 * table.cpu_seconds_per_structure / mean, "o-", color=VERMILION, label="CPU time"
        )
        axes.axhspan(80, 120, color=VERMILION, alpha=0.1, lw=0)
        axes.set(xlabel="structures", ylabel="CPU time per structure [% of mean]", ylim=(0, 200))
        right = axes.twinx()
        right.semilogx(table.structures, table.h_nats, "s-", color=BLUE, label="H")
        right.semilogx(table.structures, table["quests_0.06_nats"], "^-", color=GREEN, label="QUESTS, 0.06")
        right.grid(visible=False)
        right.set_ylabel("entropy [nats]")
        lines = axes.get_lines()[:1] + right.get_lines()
        axes.legend(lines, [str(line.get_label()) for line in lines], loc="upper left")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["run", "report"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--structures", type=int, default=20_000)
    parser.add_argument("--steps", type=int, default=OptimiserSettings().steps)
    parser.add_argument("--harvests", type=int, default=OptimiserSettings().harvests)
    arguments = parser.parse_args()
    if arguments.command == "run":
        options = OptimiserSettings(steps=arguments.steps, harvests=arguments.harvests)
        settings = LibrarySettings(source="made", cells=CellSettings(atoms=[1, 8]), optimiser=options)
        run(arguments.folder, arguments.structures, settings)
    else:
        report(arguments.folder)


if __name__ == "__main__":
    main()
