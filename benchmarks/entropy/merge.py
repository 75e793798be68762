"""What the choice among very many candidates costs: merge and order of up to 100 000, in CPU time and memory.

    python -m benchmarks.entropy.merge --numbers 1000 10000 100000 --json docs/results/merge.json

Candidates are the shipped library's structures of 1-8 atoms, again and again with other displacements (normal,
0.05 d_nn) until there are enough: real environments, hardly two of them alike. They join a dataset of 500 random cells
in four strata. Each number is measured in a process of its own.
"""

import argparse
import os
from functools import partial
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from ase import Atoms

from benchmarks.common import in_own_process, peak_megabytes, seconds
from entromax.config.models import CellSettings, LibrarySettings
from entromax.entropy.ordering import SAME, d_optimal_order, prefix_entropies
from entromax.entropy.rounds import structure_blocks
from entromax.entropy.seeding import relaxed_seeds
from entromax.entropy.selection import accept, distinct
from entromax.entropy.state import EntropyState
from entromax.entropy.strata import DatasetState, log_edges
from entromax.features import build, evaluate
from entromax.runtime import provenance, write_json
from entromax.structures.shipped import read_library

SETTINGS = LibrarySettings(source="made", cells=CellSettings(atoms=[1, 8]))
SEED = 1
DISPLACEMENT = 0.05
START = 500


def candidates(number: int) -> list[Atoms]:
    """Return displaced structures of the shipped library."""
    rng = np.random.default_rng(SEED)
    library = read_library(1).select([1, 8])
    made = []
    for k in range(number):
        atoms = library[k % len(library)].copy()
        atoms.positions += rng.normal(0, DISPLACEMENT, atoms.positions.shape)
        strain = rng.normal(0, DISPLACEMENT, (3, 3))
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + (strain + strain.T) / 2), scale_atoms=True)
        made.append(atoms)
    return made


def measure(number: int) -> dict[str, Any]:
    """Return CPU seconds of every part and the peak memory, for so many candidates."""
    torch.set_num_threads(1)
    features = build(SETTINGS.features, torch.float32)
    random = relaxed_seeds(START, SETTINGS.cells, np.random.default_rng(SEED), 60)
    sizes = np.array([len(atoms) for atoms in random])
    part = EntropyState.from_reference(evaluate(random, features), sizes, SETTINGS.entropy.eps, "atoms", "benchmark")
    empty = DatasetState(log_edges(SETTINGS.cells.volume, 4), (part,) * 4)
    start = empty.add(*structure_blocks(random, empty, features))
    found: dict[str, Any] = {}

    def timed(name: str, function: Any) -> None:
        result[f"{name}_s"] = seconds(lambda: found.update({name: function()}))
        result["peak_mb"] = peak_megabytes()
        print(number, name, f"{result[f'{name}_s']:.1f} s", flush=True)

    result: dict[str, Any] = {"candidates": number}
    timed("features", lambda: structure_blocks(candidates(number), start, features))
    blocks, strata = found["features"]
    result["environments"] = sum(map(len, blocks))
    timed("merge", lambda: accept(blocks, strata, start, SETTINGS.entropy.worth))
    order, _, end = found["merge"]
    result |= {"accepted": len(order), "h_before": start.h(), "h_after": end.h()}
    timed("repeats", lambda: distinct(blocks, strata, SAME))
    timed("order", lambda: d_optimal_order(blocks, strata, empty))
    timed("prefixes", partial(prefix_entropies, blocks, strata, empty, found["order"]))
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    rows = []
    for number in arguments.numbers:
        rows.append(in_own_process(measure, number))
        if arguments.json:
            origin = provenance(config="benchmarks/entropy/merge.py", seed=SEED)
            write_json(arguments.json, {"numbers": rows, "provenance": origin})


if __name__ == "__main__":
    main()
