"""Speed of the bispectrum and its gradient against LAMMPS, one thread each, interleaved in one run.

Ours: values of all components and, from one scalar made of them, the gradient in positions and cells (what an entropy
optimiser needs), with and without the neighbour search. LAMMPS: `compute sna/atom` + `compute snad/atom` (the same
values and the gradients of every component; the time of the computes alone), and, as the stronger opponent where only
the gradient of a linear combination is wanted, the adjoint of `pair_style snap` (a whole `run 0`, search included).

    python -m benchmarks.entropy.features [--repeats 5] [--json FILE]

The last table is in wall time and needs a quiet machine: one thread against two.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from benchmarks.common import seconds
from entromax.features import Batch, batch_features, find_pairs
from entromax.features.bispectrum import Bispectrum
from entromax.runtime import provenance, write_json
from tests.support.lammps_snap import settings, start

CUTOFF = 2.0


def random_batch(count: int, seed: int) -> list[Atoms]:
    """Random cells as in a library: 1-32 atoms, reduced volumes 0.5-3.5 per atom."""
    rng = np.random.default_rng(seed)
    structures = []
    for n in rng.integers(1, 33, size=count):
        cell = np.eye(3) + 0.2 * rng.normal(size=(3, 3))
        cell *= (n * rng.uniform(0.5, 3.5) / abs(np.linalg.det(cell))) ** (1 / 3)
        structures.append(Atoms(f"H{n}", cell=cell, positions=rng.random((n, 3)) @ cell, pbc=True))
    return structures


def crystal(repeat: int) -> list[Atoms]:
    """One rattled fcc supercell: the case with the least overhead for LAMMPS."""
    atoms = bulk("H", "fcc", a=2**0.5, cubic=True) * (repeat, repeat, repeat)
    atoms.rattle(0.05, seed=0)
    return [atoms]


def our_calls(
    structures: list[Atoms], twojmax: int, dtype: torch.dtype, *, compiled: bool = False
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Values + gradient with given pairs, and with a neighbour search before.

    Raises:
        RuntimeError: they were to be compiled, and could not.
    """
    features = Bispectrum(CUTOFF, twojmax, dtype=dtype)
    if compiled and not features.fuse():
        raise RuntimeError("features could not be compiled: see the warning above")
    batch = Batch.from_atoms(structures, dtype)
    pairs = find_pairs(batch, CUTOFF)
    weights = torch.randn(batch.n_atoms, features.dim, dtype=dtype)

    def evaluate(search: bool) -> None:
        found = find_pairs(batch, CUTOFF) if search else pairs
        positions, cells = batch.positions.clone().requires_grad_(), batch.cells.clone().requires_grad_()
        values = batch_features(Batch(positions, cells, batch.system), features, found)
        torch.autograd.grad((values * weights).sum(), (positions, cells))

    return lambda: evaluate(False), lambda: evaluate(True)


class LammpsComputes:
    """One LAMMPS per structure with both computes."""

    def __init__(self, structures: list[Atoms], twojmax: int) -> None:
        self.runs = []
        for atoms in structures:
            run, _ = start(atoms, CUTOFF)
            run.command(f"compute b all sna/atom {settings(CUTOFF, twojmax)}")
            run.command(f"compute d all snad/atom {settings(CUTOFF, twojmax)}")
            self.runs.append(run)

    def seconds(self) -> float:
        """CPU time inside the computes; the set-up of every run is left out."""
        total = 0.0
        for run in self.runs:
            run.command("run 0 post no")
            total += seconds(lambda run=run: [run.extract_compute(name, 1, 2) for name in "bd"])
        return total

    def close(self) -> None:
        """End every LAMMPS."""
        for run in self.runs:
            run.close()


class LammpsPair:
    """One LAMMPS per structure with a linear SNAP potential of random coefficients."""

    def __init__(self, structures: list[Atoms], twojmax: int) -> None:
        count = Bispectrum(CUTOFF, twojmax).dim + 1
        self.runs = []
        with tempfile.TemporaryDirectory() as folder:
            coefficients, parameters = Path(folder) / "x.snapcoeff", Path(folder) / "x.snapparam"
            lines = [f"{value:.6f}" for value in np.random.default_rng(0).normal(size=count)]
            coefficients.write_text("\n".join([f"1 {count}", "X 0.5 1.0", *lines]) + "\n")
            parameters.write_text(f"rcutfac {CUTOFF}\ntwojmax {twojmax}\nrfac0 0.99363\nrmin0 0\nbzeroflag 0\n")
            for atoms in structures:
                run, _ = start(atoms, CUTOFF)
                run.command("pair_style snap")
                run.command(f"pair_coeff * * {coefficients} {parameters} X")
                run.command("run 0 post no")
                self.runs.append(run)

    def seconds(self) -> float:
        """CPU time of energies and forces."""
        return sum(seconds(lambda run=run: run.command("run 0 pre yes post no")) for run in self.runs)

    def close(self) -> None:
        """End every LAMMPS."""
        for run in self.runs:
            run.close()


def measure(structures: list[Atoms], twojmax: int, repeats: int) -> dict[str, float]:
    """Median microseconds per atom of every contestant, measured in turns."""
    plain, searching = our_calls(structures, twojmax, torch.float64)
    single, _ = our_calls(structures, twojmax, torch.float32)
    compiled, _ = our_calls(structures, twojmax, torch.float32, compiled=True)
    computes, pair = LammpsComputes(structures, twojmax), LammpsPair(structures, twojmax)
    contestants: dict[str, Callable[[], float]] = {
        "ours": lambda: seconds(plain),
        "ours + search": lambda: seconds(searching),
        "ours float32": lambda: seconds(single),
        "ours float32 compiled": lambda: seconds(compiled),
        "sna + snad": computes.seconds,
        "pair snap": pair.seconds,
    }
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats + 1):
        for name, contestant in contestants.items():
            elapsed = contestant()
            if turn:
                times[name].append(elapsed)
    computes.close()
    pair.close()
    atoms = sum(map(len, structures))
    return {name: float(np.median(values)) / atoms * 1e6 for name, values in times.items()}


def by_threads(structures: list[Atoms], repeats: int) -> dict[str, float]:
    """Median microseconds of wall time per atom in float32 at 2J = 8 with one thread and with two, in turns."""
    plain, _ = our_calls(structures, 8, torch.float32)
    times: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(repeats + 1):
        for threads, values in times.items():
            torch.set_num_threads(threads)
            begin = time.perf_counter()
            plain()
            if turn:
                values.append(time.perf_counter() - begin)
    torch.set_num_threads(1)
    atoms = sum(map(len, structures))
    return {f"{threads} threads": float(np.median(values)) / atoms * 1e6 for threads, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--twojmax", type=int, nargs="+", default=[2, 4, 6, 8])
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    rows = []
    torch.set_num_threads(1)
    cases = {"64 random cells": random_batch(64, seed=0), "fcc, 500 atoms": crystal(5)}
    header = [
        "structures",
        "pairs/atom",
        "2J",
        "ours",
        "+ search",
        "float32",
        "compiled",
        "sna+snad",
        "pair snap",
        "ratio",
        "ratio adj.",
    ]
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for name, structures in cases.items():
        batch = Batch.from_atoms(structures)
        pairs = len(find_pairs(batch, CUTOFF)) / batch.n_atoms
        for twojmax in arguments.twojmax:
            result = measure(structures, twojmax, repeats)
            rows.append({"structures": name, "pairs_per_atom": pairs, "twojmax": twojmax} | result)
            ratio = result["sna + snad"] / result["ours"]
            adjoint = result["pair snap"] / result["ours + search"]
            cells = [f"{value:.0f}" for value in result.values()]
            print(
                f"| {name} | {pairs:.0f} | {twojmax} | {' | '.join(cells)} | {ratio:.1f} | {adjoint:.2f} |", flush=True
            )
    print("\nMicroseconds of CPU per atom, medians; ratio = sna+snad / ours, ratio adj. = pair snap / (ours + search).")
    threads = {name: by_threads(structures, repeats) for name, structures in cases.items()}
    for name, row in threads.items():
        print(f"{name}, wall: {row['1 threads']:.0f} with one thread, {row['2 threads']:.0f} with two")
    if arguments.json:
        origin = provenance(config="benchmarks/entropy/features.py", seed=0)
        result = {"cpu_microseconds_per_atom": rows, "wall_microseconds_per_atom": threads, "provenance": origin}
        write_json(arguments.json, result)


if __name__ == "__main__":
    main()
