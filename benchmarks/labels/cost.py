"""CPU seconds and memory of one label at the production level: a check of the estimates in docs/production.md.

    OMP_NUM_THREADS=1 python -m benchmarks.labels.cost                                           # 20 CPU minutes
    OMP_NUM_THREADS=1 python -m benchmarks.labels.cost --elements Al --atoms 2 --kspacing 0.25   # all k-points

Random cells relaxed on the soft core (the seeds of the library), one per size, at the geometric mean of the element's
range of volumes, with the cutoff and smearing of `level: standard`. The time of a plane-wave label is a constant and
one proportional to its k-points, so that few of them (coarse --kspacing) tell much. CPU time in a process of its own,
not wall time: a busy machine does not matter. Every measurement becomes a row of docs/results/label_cost.json, in
place of an earlier one of the same element, size and k-spacing; `production.py` predicts each of them.
"""

import argparse
import json
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from benchmarks.common import RESULTS, campaign_settings, cpu_seconds, in_own_process, peak_megabytes
from entromax.config.models import CellSettings, ElementSettings, Settings
from entromax.entropy.seeding import relaxed_seeds
from entromax.labels.engines import load_engine
from entromax.labels.engines.base import compact, kpoint_mesh
from entromax.runtime import provenance, write_json
from entromax.structures import scale_structure

RESULT = RESULTS / "label_cost.json"
ELEMENTS = ("Al", "Be", "W", "Re", "Os", "C", "Sb", "Te")
SEED = 2026


def element_settings(symbol: str) -> ElementSettings:
    """Return an element as config/elements has it: GPAW at level standard."""
    return campaign_settings({"elements": [symbol]}).elements[symbol]


def sample(symbol: str, settings: ElementSettings, atoms: int) -> Atoms:
    """Return one random cell of the element in the middle of its range of volumes."""
    v = float(np.sqrt(np.prod(settings.volume)))
    cells = CellSettings(atoms=[atoms, atoms], volume=[0.9 * v, 1.1 * v])
    (seed,) = relaxed_seeds(1, cells, np.random.default_rng([SEED, atoms]), steps=200)
    return scale_structure(seed, symbol, settings.d_nn)


def irreducible(cell: np.ndarray, kspacing: float) -> int:
    """Return the k-points of a cell [3, 3] without symmetry: k and -k are one, but for those that are both."""
    mesh = np.array(kpoint_mesh(cell, kspacing))
    return int((mesh.prod() + np.where(mesh % 2 == 0, 2, 1).prod()) // 2)


def label_once(atoms: Atoms, reference: Settings) -> dict[str, float]:
    """Label one structure in this process; return CPU seconds, memory [MB] beyond that at the start, and SCF steps."""
    engine = load_engine(reference)  # imported beforehand, as by a worker
    base = peak_megabytes()
    with tempfile.TemporaryDirectory() as folder:
        before = cpu_seconds()
        label = engine.label(atoms, reference, 0, Path(folder, "log.txt"))
        cpu = cpu_seconds() - before
    return {"seconds": cpu, "memory_mb": peak_megabytes() - base, "iterations": label.iterations or 0}


def measure(symbol: str, count: int, kspacing: float) -> dict[str, Any]:
    """Return the row of one element, size and k-spacing [1/Å]."""
    settings = element_settings(symbol)
    atoms = sample(symbol, settings, count)
    reference = settings.reference.model_copy(update={"kspacing": kspacing})
    cost = in_own_process(label_once, atoms, reference)
    return {
        "element": symbol,
        "atoms": count,
        "kspacing": kspacing,
        "ecut": reference.model_dump()["ecut"],
        "volume": round(float(atoms.get_volume()) / count, 2),
        "kpoints": irreducible(compact(atoms).cell.array, kspacing),
        "iterations": cost["iterations"],
        "cpu_s": round(cost["seconds"], 2),
        "memory_mb": round(cost["memory_mb"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elements", nargs="+", default=list(ELEMENTS), choices=list(ELEMENTS))
    parser.add_argument("--atoms", nargs="+", type=int, default=[4, 8])
    parser.add_argument("--kspacing", nargs="+", type=float, default=[0.9], help="1/Å")
    arguments = parser.parse_args()
    for symbol, count, kspacing in product(arguments.elements, arguments.atoms, arguments.kspacing):
        row = measure(symbol, count, kspacing)
        print(row, flush=True)
        known = json.loads(RESULT.read_text())["rows"] if RESULT.exists() else []
        rows = sorted([row, *(one for one in known if place(one) != place(row))], key=place)
        write_json(RESULT, {"rows": rows, "provenance": provenance(config="", seed=SEED)})


def place(row: dict[str, Any]) -> tuple[int, int, float]:
    """Return where a row belongs in the table."""
    return ELEMENTS.index(row["element"]), row["atoms"], row["kspacing"]


if __name__ == "__main__":
    main()
