"""Every engine preset against all-electron values: real E(V) of fcc and bcc, energy difference, V0 and B.

    python -m benchmarks.labels.engines --json docs/results/engines.json            # GPAW: all eight; QE: Al C Sb Te
    python -m benchmarks.labels.engines --engines gpaw --elements Al                # part of it
    python -m benchmarks.labels.engines --stored --also gpaw:Te:0.25                # what the store holds, a row more

Five volumes of each primitive cell, labelled through the label store as a campaign does it: what is there already
(--store) is not calculated again, so an interrupted run goes on where it was. The published values are all-electron
ones, mean of WIEN2k and FLEUR (PBE): Bosoni et al., Nat. Rev. Phys. 6, 45 (2024); phase energies as in
`entromax.validation.references`, equations of state from the data of the article (set unaries-verification-PBE-v1).
"""

import argparse
import logging
from pathlib import Path
from typing import Any

import pandas as pd
from ase import units

from benchmarks.common import campaign_settings
from entromax.config.models import ElementSettings, EosSettings, LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines import engine_version, physics_hash
from entromax.labels.record import Record, wanted_mesh
from entromax.labels.reference import reference_structures
from entromax.labels.run import label_structures
from entromax.labels.store import LabelStore
from entromax.runtime import provenance, write_json
from entromax.validation.eos import fit_birch_murnaghan
from entromax.validation.references import phase_energies

ELEMENTS = {"gpaw": ("Al", "Be", "W", "Re", "Os", "C", "Sb", "Te"), "qe": ("Al", "C", "Sb", "Te")}
CRYSTALS = ("fcc", "bcc")
TOLERANCE = 15.0
"""Largest deviation of E(bcc) - E(fcc) from the all-electron value that counts as agreement [meV/atom]."""
ALL_ELECTRON = {  # V0 Å^3/atom, B eV/Å^3
    "Al": {"fcc": (16.4954, 0.48379), "bcc": (16.9257, 0.42850)},
    "Be": {"fcc": (7.8716, 0.74370), "bcc": (7.8158, 0.77362)},
    "C": {"fcc": (7.3216, 0.93608), "bcc": (6.6857, 1.13445)},
    "W": {"fcc": (16.4579, 1.75325), "bcc": (16.1455, 1.88197)},
    "Re": {"fcc": (15.0163, 2.25729), "bcc": (15.1045, 2.20546)},
    "Os": {"fcc": (14.3409, 2.42861), "bcc": (14.7808, 2.19284)},
    "Sb": {"fcc": (27.4896, 0.36556), "bcc": (27.2258, 0.37338)},
    "Te": {"fcc": (28.2787, 0.33413), "bcc": (28.5153, 0.34237)},
}
LIMITS = LabelSettings(structure_timeout=3600.0, eos=EosSettings(crystals="all", points=5, strain=0.06))


def preset(engine: str, element: str, kspacing: float | None) -> ElementSettings:
    """Return the settings of an element as a campaign would have them, or with another k-spacing [1/Å]."""
    reference: dict[str, Any] = {"engine": engine} | ({} if kspacing is None else {"kspacing": kspacing})
    return campaign_settings({"elements": {element: {"reference": reference}}}).elements[element]


def curves(element: str, settings: ElementSettings, store: Path, stored: bool) -> list[Record]:
    """Return the labels of fcc and bcc; what the store holds is not calculated, and nothing is if ``stored``."""
    wanted = [s for s in reference_structures(element, settings, LIMITS) if s.info["config_type"] in CRYSTALS]
    if stored:
        labels = LabelStore(store, element, physics_hash(settings.reference))
        return list(labels.read({s.info["sid"]: wanted_mesh(s) for s in wanted}).values())
    return label_structures(
        wanted,
        element=element,
        d_nn=settings.d_nn,
        reference=settings.reference,
        limits=LIMITS,
        budget=LabelBudget(store),
    )


def crystal_row(element: str, crystal: str, records: list[Record]) -> dict[str, Any]:
    """Return the Birch-Murnaghan fit of one crystal beside the published one."""
    own = [record for record in records if record.config_type == crystal and record.energy is not None]
    atoms = [record.atoms() for record in own]
    fit = fit_birch_murnaghan([a.get_volume() / len(a) for a in atoms], [a.info["REF_energy"] / len(a) for a in atoms])
    volume, modulus = ALL_ELECTRON[element][crystal]
    return {
        "energy_ev": fit.energy,
        "volume_a3": fit.volume,
        "bulk_modulus_gpa": fit.bulk_modulus,
        "all_electron_volume_a3": volume,
        "all_electron_bulk_modulus_gpa": modulus / units.GPa,
        "volume_error_percent": None if fit.volume is None else 100 * (fit.volume / volume - 1),
        "points": len(own),
        "changed_physics": sorted({record.changed_physics for record in own if record.changed_physics}),
        "kpts": own[0].kpts if own else None,
        "seconds_per_label": sum(record.seconds for record in own) / max(len(own), 1),
    }


def row(engine: str, element: str, kspacing: float | None, store: Path, stored: bool) -> dict[str, Any]:
    """Return everything about one preset, or the preset with another k-spacing."""
    settings = preset(engine, element, kspacing)
    records = curves(element, settings, store, stored)
    found = {crystal: crystal_row(element, crystal, records) for crystal in CRYSTALS}
    phases = phase_energies(element)
    published = phases["bcc"].value - phases["fcc"].value
    energies = [found[crystal]["energy_ev"] for crystal in ("bcc", "fcc")]
    difference = None if None in energies else 1000 * (energies[0] - energies[1])
    error = None if difference is None else difference - published
    return {
        "engine": engine,
        "version": engine_version(settings.reference),
        "element": element,
        "settings": settings.reference.model_dump(mode="json"),
        "physics_hash": physics_hash(settings.reference),
        "bcc_minus_fcc_mev": difference,
        "all_electron_mev": published,
        "error_mev": error,
        "within_tolerance": error is not None and abs(error) <= TOLERANCE,
        "failed": [f"{r.config_type}: {r.state}: {r.reason}" for r in records if r.state != "converged"],
        "crystals": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", default=list(ELEMENTS), choices=list(ELEMENTS))
    parser.add_argument("--elements", nargs="+", help="default: all that the engine has a preset for")
    parser.add_argument(
        "--also", nargs="+", default=[], metavar="ENGINE:ELEMENT:KSPACING", help="rows beside the presets"
    )
    parser.add_argument("--stored", action="store_true", help="calculate nothing, show what the store holds")
    parser.add_argument("--store", type=Path, default=Path("label_store"), help="folder of the label store")
    parser.add_argument("--json", type=Path, help="write the table there")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    wanted: list[tuple[str, str, float | None]] = [
        (engine, element, None)
        for engine in arguments.engines
        for element in ELEMENTS[engine]
        if not arguments.elements or element in arguments.elements
    ]
    for also in arguments.also:
        engine, element, kspacing = also.split(":")
        wanted.append((engine, element, float(kspacing)))
    rows = [row(*each, arguments.store, arguments.stored) for each in wanted]
    columns = ["engine", "element", "kspacing", "bcc_minus_fcc_mev", "all_electron_mev", "error_mev", "failed"]
    table = pd.DataFrame([{**entry, "kspacing": entry["settings"]["kspacing"]} for entry in rows])[columns]
    for crystal in CRYSTALS:
        for key in ("volume_error_percent", "bulk_modulus_gpa", "all_electron_bulk_modulus_gpa"):
            table[f"{crystal} {key}"] = [entry["crystals"][crystal][key] for entry in rows]
    print(table.round(2).to_string(index=False))
    if arguments.json:
        written = {"tolerance_mev": TOLERANCE, "rows": rows}
        write_json(arguments.json, written | {"provenance": provenance(config="benchmarks/labels/engines.py", seed=0)})


if __name__ == "__main__":
    main()
