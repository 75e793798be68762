"""What the presets of an engine are worth: every level against the tightest one, on structures of a library.

    python -m benchmarks.labels.convergence results/library/library.extxyz --json docs/results/convergence.json
    python -m benchmarks.labels.convergence results/library/library.extxyz --elements Al --levels smoke coarse standard

In the manner of METHOD section 7: root mean square over structures of the error of the energy (meV/atom; with the mean
over the structures taken off as well, because a constant is no error of a potential) and over all components of the
forces (meV/Å), and the CPU seconds a label takes. The structures are the first of the library with few atoms inside the
volumes of the element. Labels come through the label store (--store): an interrupted run goes on where it was.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from benchmarks.common import campaign_settings
from entromax.config.models import ElementSettings, LabelSettings
from entromax.config.presets import LEVELS
from entromax.labels.budget import LabelBudget
from entromax.labels.engines import engine_version, physics_hash
from entromax.labels.record import Record, wanted_mesh
from entromax.labels.run import label_structures
from entromax.labels.store import LabelStore
from entromax.runtime import provenance, write_json
from entromax.structures import read_structures
from entromax.structures.rescale import reduced_volume, scale_structure

LIMITS = LabelSettings(structure_timeout=3600.0, max_force=1e4)


def settings_at(engine: str, element: str, level: str) -> ElementSettings:
    """Return the settings of an element at a level."""
    reference = {"engine": engine, "level": level}
    return campaign_settings({"elements": {element: {"reference": reference}}}).elements[element]


def chosen(library: list[Atoms], element: str, settings: ElementSettings, atoms: int, number: int) -> list[Atoms]:
    """Return the first ``number`` structures of at most ``atoms`` atoms inside the volumes of the element."""
    low, high = settings.volume
    fitting = [s for s in library if len(s) <= atoms and low <= reduced_volume(s) <= high]
    return [scale_structure(s, element, settings.d_nn) for s in fitting[:number]]


def errors(records: list[Record], reference: list[Record]) -> dict[str, float]:
    """Return the deviations from the reference [meV/atom, meV/Å, GPa] and the mean CPU seconds per label."""
    both = [(a.atoms(), b.atoms()) for a, b in zip(records, reference, strict=True)]
    energy = 1000 * np.array([(a.info["REF_energy"] - b.info["REF_energy"]) / len(a) for a, b in both])
    force = 1000 * np.concatenate([(a.arrays["REF_forces"] - b.arrays["REF_forces"]).ravel() for a, b in both])
    return {
        "energy_rmse_mev": float(np.sqrt(np.mean(energy**2))),
        "energy_rmse_without_mean_mev": float(energy.std()),
        "force_rmse_mev_a": float(np.sqrt(np.mean(force**2))),
        "cpu_s_per_label": float(np.mean([record.cpu_seconds for record in records])),
    }


def table(engine: str, element: str, levels: list[str], library: list[Atoms], options: argparse.Namespace) -> Any:
    """Return the rows of one element, one per level."""
    records = {}
    for level in levels:
        settings = settings_at(engine, element, level)
        structures = chosen(library, element, settings, options.atoms, options.structures)
        if options.stored:
            labels = LabelStore(options.store, element, physics_hash(settings.reference))
            records[level] = labels.read({s.info["sid"]: wanted_mesh(s) for s in structures})
            continue
        made = label_structures(
            structures,
            element=element,
            d_nn=settings.d_nn,
            reference=settings.reference,
            limits=LIMITS.model_copy(update={"min_distance": 0.0}),
            budget=LabelBudget(options.store),
        )
        records[level] = {record.sid: record for record in made}
    sids = [structure.info["sid"] for structure in structures]
    complete = [sid for sid in sids if all(sid in r and r[sid].state == "converged" for r in records.values())]
    kept = {level: [own[sid] for sid in complete] for level, own in records.items()}
    return [
        {
            "engine": engine,
            "version": engine_version(settings.reference),
            "element": element,
            "level": level,
            "against": levels[-1],
            "structures": len(complete),
            "atoms": [len(record.numbers) for record in kept[level]],
            "failed_or_missing": len(structures) - len(complete),
            "settings": settings_at(engine, element, level).reference.model_dump(mode="json"),
            **errors(kept[level], kept[levels[-1]]),
        }
        for level in levels
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="ordered library in reduced units, extended XYZ")
    parser.add_argument("--engine", default="gpaw")
    parser.add_argument("--elements", nargs="+", default=["Al", "C"])
    parser.add_argument("--levels", nargs="+", default=list(LEVELS), help="the last one is the judge of the others")
    parser.add_argument("--atoms", type=int, default=3, help="largest number of atoms")
    parser.add_argument("--structures", type=int, default=10)
    parser.add_argument("--stored", action="store_true", help="calculate nothing, show what the store holds")
    parser.add_argument("--store", type=Path, default=Path("label_store"))
    parser.add_argument("--json", type=Path, help="write the table there")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    library = read_structures(arguments.library)
    rows = []
    for element in arguments.elements:
        rows += table(arguments.engine, element, arguments.levels, library, arguments)
    columns = ["element", "level", "structures", "energy_rmse_mev", "energy_rmse_without_mean_mev"]
    print(pd.DataFrame(rows)[[*columns, "force_rmse_mev_a", "cpu_s_per_label"]].round(2).to_string(index=False))
    if arguments.json:
        write_json(
            arguments.json,
            {"rows": rows, "provenance": provenance(config="benchmarks/labels/convergence.py", seed=0)},
        )


if __name__ == "__main__":
    main()
