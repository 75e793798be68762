"""Speed of the entropy engine on one core, every contestant in turns in one run, in CPU time.

    python -m benchmarks.entropy.speed --json docs/results/entropy_speed.json

1. Atom-gradients: values and one gradient pulled back to positions and cell of 64 structures, against LAMMPS' computes.
2. Accepted structures: a batch (seeds, joint optimisation, greedy merge) against the same seeds one after the other
   (`rivals/sequential_route.py`), both on one and the same state of the dataset; H at equal numbers of structures in
   every stratum of v*, the best first of the batch.
3. Where the time of the batch goes (`stages.py`).
4. L-BFGS against FIRE: H reached in CPU seconds (`movers.py`).
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from ase import Atoms

from benchmarks.common import seconds
from benchmarks.entropy.features import LammpsComputes, LammpsPair, our_calls, random_batch
from benchmarks.entropy.movers import compare_movers
from benchmarks.entropy.stages import Stopwatch
from benchmarks.rivals.lammps_descriptors import LammpsDescriptors
from benchmarks.rivals.sequential_route import EntropyCalculator, Sequential, grow_one_by_one
from entromax.config.models import CellSettings, EntropySettings, LibrarySettings, OptimiserSettings, SeedSettings
from entromax.entropy import rounds
from entromax.entropy.strata import DatasetState
from entromax.features import build, fuse
from entromax.runtime import provenance, write_json
from entromax.structures.io import read_structures

POTMILL_SECONDS = 4.1
"""CPU seconds of PotMill per accepted structure of 2-25 atoms at 2J = 8, measured earlier, not in this run."""

VARIANTS = {
    "default": OptimiserSettings(),
    "default, compiled": OptimiserSettings(compile=True),
    "default, float64": OptimiserSettings(precision="float64"),
    "40 steps, one harvest": OptimiserSettings(steps=40, harvests=1),
    "60 steps, nine harvests": OptimiserSettings(steps=60, harvests=9),
    "60 steps, nine harvests, compiled": OptimiserSettings(steps=60, harvests=9, compile=True),
}
DEFAULT = "default"


@dataclass
class Outcome:
    """One route on one set of seeds: CPU seconds, accepted structures of every stratum in order."""

    cpu: float
    accepted: list[list[Atoms]]

    @property
    def count(self) -> int:
        """Structures accepted."""
        return sum(map(len, self.accepted))

    @property
    def per_second(self) -> float:
        """Accepted structures per core-second."""
        return self.count / self.cpu


def atom_gradients(repeats: int) -> dict[str, list[float]]:
    """Atoms per core-second of every contestant and repeat."""
    structures = random_batch(64, seed=0)
    double, searching = our_calls(structures, 8, torch.float64)
    single, _ = our_calls(structures, 8, torch.float32)
    compiled, _ = our_calls(structures, 8, torch.float32, compiled=True)
    computes, pair = LammpsComputes(structures, 8), LammpsPair(structures, 8)
    contestants = {
        "ours": lambda: seconds(double),
        "ours with neighbour search": lambda: seconds(searching),
        "ours float32": lambda: seconds(single),
        "ours float32 compiled": lambda: seconds(compiled),
        "lammps sna + snad": computes.seconds,
        "lammps pair snap": pair.seconds,
    }
    atoms = sum(map(len, structures))
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats + 1):
        for name, contestant in contestants.items():
            rate = atoms / contestant()
            if turn:
                rates[name].append(rate)
    computes.close()
    pair.close()
    return rates


def batch_route(
    settings: LibrarySettings, state: Path, number: int, seed: int, folder: Path
) -> tuple[Outcome, list[list[Atoms]], float]:
    """Run the two jobs of a round; also return the seeds of every stratum and the CPU seconds that they took."""
    seeds: list[list[Atoms]] = []
    spent = 0.0
    draw = rounds.relaxed_seeds

    def recorded(*arguments: Any) -> list[Atoms]:
        nonlocal spent
        begin = time.process_time()
        seeds.append(draw(*arguments))
        spent += time.process_time() - begin
        return seeds[-1]

    candidates, shard = folder / "candidates.extxyz", folder / "accepted.extxyz"
    begin = time.process_time()
    with patch.object(rounds, "relaxed_seeds", recorded):
        rounds.maximise_batch(
            settings,
            state=state,
            seed=seed,
            round=number,
            batch=1,
            structures=candidates,
            trace=folder / "trace.csv",
        )
    rounds.merge_round(
        settings,
        state=state,
        candidates=[candidates],
        structures=shard,
        new_state=folder / "next.npz",
        summary=folder / "summary.json",
    )
    cpu = time.process_time() - begin
    start = DatasetState.load(state)
    accepted: list[list[Atoms]] = [[] for _ in start.parts]
    for atoms in read_structures(shard):
        accepted[start.stratum([atoms.info["v_star"]])[0]].append(atoms)
    return Outcome(cpu, accepted), seeds, spent


def sequential_route(
    settings: LibrarySettings, state: DatasetState, seeds: list[list[Atoms]], spent: float, options: Sequential
) -> tuple[Outcome, dict[str, int]]:
    """Relax the same seeds one by one; their making (`spent` seconds) is charged, too."""
    cpu, accepted, attempts, calls = spent, [], 0, 0
    for k, (part, own) in enumerate(zip(state.parts, seeds, strict=True)):
        volume = state.edges[k : k + 2]
        begin = time.process_time()
        grown = grow_one_by_one(own, part, len(own), volume, settings.cells, settings.features, options)
        cpu += time.process_time() - begin
        blocks, _ = rounds.structure_blocks(grown.structures, state, build(settings.features))
        if abs(part.add(blocks).h() - grown.state.h()) > 1e-6:
            raise RuntimeError(f"stratum {k}: LAMMPS and our features give different H; the comparison would be void")
        accepted.append(grown.structures)
        attempts += grown.attempts
        calls += grown.calls
    return Outcome(cpu, accepted), {"attempts": attempts, "evaluations": calls}


def entropy_at(
    counts: Sequence[int], accepted: list[list[Atoms]], start: DatasetState, settings: LibrarySettings
) -> tuple[float, int]:
    """Return H of the start state with the first structures of every stratum, and how many environments they have."""
    chosen = [atoms for own, count in zip(accepted, counts, strict=True) for atoms in own[:count]]
    blocks, strata = rounds.structure_blocks(chosen, start, build(settings.features))
    return start.add(blocks, strata).h(), sum(map(len, chosen))


def seconds_per_evaluation(
    seeds: list[list[Atoms]], state: DatasetState, settings: LibrarySettings, repeats: int
) -> dict[str, float]:
    """Median CPU seconds of H and its gradient of one structure, by the ways of `sequential_route`, in turns."""
    times: dict[str, list[float]] = {"computes": [], "adjoint": []}
    with tempfile.TemporaryDirectory() as folder:
        for k, own in enumerate(seeds):
            for atoms in own[:4]:
                for way in times:
                    descriptors = LammpsDescriptors(len(atoms), settings.features, way, Path(folder))
                    volume = state.edges[k : k + 2]
                    calculator = EntropyCalculator(descriptors, state.parts[k], settings.cells, volume)
                    calculator.entropy(atoms)
                    times[way].append(
                        float(np.median([seconds(partial(calculator.entropy, atoms)) for _ in range(repeats)]))
                    )
                    descriptors.close()
    return {way: float(np.mean(values)) for way, values in times.items()}


def with_optimiser(settings: LibrarySettings, variant: str) -> LibrarySettings:
    """Return settings with another optimiser."""
    return settings.model_copy(update={"optimiser": VARIANTS[variant]})


def compare(settings: LibrarySettings, repeats: int, options: Sequential, seed: int) -> dict[str, Any]:
    """Everything of part 2 and 3: a start state, then all routes in turns."""
    results: list[dict[str, Any]] = []
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = folder / "state.npz"
        rounds.reference_sample(settings, seed=seed, structures=folder / "random.extxyz", state=start)
        for warm_up in (1, 2):
            batch_route(settings, start, warm_up, seed, folder)
            (folder / "next.npz").replace(start)
        state = DatasetState.load(start)
        for variant in VARIANTS:  # compiling for this machine happens once, before anything is timed
            chosen = with_optimiser(settings, variant).optimiser
            if chosen.compile:
                fuse(build(settings.features, getattr(torch, chosen.precision)))
        for turn in range(repeats):
            made = {}
            for variant in VARIANTS:
                chosen = with_optimiser(settings, variant)
                made[variant], seeds, spent = batch_route(chosen, start, 3 + turn, seed, folder)
            sequential, counts = sequential_route(settings, state, seeds, spent, options)
            for variant, outcome in made.items():
                common = [min(len(a), len(b)) for a, b in zip(outcome.accepted, sequential.accepted, strict=True)]
                h_batch, rows_batch = entropy_at(common, outcome.accepted, state, settings)
                h_sequential, rows_sequential = entropy_at(common, sequential.accepted, state, settings)
                results.append(
                    {
                        "repeat": turn,
                        "variant": variant,
                        "cpu_batch": outcome.cpu,
                        "accepted_batch": outcome.count,
                        "structures_per_core_second": outcome.per_second,
                        "cpu_sequential": sequential.cpu,
                        "accepted_sequential": sequential.count,
                        **{f"sequential_{key}": value for key, value in counts.items()},
                        "ratio": outcome.per_second / sequential.per_second,
                        "compared_structures": sum(common),
                        "environments_batch": rows_batch,
                        "environments_sequential": rows_sequential,
                        "h_batch": h_batch,
                        "h_sequential": h_sequential,
                    }
                )
                print(results[-1], flush=True)
        evaluation = seconds_per_evaluation(seeds, state, settings, 3)
        with watch.running():
            batch_route(settings, start, 3, seed, folder)
        every_other = [atoms for own in seeds for atoms in own[::2]]
        return {
            "start": {"structures": state.structures, "environments": state.n, "h": state.h()},
            "runs": results,
            "sequential_seconds_per_evaluation": evaluation,
            "stages_per_cent": watch.per_cent(),
            "movers": compare_movers(every_other, state, settings),
        }


def summary(rates: dict[str, list[float]], compared: dict[str, Any]) -> dict[str, Any]:
    """Medians and ranges; the ratios are taken inside each repeat."""
    against = [a / b for a, b in zip(rates["ours"], rates["lammps sna + snad"], strict=True)]
    adjoint = [a / b for a, b in zip(rates["ours with neighbour search"], rates["lammps pair snap"], strict=True)]
    variants = {}
    for variant in VARIANTS:
        runs = [run for run in compared["runs"] if run["variant"] == variant]
        keys = ("ratio", "structures_per_core_second", "h_batch", "h_sequential", "accepted_batch", "cpu_batch")
        variants[variant] = {key: _range([run[key] for run in runs]) for key in keys}
        variants[variant]["h_batch_minus_sequential"] = _range([run["h_batch"] - run["h_sequential"] for run in runs])
    chosen = variants[DEFAULT]
    way = compared["sequential_seconds_per_evaluation"]
    evaluations = sum(run["sequential_evaluations"] for run in compared["runs"])
    cpu = sum(run["cpu_sequential"] for run in compared["runs"])
    slower = 1 + evaluations * (way["computes"] - way["adjoint"]) / cpu
    return {
        "ratio_vs_lammps": float(np.median(against)),
        "ratio_vs_lammps_range": _range(against),
        "ratio_vs_lammps_pair_snap": _range(adjoint),
        "ratio_vs_sequential": chosen["ratio"]["median"],
        "ratio_vs_sequential_if_snad_snav": chosen["ratio"]["median"] * slower,
        "h_batch": chosen["h_batch"]["median"],
        "h_sequential": chosen["h_sequential"]["median"],
        "structures_per_core_second": chosen["structures_per_core_second"]["median"],
        "variants": variants,
        "potmill_cpu_seconds_per_accepted_not_of_this_run": POTMILL_SECONDS,
        "ratio_vs_potmill_literature": chosen["structures_per_core_second"]["median"] * POTMILL_SECONDS,
        "atoms_per_core_second": {name: _range(values) for name, values in rates.items()},
    }


def _range(values: Sequence[float]) -> dict[str, float]:
    return {"median": float(np.median(values)), "lowest": float(min(values)), "highest": float(max(values))}


def show(result: dict[str, Any]) -> None:
    """Print the tables."""
    print("\n| atom-gradients | per core-second (range) |\n|---|---|")
    for name, r in result["atoms_per_core_second"].items():
        print(f"| {name} | {r['median']:.0f} ({r['lowest']:.0f} - {r['highest']:.0f}) |")
    print(f"\nratio to sna + snad {result['ratio_vs_lammps']:.2f}")
    print("\n| batch | accepted per core-second | ratio to sequential (range) | H batch | H sequential |")
    print("|---|---|---|---|---|")
    for name, row in result["variants"].items():
        ratio = row["ratio"]
        print(
            f"| {name} | {row['structures_per_core_second']['median']:.2f} | {ratio['median']:.1f} "
            f"({ratio['lowest']:.1f} - {ratio['highest']:.1f}) | {row['h_batch']['median']:.2f} "
            f"| {row['h_sequential']['median']:.2f} |"
        )
    print(f"\ndefault, if the rival used snad + snav (estimate): {result['ratio_vs_sequential_if_snad_snav']:.1f}")
    print("\n| mover | step | CPU s | H |\n|---|---|---|---|")
    for row in result["movers"]:
        print(f"| {row['mover']} | {row['step']} | {row['cpu_seconds']:.1f} | {row['h_nats']:.2f} |")
    print("\n| stage | per cent of the batch |\n|---|---|")
    for stage, share in result["stages_per_cent"].items():
        print(f"| {stage} | {share:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--structures", type=int, default=64, help="structures per batch")
    parser.add_argument("--sequential-steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = LibrarySettings(
        source="made",
        cells=CellSettings(atoms=[2, 25]),
        seeds=SeedSettings(sizes="uniform"),
        entropy=EntropySettings(worth=1),  # both routes take what raises H
        structures_per_batch=arguments.structures,
    )
    options = Sequential(steps=arguments.sequential_steps)
    rates = atom_gradients(arguments.repeats + 2)
    compared = compare(settings, arguments.repeats, options, arguments.seed)
    result = summary(rates, compared) | compared
    result["options"] = {"repeats": arguments.repeats, "structures": arguments.structures, "sequential": vars(options)}
    result["provenance"] = provenance(config="benchmarks/entropy/speed.py", seed=arguments.seed)
    show(result)
    if arguments.json:
        write_json(arguments.json, result)


if __name__ == "__main__":
    main()
