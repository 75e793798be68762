"""What the tests of a potential have written, and all references for it, in the words of the scorecard."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from entromax.config.models import ElementSettings, ReferenceSettings, ScorecardSettings
from entromax.config.models.reference import LevelledSettings
from entromax.runtime import write_json
from entromax.structures.kinds import LIBRARY
from entromax.validation.eos import Fit
from entromax.validation.hull import lower_envelope
from entromax.validation.properties.base import Result
from entromax.validation.references import (
    Number,
    is_measured,
    published_references,
    tight_references,
)
from entromax.validation.scorecard import (
    LINDEMANN,
    METRICS,
    Measured,
    References,
    passed,
    score,
)

PROPERTIES = ("elastic", "phonons", "zone_boundary", "vacancy")
"""Metrics that a property of the same name measures."""
UNSEEN = ("unseen_energy", "unseen_forces")
BETWEEN_LAYERS: Mapping[str, Callable[[str], bool]] = {
    "elastic": lambda quantity: quantity not in ("C11", "C12"),
    "zone_boundary": lambda quantity: quantity == "lowest at A",
}
"""Quantities of graphite that tell how its layers are bound, which PBE does not know."""
VANISHING = 1e-3
"""A smaller spread of forces is what the engine leaves of a zero [eV/Å]."""
LOWEST_MODE = "lowest frequency"
FORMATION = "formation energy"


def is_pbe(reference: ReferenceSettings) -> bool:
    """Tell whether labels are by DFT with PBE: only then published PBE values and tight labels are of their kind."""
    return isinstance(reference, LevelledSettings) and getattr(reference, "xc", "PBE") == "PBE"


def read_properties(paths: Sequence[str | Path]) -> dict[str, tuple[Result, Result]]:
    """Return the results of the potential and of its reference from files of ``validate_property``, by property."""
    found = {}
    for path in paths:
        data = json.loads(Path(path).read_text())
        found[data["property"]] = Result.from_json(data["potential"]), Result.from_json(data["reference"])
    return found


def wanted(metric: str, quantity: str, ground_state: str) -> bool:
    """Tell whether the scorecard judges a quantity of a property; of graphite, what does not depend on its layers."""
    if ground_state == "graphite" and metric in BETWEEN_LAYERS and BETWEEN_LAYERS[metric](quantity):
        return False
    if metric == "elastic":
        return re.fullmatch(r"C\d\d", quantity) is not None
    return {"phonons": quantity == LOWEST_MODE, "vacancy": quantity == FORMATION}.get(metric, True)


def crystal_rows(parameters: pd.DataFrame, source: str) -> dict[str, dict[str, Any]]:
    """Return the rows of one source of ``eos_parameters.csv`` by crystal."""
    rows = parameters[parameters["source"] == source].to_dict("records")
    return {str(row["crystal"]): {str(key): value for key, value in row.items()} for row in rows}


def phase_energies_above(
    property_: Result | None, rows: Mapping[str, Mapping[str, Any]], ground: str
) -> dict[str, float]:
    """Return the energies of the crystals above the ground state [meV/atom], NaN where there is no minimum.

    The property ``phases``, which looks for minima beyond the labelled volumes, comes before ``eos_parameters.csv``.
    """
    energies = {name: float(row["phase_energy"]) for name, row in rows.items()}
    if property_ is not None and property_.state == "done":
        named = [one.name.split(" − ") for one in property_.quantities]
        found = {name: one.value for (name, _), one in zip(named, property_.quantities, strict=True)}
        found |= {zero: 0.0 for _, zero in named}
        energies |= {name: value - found.get(ground, np.nan) for name, value in found.items()}
    return {f"{name} − {ground}": energy for name, energy in energies.items() if name != ground}


def measure_unseen(structures: pd.DataFrame, forces: pd.DataFrame, fits: Sequence[Fit], window: float) -> Measured:
    """Return the errors on unseen library structures of low energy: [meV/atom], and [%] of the spread of the forces.

    Args:
        structures: table of ``errors.predict``.
        forces: its force components.
        fits: equations of state of the reference crystals by the labels.
        window: height above their lowest E(V) up to which a structure counts [eV/atom].
    """
    unseen = structures[(structures["split"] == "test") & (structures["config_type"] == LIBRARY)]
    height = unseen["energy_reference"] - lower_envelope(unseen["volume"].to_numpy(), fits)
    low = unseen[height < window]
    if low.empty:
        return Measured({}, absent=dict.fromkeys(UNSEEN, f"none within {window:g} eV/atom of E(V) in the test set"))
    if not low["finite"].all():
        reason = f"no finite energy or forces for {int((~low['finite']).sum())} of {len(low)} structures"
        return Measured({}, dict.fromkeys(UNSEEN, reason))
    components = forces[(forces["split"] == "test") & forces["sid"].isin(low["sid"])]
    spread = float(components["reference"].std(ddof=0))
    rmse = float(np.sqrt(np.mean((components["potential"] - components["reference"]) ** 2)))
    values = {"unseen_energy": {f"RMSE of {len(low)} structures": float(np.sqrt(np.mean(low["energy_error"] ** 2)))}}
    if spread < VANISHING:
        return Measured(values, absent={"unseen_forces": f"symmetry leaves {len(low)} structures without forces"})
    values["unseen_forces"] = {f"RMSE over the spread of {spread:.2g} eV/Å": 100 * rmse / spread}
    return Measured(values)


def measure_runs(robustness: Mapping[str, Any]) -> Measured:
    """Return what ``robustness.json`` says of dynamics, relaxations and the crystal at room temperature."""
    relaxed, crystal = robustness["relaxations"], robustness["crystal"]
    physical: dict[str, float] = {}
    if robustness["fraction"] is not None:
        physical["hot and compressed runs"] = 100 * robustness["fraction"]
    if relaxed["runs"]:
        physical["relaxations of random cells"] = 100 * relaxed["physical"] / relaxed["runs"]
    if crystal["state"] != "physical":
        return Measured({"dynamics": physical}, {"crystal": f"at 300 K: {crystal['reason']}"})
    itself = {LINDEMANN: crystal["lindemann"], "neighbours lost": float(crystal["neighbours_lost"])}
    return Measured({"dynamics": physical, "crystal": itself})


def measure(
    parameters: pd.DataFrame,
    properties: Mapping[str, tuple[Result, Result]],
    robustness: Mapping[str, Any],
    structures: pd.DataFrame,
    forces: pd.DataFrame,
    *,
    ground_state: str,
    window: float,
) -> Measured:
    """Return everything that the tests of a potential say about the metrics; see :func:`validate_scorecard`."""
    rows = crystal_rows(parameters, "potential")
    runs = measure_runs(robustness)
    values, failures = dict(runs.values), dict(runs.failures)
    ground, phases = rows[ground_state], properties["phases"][0] if "phases" in properties else None
    lost = f"{ground_state} has {ground['reason']}" if ground["status"] == "none" else ""
    if lost:
        failures |= dict.fromkeys(("volume", "bulk_modulus"), lost)
    else:
        values["volume"] = {f"volume of {ground_state}": float(ground["volume"])}
        values["bulk_modulus"] = {f"bulk modulus of {ground_state}": float(ground["bulk_modulus"])}
    if lost and (phases is None or phases.state != "done"):
        failures |= dict.fromkeys(("ground_state", "phases"), lost)
    else:
        values["phases"] = phase_energies_above(phases, rows, ground_state)
        known = [energy for energy in values["phases"].values() if np.isfinite(energy)]
        values["ground_state"] = {f"lowest other crystal above {ground_state}": min(known)} if known else {}
    for metric in PROPERTIES:
        if metric not in properties:
            continue
        own = properties[metric][0]
        if own.state == "failed":
            failures[metric] = own.reason
        values[metric] = {q.name: q.value for q in own.quantities if wanted(metric, q.name, ground_state)}
    labelled = crystal_rows(parameters, "reference").values()
    fits = [
        Fit("minimum", "", row["volume"], row["energy"], row["bulk_modulus"], row["derivative"])
        for row in labelled
        if row["status"] == "minimum"
    ]
    unseen = measure_unseen(structures, forces, fits, window)
    return Measured(values | dict(unseen.values), failures | dict(unseen.failures), unseen.absent)


def own_references(
    parameters: pd.DataFrame, properties: Mapping[str, tuple[Result, Result]], *, ground_state: str, source: str
) -> References:
    """Return what the labelling engine says at the settings of the labels.

    Args:
        parameters: table ``eos_parameters.csv``.
        properties: results by property; the second of each is by the engine.
        ground_state: name of the crystal.
        source: what the numbers are called.
    """
    rows = {n: row for n, row in crystal_rows(parameters, "reference").items() if row["status"] == "minimum"}
    found: dict[str, dict[str, Number]] = {}
    if ground_state in rows:
        for metric, words in (("volume", "volume"), ("bulk_modulus", "bulk modulus")):
            number = Number(float(rows[ground_state][metric]), METRICS[metric].unit, source)
            found[metric] = {f"{words} of {ground_state}": number}
        found["phases"] = {
            name: Number(energy, "meV/atom", source)
            for name, energy in phase_energies_above(None, rows, ground_state).items()
        }
    for metric in PROPERTIES:
        if metric in properties and metric != "phonons" and properties[metric][1].state == "done":
            quantities = [q for q in properties[metric][1].quantities if wanted(metric, q.name, ground_state)]
            found[metric] = {q.name: Number(q.value, q.unit, source) for q in quantities}
    return found


def best_references(*sources: References) -> References:
    """Return the best value known of every quantity; later sources win."""
    found: dict[str, dict[str, Number]] = {}
    for source in sources:
        for metric, numbers in source.items():
            found[metric] = {**found.get(metric, {}), **numbers}
    return found


def better_references(element: str, ground_state: str) -> list[References]:
    """Return the references for DFT with PBE that do not come from the campaign: measured, tight, calculated."""
    published = published_references(element, ground_state)
    measured, calculated = (
        {
            metric: {
                name: number
                for name, number in numbers.items()
                if is_measured(number) == experiment and wanted(metric, name, ground_state)
            }
            for metric, numbers in published.items()
        }
        for experiment in (True, False)
    )
    return [measured, tight_references(element, ground_state), calculated]


def validate_scorecard(
    *,
    element: str,
    settings: ElementSettings,
    thresholds: ScorecardSettings,
    parameters: str | Path,
    robustness: str | Path,
    structures: str | Path,
    forces: str | Path,
    properties: Sequence[str | Path],
    output: str | Path,
) -> None:
    """Write the scorecard of one potential from what its tests have written.

    A reference is the published PBE value, else a tight label that comes with entromax, else the measured value, else
    that of the labelling engine at the settings of the labels. Labels that are not by DFT with PBE are judged by their
    own engine alone.

    Args:
        element: chemical symbol.
        settings: settings of the element.
        thresholds: how far off a potential may be.
        parameters: ``eos_parameters.csv``.
        robustness: ``robustness.json``.
        structures: ``errors_structures.csv``.
        forces: ``errors_forces.parquet``.
        properties: JSON files of ``validate_property``.
        output: JSON written: ``passed``, and ``rows``, the fields of ``Row`` each.
    """
    ground, results, table = settings.ground_state, read_properties(properties), pd.read_csv(parameters)
    measured = measure(
        table,
        results,
        json.loads(Path(robustness).read_text()),
        pd.read_csv(structures, dtype={"sid": str}),
        pd.read_parquet(forces),
        ground_state=ground,
        window=thresholds.low_energy,
    )
    own = own_references(table, results, ground_state=ground, source=f"label: {settings.reference.describe()}")
    references = best_references(own, *(better_references(element, ground) if is_pbe(settings.reference) else []))
    rows = score(measured, references, thresholds, symbol=element)
    write_json(output, {"passed": passed(rows), "rows": [asdict(row) for row in rows]})
