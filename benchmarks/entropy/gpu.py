"""The entropy engine on a GPU (or any device of torch): `docs/results/gpu.json`.

    python -m benchmarks.entropy.gpu --json docs/results/gpu.json                # on a machine with a GPU
    python -m benchmarks.entropy.gpu --device cpu --atoms 2000 --structures 32 --library 100 --seeds 1

1. Atom-gradients per second at 2J = 8 in float64 and float32: features and their adjoint for many random cells at
   once, with what the matrix products of them come to in floating point operations.
2. A library of `--library` structures, in rounds of one batch of `--structures` and a merge, as the campaign makes it:
   accepted structures per second, seeds and files included, and time and memory of the whole.
3. Share of the wall time by stage, with the device waited for at every change of stage.
4. H of the dataset after one round on the device less that on the CPU, for several seeds, with the spread over seeds.

All times are wall times: the machine should do nothing else.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.entropy.features import random_batch
from benchmarks.entropy.stages import Stopwatch
from entromax.config.models import CellSettings, LibrarySettings, OptimiserSettings
from entromax.entropy.rounds import choose_device, found_gpu, maximise_batch, merge_round, reference_sample
from entromax.entropy.strata import DatasetState
from entromax.features import Batch, build, fuse
from entromax.features.slots import SlottedNeighbours
from entromax.runtime import provenance, write_json


def finished(device: torch.device) -> float:
    """Return the wall time at which all work given to the device is done [s]."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def atom_gradients(
    device: torch.device, atoms: int, repeats: int, max_pairs: int, *, compiled: bool
) -> dict[str, dict[str, Any]]:
    """Return atom-gradients per second in both precisions, and Gflop of matrix products per second with them."""
    sample = random_batch(64, seed=0)
    count = max(1, round(atoms / sum(map(len, sample))))
    structures = [cell for seed in range(min(count, 16)) for cell in random_batch(64, seed)]
    structures = (structures * (count // 16 + 1))[: 64 * count]
    batch = Batch.from_atoms(structures, torch.float64, device)
    slots = SlottedNeighbours(2.0, 0.0, 1, 0.0, max_pairs)(batch)
    rates = {}
    for name in ("float64", "float32"):
        features = build(LibrarySettings().features, getattr(torch, name), device)
        fused = compiled and fuse(features)
        adjoint = torch.ones(batch.n_atoms, features.dim, dtype=features.dtype, device=device)

        def once(features: Any = features, adjoint: Any = adjoint) -> None:
            for part in slots.parts:
                vectors = slots.vectors[part.slots].to(features.dtype).requires_grad_()
                values = features(vectors, part.centre, part.atoms.stop - part.atoms.start)
                torch.autograd.grad(values, vectors, adjoint[part.atoms])

        with FlopCounterMode(display=False) as counted:
            once()
        times = [_wall(once, device) for _ in range(repeats)]
        rates[name] = {
            "atom_gradients_per_s": batch.n_atoms / float(np.median(times)),
            "atom_gradients_per_s_lowest": batch.n_atoms / max(times),
            "matrix_gflop_per_s": counted.get_total_flops() / float(np.median(times)) / 1e9,
            "matrix_flop_per_atom": counted.get_total_flops() / batch.n_atoms,
            "compiled": fused,
        }
        print(name, rates[name], flush=True)
    return rates


def _wall(function: Callable[[], None], device: torch.device) -> float:
    begin = finished(device)
    function()
    return finished(device) - begin


def grow(settings: LibrarySettings, seed: int, wanted: int, folder: Path) -> dict[str, Any]:
    """Make a library of at least so many structures, or of one round when 0; return what it took."""
    begin = time.perf_counter()
    reference_sample(settings, seed=seed, structures=folder / "random.extxyz", state=folder / "state.npz")
    sampled, number, rounds = time.perf_counter() - begin, 0, []
    while True:
        number += 1
        start = time.perf_counter()
        maximise_batch(
            settings,
            state=folder / "state.npz",
            seed=seed,
            round=number,
            batch=1,
            structures=folder / "candidates.extxyz",
            trace=folder / "trace.csv",
        )
        middle = time.perf_counter()
        merge_round(
            settings,
            state=folder / "state.npz",
            candidates=[folder / "candidates.extxyz"],
            structures=folder / "accepted.extxyz",
            new_state=folder / "state.npz",
            summary=folder / "summary.json",
        )
        state = DatasetState.load(folder / "state.npz")
        rounds.append(
            {
                "structures": state.structures,
                "h": state.h(),
                "batch_s": middle - start,
                "merge_s": time.perf_counter() - middle,
            }
        )
        print(rounds[-1], flush=True)
        if state.structures >= wanted:
            break
    spent = sum(r["batch_s"] + r["merge_s"] for r in rounds)
    return {"sample_s": sampled, "s": spent, "accepted_per_s": state.structures / spent, "rounds": rounds}


def on(settings: LibrarySettings, device: str) -> LibrarySettings:
    """Return the settings with another device."""
    return settings.model_copy(update={"optimiser": settings.optimiser.model_copy(update={"device": device})})


def compare_with_cpu(settings: LibrarySettings, seeds: int, folder: Path) -> dict[str, Any]:
    """Return H after one round on the device less that on the CPU, and how much H differs from seed to seed."""
    h = {
        device: [grow(on(settings, device), seed, 0, folder)["rounds"][-1]["h"] for seed in range(1, seeds + 1)]
        for device in ("cpu", settings.optimiser.device)
    }
    difference = np.subtract(h[settings.optimiser.device], h["cpu"])
    return {
        "mean": float(difference.mean()),
        "of_each_seed": difference.tolist(),
        "spread_over_seeds_on_cpu": float(np.std(h["cpu"])),
    }


def peak_gigabytes(device: torch.device) -> dict[str, float]:
    """Return the largest memory taken so far [GB]."""
    taken = {"host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}
    if device.type == "cuda":
        taken["device"] = torch.cuda.max_memory_reserved() / 1e9
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--atoms", type=int, default=100_000, help="in flight for atom-gradients")
    parser.add_argument("--structures", type=int, default=8192, help="per batch of the library")
    parser.add_argument("--library", type=int, default=100_000, help="structures of the whole library")
    parser.add_argument("--compared", type=int, default=64, help="structures of the batch that the CPU makes, too")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--max-pairs", type=int, default=2_000_000)
    parser.add_argument("--plain", action="store_true", help="without compiled kernels")
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    device = choose_device(arguments.device)
    compiled = not arguments.plain
    options = OptimiserSettings(device=arguments.device, max_pairs=arguments.max_pairs, compile=compiled)
    settings = LibrarySettings(
        source="made",
        cells=CellSettings(atoms=[1, 16]),
        optimiser=options,
        structures_per_batch=arguments.structures,
    )
    rates = atom_gradients(device, arguments.atoms, arguments.repeats, arguments.max_pairs, compiled=compiled)
    watch = Stopwatch(lambda: finished(device))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = grow(settings, 1, arguments.library, folder)
        memory = peak_gigabytes(device)
        with watch.running():
            grow(settings, 2, 0, folder)
        small = settings.model_copy(update={"structures_per_batch": arguments.compared})
        difference = compare_with_cpu(small, arguments.seeds, folder)
    result = {
        "device": found_gpu() if device.type == "cuda" else "cpu",
        "atom_gradients_per_s": {
            "fp64": rates["float64"]["atom_gradients_per_s"],
            "fp32": rates["float32"]["atom_gradients_per_s"],
        },
        "accepted_per_s": made["accepted_per_s"],
        "library_structures": made["rounds"][-1]["structures"],
        "library_100k_s": made["s"] if made["rounds"][-1]["structures"] >= 100_000 else None,
        "stages_per_cent": watch.per_cent(),
        "h_difference_from_cpu": difference,
        "features": rates,
        "library": made,
        "peak_gb": memory,
        "options": {key: value for key, value in vars(arguments).items() if key != "json"},
        "provenance": provenance(config="benchmarks/entropy/gpu.py", seed=1),
    }
    if arguments.json:
        write_json(arguments.json, result)
    print({key: result[key] for key in ("device", "atom_gradients_per_s", "accepted_per_s", "stages_per_cent")})


if __name__ == "__main__":
    main()
