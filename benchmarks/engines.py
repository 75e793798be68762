"""Every engine preset against all-electron values: real E(V) of fcc and bcc, energy difference, V0 and B.

    python benchmarks/engines.py --json docs/results/engines.json                   # GPAW: all eight; QE: Al C Sb Te
    python benchmarks/engines.py --engines gpaw --elements Al                       # part of it

Five volumes of each primitive cell, labelled through the label store as a campaign does it: what is there already
(--store) is not calculated again, so an interrupted run goes on where it was. The published values are those of
`entromax.validation.references`.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

import pandas as pd

from entromax.config import CampaignSettings, load_campaign
from entromax.config.models import ElementSettings, EosSettings, LabelSettings
from entromax.labels.engines import engine_version, physics_hash
from entromax.labels.record import Record
from entromax.labels.reference import reference_structures
from entromax.labels.run import label_structures
from entromax.runtime import provenance, write_json
from entromax.validation.eos import fit_birch_murnaghan
from entromax.validation.references import equations_of_state, phase_energies

ROOT = Path(__file__).parents[1]
ELEMENTS = {"gpaw": ("Al", "Be", "W", "Re", "Os", "C", "Sb", "Te"), "qe": ("Al", "C", "Sb", "Te")}
CRYSTALS = ("fcc", "bcc")
TOLERANCE = 15.0
"""Largest deviation of E(bcc) - E(fcc) from the all-electron value that counts as agreement [meV/atom]."""
LIMITS = LabelSettings(structure_timeout=3600.0, eos=EosSettings(crystals="all", points=5, strain=0.06))


def preset(engine: str, element: str) -> ElementSettings:
    """Return the settings of an element as a campaign would have them."""
    overlay = {} if engine == "gpaw" else {"reference": {"engine": engine}}
    config = {"elements": {element: overlay}}
    merged = load_campaign(config, origin="benchmark", element_dirs=[ROOT / "config" / "elements"])
    return CampaignSettings.model_validate(merged).elements[element]


def curves(element: str, settings: ElementSettings, store: Path) -> list[Record]:
    """Return the labels of fcc and bcc; what the store holds is not calculated."""
    wanted = [s for s in reference_structures(element, settings, LIMITS) if s.info["config_type"] in CRYSTALS]
    return label_structures(
        wanted, element=element, d_nn=settings.d_nn, reference=settings.reference, limits=LIMITS, store=store
    )


def crystal_row(element: str, crystal: str, records: list[Record]) -> dict[str, Any]:
    """Return the Birch-Murnaghan fit of one crystal beside the published one, where there is one."""
    own = [record for record in records if record.config_type == crystal and record.energy is not None]
    atoms = [record.atoms() for record in own]
    fit = fit_birch_murnaghan([a.get_volume() / len(a) for a in atoms], [a.info["REF_energy"] / len(a) for a in atoms])
    published = equations_of_state(element, crystal).get("wien2k")
    return {
        "energy_ev": fit.energy,
        "volume_a3": fit.volume,
        "bulk_modulus_gpa": fit.bulk_modulus,
        "wien2k_volume_a3": published.volume if published else None,
        "wien2k_bulk_modulus_gpa": published.bulk_modulus if published else None,
        "points": len(own),
        "changed_physics": sorted({record.changed_physics for record in own if record.changed_physics}),
        "kpts": own[0].kpts if own else None,
        "seconds_per_label": sum(record.seconds for record in own) / max(len(own), 1),
    }


def row(engine: str, element: str, store: Path) -> dict[str, Any]:
    """Return everything about one preset."""
    settings = preset(engine, element)
    records = curves(element, settings, store)
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
    parser.add_argument("--store", type=Path, default=Path("label_store"), help="folder of the label store")
    parser.add_argument("--json", type=Path, help="write the table there")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    rows = []
    for engine in arguments.engines:
        for element in ELEMENTS[engine]:
            if not arguments.elements or element in arguments.elements:
                rows.append(row(engine, element, arguments.store))
    columns = ["engine", "element", "bcc_minus_fcc_mev", "all_electron_mev", "error_mev", "within_tolerance", "failed"]
    print(pd.DataFrame(rows)[columns].round(1).to_string(index=False))
    if arguments.json:
        written = {"tolerance_mev": TOLERANCE, "rows": rows}
        write_json(arguments.json, written | {"provenance": provenance(config="benchmarks/engines.py", seed=0)})


if __name__ == "__main__":
    main()
