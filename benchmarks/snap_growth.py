"""Fit time and memory of SNAP against the number of training structures; written to docs/results/snap_growth.json.

    python benchmarks/snap_growth.py [--numbers 1000 5000 20000] [--twojmax 6] [--json docs/results/snap_growth.json]

Structures are random cells of 1 to 4 atoms without overlaps, labelled with EMT. Every number runs in processes of its
own: one that only reads the training set (what the structures themselves take) and one that reads and fits. Run with
OMP_NUM_THREADS=1.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.emt import EMT

from entromax.config.models import CellSettings, SeedSettings
from entromax.entropy.seeding import relaxed_seeds
from entromax.potentials import train_potential
from entromax.potentials.snap import SnapSettings
from entromax.runtime import provenance, write_json
from entromax.structures import read_structures, scale_structure, write_structures

D_NN = 2.86


def labelled(atoms: Atoms, kind: str = "library") -> Atoms:
    """Return a structure with its EMT label."""
    calculated = atoms.copy()
    calculated.calc = EMT()
    atoms.info |= {"REF_energy": calculated.get_potential_energy(), "REF_stress": calculated.get_stress()}
    atoms.info["config_type"] = kind
    atoms.arrays["REF_forces"] = calculated.get_forces()
    return atoms


def training_set(path: Path, n: int) -> None:
    """Write ``n`` labelled structures and the free atom."""
    rng, cells = np.random.default_rng(0), CellSettings(atoms=[1, 4], volume=[0.6, 1.6])
    made = [atoms for _ in range(0, n, 500) for atoms in relaxed_seeds(500, cells, rng, 60, SeedSettings())][:n]
    free = labelled(Atoms("Al", cell=[20.0] * 3, pbc=True), "isolated_atom")
    write_structures(path, [free, *(labelled(scale_structure(atoms, "Al", D_NN)) for atoms in made)])


def measure(path: Path, twojmax: int, fit: bool) -> dict[str, float]:
    """Read, and fit when told to, in this process; return CPU seconds and the largest resident memory [MB]."""
    started = time.process_time()
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
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu_s": round(time.process_time() - started, 2), "peak_mb": round(memory, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, nargs="+", default=[1000, 5000, 20000])
    parser.add_argument("--twojmax", type=int, default=6)
    parser.add_argument("--json", type=Path, default=Path("docs/results/snap_growth.json"))
    parser.add_argument("--one", nargs=2, metavar=("FILE", "WHAT"), help="measure this one here and print it")
    arguments = parser.parse_args()
    if arguments.one:
        path, what = arguments.one
        print("ROW " + json.dumps(measure(Path(path), arguments.twojmax, what == "fit")))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        training_set(Path(folder) / "all.extxyz", max(arguments.numbers))
        structures = read_structures(Path(folder) / "all.extxyz")
        for n in sorted(arguments.numbers):
            path = Path(folder) / f"{n}.extxyz"
            write_structures(path, structures[: n + 1])
            row: dict[str, object] = {"structures": n, "atoms": sum(map(len, structures[1 : n + 1]))}
            for what in ("read", "fit"):
                command = [sys.executable, __file__, "--twojmax", str(arguments.twojmax), "--one", str(path), what]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                row[what] = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("ROW "))[4:])
            rows.append(row)
            print(json.dumps(row), flush=True)
    found = {"model": f"snap 2J={arguments.twojmax}, linear", "rows": rows}
    write_json(arguments.json, found | {"provenance": provenance(config="", seed=0)})


if __name__ == "__main__":
    main()
