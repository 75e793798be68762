"""Fit time and memory of SNAP against the number of training structures; written to docs/results/snap_growth.json.

    python -m benchmarks.potentials.snap_growth [--numbers 1000 5000 20000] [--twojmax 6] [--json FILE]

Structures are random cells of 1 to 4 atoms without overlaps, labelled with EMT. Every number runs in processes of its
own: one that only reads the training set (what the structures themselves take) and one that reads and fits. Run with
OMP_NUM_THREADS=1.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms

from benchmarks.common import RESULTS, cpu_seconds, in_own_process, peak_megabytes
from entromax.config.models import CellSettings, SeedSettings
from entromax.entropy.seeding import relaxed_seeds
from entromax.potentials import train_potential
from entromax.potentials.snap import SnapSettings
from entromax.runtime import provenance, write_json
from entromax.structures import read_structures, scale_structure, write_structures
from tests.support.emt_cells import D_NN, labelled


def training_set(path: Path, n: int) -> None:
    """Write ``n`` labelled structures and the free atom."""
    rng, cells = np.random.default_rng(0), CellSettings(atoms=[1, 4], volume=[0.6, 1.6])
    made = [atoms for _ in range(0, n, 500) for atoms in relaxed_seeds(500, cells, rng, 60, SeedSettings())][:n]
    free = labelled(Atoms("Al", cell=[20.0] * 3, pbc=True), "isolated_atom")
    write_structures(path, [free, *(labelled(scale_structure(atoms, "Al", D_NN)) for atoms in made)])


def measure(path: Path, twojmax: int, fit: bool) -> dict[str, float]:
    """Read, and fit when told to, in this process; return CPU seconds and the largest resident memory [MB]."""
    started = cpu_seconds()
    if fit:
        with tempfile.TemporaryDirectory() as folder:
            write_structures(Path(folder) / "none.extxyz", [])
            train_potential(
                path,
                Path(folder) / "none.extxyz",
                potential=Path(folder) / "snap",
                element="Al",
                d_nn=D_NN,
                settings=SnapSettings(twojmax=twojmax),
                seed=0,
            )
    else:
        read_structures(path)
    return {"cpu_s": round(cpu_seconds() - started, 2), "peak_mb": round(peak_megabytes(), 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, nargs="+", default=[1000, 5000, 20000])
    parser.add_argument("--twojmax", type=int, default=6)
    parser.add_argument("--json", type=Path, default=RESULTS / "snap_growth.json")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        training_set(Path(folder) / "all.extxyz", max(arguments.numbers))
        structures = read_structures(Path(folder) / "all.extxyz")
        for n in sorted(arguments.numbers):
            path = Path(folder) / f"{n}.extxyz"
            write_structures(path, structures[: n + 1])
            row: dict[str, object] = {"structures": n, "atoms": sum(map(len, structures[1 : n + 1]))}
            for what in ("read", "fit"):
                row[what] = in_own_process(measure, path, arguments.twojmax, what == "fit")
            rows.append(row)
            print(json.dumps(row), flush=True)
    found = {"model": f"snap 2J={arguments.twojmax}, linear", "rows": rows}
    write_json(arguments.json, found | {"provenance": provenance(config="", seed=0)})


if __name__ == "__main__":
    main()
