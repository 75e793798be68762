"""Tight labels of the reference crystals: what the scorecard holds potentials against where nothing is published.

    python -m benchmarks.labels.references --elements Al Be                      # E(V) of all crystals: V0, B, energies
    python -m benchmarks.labels.references --elements Sb --properties elastic zone_boundary

Writes ``src/entromax/data/references.json``, which comes with entromax: an element that is calculated replaces its
entry, all others stay. Properties that are not asked for stay as they are. Labels come through the label store
(--store): an interrupted run goes on where it was.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT
from benchmarks.labels.convergence import LIMITS, settings_at
from docs.make.pages import read_json
from entromax.config.models import ElementSettings, EosSettings, PropertySettings
from entromax.labels.budget import LabelBudget
from entromax.labels.calculator import LabelCalculator
from entromax.labels.engines import engine_version, physics_hash
from entromax.labels.record import Record
from entromax.labels.reference import reference_structures
from entromax.labels.run import label_structures
from entromax.runtime import provenance, write_json
from entromax.validation.eos import fit_birch_murnaghan
from entromax.validation.evidence import wanted
from entromax.validation.properties import PROPERTIES, Case
from entromax.validation.properties.jobs import run_property

log = logging.getLogger(__name__)

OUTPUT = ROOT / "src/entromax/data/references.json"
MEASURES = ("elastic", "zone_boundary", "vacancy")


def fit_crystals(records: list[Record]) -> tuple[dict[str, Any], list[str]]:
    """Return V0 [Å^3/atom], E0 [eV/atom], B [GPa] and B' of every crystal, and what has no minimum or no label."""
    found, missing = {}, [f"{r.config_type}: {r.state}: {r.reason}" for r in records if r.energy is None]
    for name in dict.fromkeys(record.config_type for record in records):
        own = [record for record in records if record.config_type == name and record.energy is not None]
        atoms = [record.atoms() for record in own]
        fit = fit_birch_murnaghan(
            [one.get_volume() / len(one) for one in atoms], [one.info["REF_energy"] / len(one) for one in atoms]
        )
        if fit.volume is None:
            missing.append(f"{name}: {fit.reason}")
            continue
        found[name] = {
            "volume": fit.volume,
            "energy": fit.energy,
            "bulk_modulus": fit.bulk_modulus,
            "derivative": fit.derivative,
            "volumes": len(own),
            "kpts": own[0].kpts,
        }
    return found, missing


def measure(
    name: str, element: str, settings: ElementSettings, eos: EosSettings, budget: LabelBudget
) -> dict[str, Any]:
    """Return the quantities of a property that the scorecard judges, as [value, unit] by name.

    Raises:
        SystemExit: the engine gives no value.
    """
    limits = LIMITS.model_copy(update={"eos": eos})
    result = run_property(
        PROPERTIES[name],
        LabelCalculator(element, settings, limits, budget),
        Case(element, settings, eos, PropertySettings()),
    )
    if result.state != "done":
        raise SystemExit(f"{element}, {name}: {result.state}, {result.reason}")
    return {q.name: [q.value, q.unit] for q in result.quantities if wanted(name, q.name, settings.ground_state)}


def entry(
    element: str, settings: ElementSettings, eos: EosSettings, properties: list[str], budget: LabelBudget
) -> dict[str, Any]:
    """Return everything about one element."""
    limits = LIMITS.model_copy(update={"eos": eos, "min_distance": 0.0})
    _, *crystals = reference_structures(element, settings, limits)
    reference = settings.reference
    records = label_structures(
        crystals, element=element, d_nn=settings.d_nn, reference=reference, limits=limits, budget=budget
    )
    found, missing = fit_crystals(records)
    version = engine_version(reference)
    return {
        "source": f"tight label: {reference.describe()} ({version})",
        "settings": reference.model_dump(mode="json"),
        "physics_hash": physics_hash(reference),
        "crystals": found,
        "missing": missing,
        "properties": {name: measure(name, element, settings, eos, budget) for name in properties},
        "cpu_seconds": round(sum(record.cpu_seconds or 0.0 for record in records), 1),
        "provenance": provenance(config="benchmarks/labels/references.py", seed=0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--elements", nargs="+", required=True)
    parser.add_argument("--engine", default="gpaw")
    parser.add_argument("--level", default="tight", help="for trying out; only tight belongs into the file")
    parser.add_argument("--points", type=int, default=7, help="volumes per crystal, 5 to 7")
    parser.add_argument("--properties", nargs="*", default=[], choices=MEASURES)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--store", type=Path, default=Path("label_store"))
    parser.add_argument("--json", type=Path, default=OUTPUT)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    eos = EosSettings(crystals="all", points=options.points)
    for element in options.elements:
        settings = settings_at(options.engine, element, options.level)
        made = entry(element, settings, eos, options.properties, LabelBudget(options.store, options.workers))
        elements = read_json(options.json).get("elements", {})  # read anew: another run may have written meanwhile
        made["properties"] = elements.get(element, {}).get("properties", {}) | made["properties"]
        write_json(options.json, {"elements": elements | {element: made}})
        log.info("%s: %s; missing: %s", element, ", ".join(made["crystals"]), made["missing"] or "nothing")


if __name__ == "__main__":
    main()
