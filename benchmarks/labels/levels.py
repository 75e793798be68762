r"""Which cutoff and k-spacing the labels of an element need: the errors of the two, measured apart.

    python -m benchmarks.labels.levels Be --sizes 1 2 2 3 --cutoffs 250 300 350 --dense 600 \
        --spacings 0.4 0.3 0.25 --fine 0.18 --ecut 300 --json docs/results/levels.json

A label at a tight level costs minutes, so each error has a reference of its own: cutoffs against a high one on a coarse
mesh, meshes against a fine one at a low cutoff (GPAW, width 0.1 eV for meshes). Structures are the first of the shipped
library with the numbers of atoms asked for. "Noise" is the standard deviation over structures: a constant is no error
of a potential. Labels go through the label store (--store).
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import RESULTS, campaign_settings
from docs.make.pages import read_json
from entromax.config.models import LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines.gpaw import GpawSettings
from entromax.labels.ledger import EV_PER_A3_IN_GPA
from entromax.labels.record import Record
from entromax.labels.run import label_structures
from entromax.runtime import config_hash, provenance, write_json
from entromax.structures.rescale import scale_structure
from entromax.structures.shipped import read_library

LIMITS = LabelSettings(structure_timeout=3600.0, max_force=1e4, min_distance=0.0)
COARSE = {"kspacing": 0.5, "width": 0.2}
WIDTH = 0.1


def noise(records: list[Record], reference: list[Record]) -> dict[str, Any]:
    """Return what sets two levels apart: meV/atom (spread), meV/Å and GPa (root mean squares), CPU seconds."""
    pairs = [(a.atoms(), b.atoms()) for a, b in zip(records, reference, strict=True)]
    energies = [1000 * (a.info["REF_energy"] - b.info["REF_energy"]) / len(a) for a, b in pairs]
    forces = np.concatenate([(a.arrays["REF_forces"] - b.arrays["REF_forces"]).ravel() for a, b in pairs])
    free = np.abs(np.concatenate([b.arrays["REF_forces"].ravel() for _, b in pairs])) > 1e-6  # not zero by symmetry
    stresses = np.concatenate([np.subtract(a.info["REF_stress"], b.info["REF_stress"]) for a, b in pairs])
    return {
        "energy_noise_mev": round(float(np.std(energies, ddof=1)), 1),
        "force_rmse_mev_a": round(1000 * float(np.sqrt(np.mean(forces[free] ** 2))), 1) if free.any() else None,
        "stress_rmse_gpa": round(EV_PER_A3_IN_GPA * float(np.sqrt(np.mean(stresses**2))), 2),
        "cpu_s": [round(record.cpu_seconds or 0.0, 1) for record in records],
    }


def main() -> None:
    """Measure what the command line asks for and add its rows to the file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("element")
    parser.add_argument("--sizes", nargs="+", type=int, default=[1, 2, 2, 3])
    parser.add_argument("--cutoffs", nargs="*", type=float, default=[], help="eV")
    parser.add_argument("--dense", type=float, default=600.0, help="reference of the cutoffs [eV]")
    parser.add_argument("--spacings", nargs="*", type=float, default=[], help="1/Å")
    parser.add_argument("--fine", type=float, default=0.2, help="reference of the meshes [1/Å]")
    parser.add_argument("--ecut", type=float, default=300.0, help="at which meshes are compared [eV]")
    parser.add_argument("--valence", type=int, help="electrons of the PAW data set")
    parser.add_argument("--store", type=Path, default=Path("label_store"))
    parser.add_argument("--json", type=Path, default=RESULTS / "levels.json")
    options = parser.parse_args()
    settings = campaign_settings({"elements": [options.element]}).elements[options.element]
    left = read_library().select((1, max(options.sizes)), (settings.volume[0], settings.volume[1]))
    chosen = []
    for size in options.sizes:
        chosen.append(next(atoms for atoms in left if len(atoms) == size))
        left = [atoms for atoms in left if atoms is not chosen[-1]]
    structures = [scale_structure(atoms, options.element, settings.d_nn) for atoms in chosen]

    def labels(**level: float) -> list[Record]:
        return label_structures(
            structures,
            element=options.element,
            d_nn=settings.d_nn,
            reference=GpawSettings.model_validate(level | {"valence": options.valence}),
            limits=LIMITS,
            budget=LabelBudget(options.store),
        )

    rows: list[dict[str, Any]] = []
    common = {"element": options.element, "atoms": options.sizes, "valence": options.valence}
    if options.cutoffs:
        reference = labels(ecut=options.dense, **COARSE)
        for ecut in options.cutoffs:
            found = noise(labels(ecut=ecut, **COARSE), reference)
            rows.append(common | {"cutoff_ev": ecut, "against": options.dense} | found)
    if options.spacings:
        reference = labels(ecut=options.ecut, kspacing=options.fine, width=WIDTH)
        for kspacing in options.spacings:
            found = noise(labels(ecut=options.ecut, kspacing=kspacing, width=WIDTH), reference)
            rows.append(common | {"kspacing_1_a": kspacing, "against": options.fine} | found)
    known = read_json(options.json).get("rows", [])
    others = [row for row in known if (row["element"], row.get("valence")) != (options.element, options.valence)]
    write_json(
        options.json,
        {
            "rows": [*others, *rows],
            "provenance": provenance(config=config_hash(vars(options) | {"store": "", "json": ""}), seed=0),
        },
    )


if __name__ == "__main__":
    main()
