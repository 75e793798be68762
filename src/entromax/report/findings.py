"""What is good and what is bad about a potential, in words, from the numbers of its validation."""

from dataclasses import dataclass
from typing import Any

from entromax.config.models import Thresholds
from entromax.report.html import number, signed
from entromax.report.lights import Light, light, worst
from entromax.report.properties import property_findings
from entromax.report.results import ElementResults, PotentialResults

GREEN, AMBER, RED = Light("green"), Light("amber"), Light("red")
NOT_TESTED = (
    "Not tested here, so not known: interstitials, dislocations, grain boundaries, melting point, and any property "
    "that needs more than the tests below."
)


@dataclass(frozen=True)
class Finding:
    """One sentence with its verdict."""

    light: Light
    text: str


@dataclass(frozen=True)
class Verdict:
    """What a reader should take away about one potential."""

    light: Light
    title: str
    findings: list[Finding]
    note: str


@dataclass(frozen=True)
class Row:
    """One line of the summary: a quantity, its value for a potential, its limits and the light."""

    quantity: str
    value: str
    limits: str
    light: Light


def headline_values(results: ElementResults, potential: PotentialResults, ground_state: str) -> dict[str, float | None]:
    """Return the numbers that the thresholds of the configuration judge, by the name of the threshold."""
    ground = potential.eos.get(ground_state, {})
    fraction = potential.robustness.get("fraction")
    failed = results.failed_fraction
    return {
        "energy_rmse": potential.test.get("energy_rmse"),
        "force_rmse": potential.test.get("force_rmse"),
        "volume_error": ground.get("volume_error"),
        "bulk_modulus_error": ground.get("bulk_modulus_error"),
        "unphysical_runs": None if fraction is None else 100 * (1 - fraction),
        "failed_labels": None if failed is None else 100 * failed,
    }


def summary_rows(
    results: ElementResults, potential: PotentialResults, ground_state: str, thresholds: Thresholds
) -> list[Row]:
    """Return the lines of the traffic-light table of one potential."""
    names = {
        "energy_rmse": ("energy RMSE, unseen structures", "meV/atom"),
        "force_rmse": ("force RMSE, unseen structures", "eV/Å"),
        "volume_error": (f"volume of {ground_state} against the reference", "%"),
        "bulk_modulus_error": (f"bulk modulus of {ground_state} against the reference", "%"),
        "unphysical_runs": ("hot or compressed runs that turn unphysical", "%"),
        "failed_labels": ("structures without a label", "%"),
    }
    values = headline_values(results, potential, ground_state)
    no_minimum = potential.eos.get(ground_state, {}).get("potential") == "none"
    rows = []
    for key, (text, unit) in names.items():
        limits, value = getattr(thresholds, key), values[key]
        verdict = light(value, limits)
        shown = f"{(signed if key.endswith('_error') else number)(value)} {unit}"
        if value is None:
            shown = "–"
            if no_minimum and key in ("volume_error", "bulk_modulus_error"):
                verdict, shown = RED, "no minimum"
        rows.append(Row(text, shown, f"{limits[0]:g} / {limits[1]:g} {unit}", verdict))
    return rows


def _error_findings(potential: PotentialResults, limits: Thresholds) -> list[Finding]:
    found = []
    for split, numbers in potential.errors.items():
        if numbers["not_finite"]:
            text = f"For {numbers['not_finite']} structures of the {split} set it gives no finite energy or forces."
            found.append(Finding(RED, text))
    test, train = potential.test, potential.errors.get("train", {})
    for key, label, unit in (("energy_rmse", "energies", "meV/atom"), ("force_rmse", "forces", "eV/Å")):
        value = test.get(key)
        verdict = light(value, getattr(limits, key))
        if verdict.colour in ("amber", "red"):
            found.append(
                Finding(verdict, f"On unseen structures its {label} are off by {number(value)} {unit} (RMSE).")
            )
        before = train.get(key)
        if value and before and value > 3 * before and verdict.colour != "green":
            text = f"Its {label} are {value / before:.1f} times worse on unseen structures than on those it knows: "
            found.append(Finding(AMBER, text + "more labels should help."))
    return found + _worst_bin(potential, limits)


def _worst_bin(potential: PotentialResults, limits: Thresholds) -> list[Finding]:
    """Say where the error sits when it is much larger in one range of energies than in the whole test set."""
    if potential.bins.empty or not potential.test.get("energy_rmse"):
        return []
    bins = potential.bins
    part = bins[(bins["split"] == "test") & (bins["by"] == "energy above lowest [eV/atom]") & (bins["structures"] > 2)]
    part = part[part["energy_rmse"].notna()]
    if part.empty:
        return []
    largest = part.sort_values("energy_rmse").to_dict("records")[-1]
    error = float(largest["energy_rmse"])
    verdict = light(error, limits.energy_rmse)
    if verdict.colour == "green" or error < 1.5 * potential.test["energy_rmse"]:
        return []
    text = f"Its error is largest {largest['bin']} eV/atom above the lowest structure: {number(error)} meV/atom."
    return [Finding(verdict, text)]


def _eos_findings(potential: PotentialResults, ground_state: str, limits: Thresholds) -> list[Finding]:
    found = []
    for name, entry in potential.eos.items():
        if entry["reference"] == "minimum" and entry["potential"] == "none":
            lowest = (
                f"; between 0.6 and 1.6 of that volume it is lowest at {number(entry['wide_minimum_volume'])} Å³/atom"
            )
            text = f"For {name} it has {entry['potential_reason']}, where the reference has one{lowest}."
            found.append(Finding(RED, text))
        if entry["minima"] > 1:
            text = f"E(V) of {name} has {entry['minima']} minima between 0.6 and 1.6 of its volume; one is right."
            found.append(Finding(RED if name == ground_state else AMBER, text))
        shift = light(entry.get("volume_error"), limits.volume_error)
        if shift.colour in ("amber", "red"):
            found.append(
                Finding(shift, f"Its {name} has a volume {signed(entry['volume_error'])} % off the reference.")
            )
        soft = light(entry.get("bulk_modulus_error"), limits.bulk_modulus_error)
        if soft.colour in ("amber", "red"):
            change = f"{number(abs(entry['bulk_modulus_error']), 2)} % too {_stiff(entry['bulk_modulus_error'])}"
            found.append(Finding(soft, f"Its {name} is {change} against compression."))
    return found + _phase_order(potential, ground_state)


def _stiff(error: float) -> str:
    return "stiff" if error > 0 else "soft"


def _phase_order(potential: PotentialResults, ground_state: str) -> list[Finding]:
    """Say when the potential prefers another crystal than its reference does."""
    if potential.parameters.empty:
        return []
    known = potential.parameters[potential.parameters["phase_energy"].notna()]
    own = known[known["source"] == "potential"].set_index("crystal")["phase_energy"]
    dft = known[known["source"] == "reference"].set_index("crystal")["phase_energy"]
    below = [str(name) for name in own.index if own[name] < -1 and name in dft.index and dft[name] > 0]
    if not below:
        return []
    return [Finding(RED, f"It puts {', '.join(below)} below {ground_state}, which the reference does not.")]


def _robustness_findings(potential: PotentialResults) -> list[Finding]:
    found = []
    if not potential.runs.empty:
        hot = potential.runs[potential.runs["kind"] == "hot"]
        for (compression, temperature), part in hot.groupby(["compression", "temperature"]):
            failed = part[part["state"] == "failed"]
            if len(failed):
                first = failed.sort_values("time").to_dict("records")[0]
                count = "" if len(part) == 1 else f" in {len(failed)} of {len(part)} runs, first"
                text = f"Dynamics at {temperature:g} K and V/V₀ = {compression:g} failed{count} after "
                found.append(Finding(RED, f"{text}{first['time']:.0f} fs: {first['reason']}."))
    relaxed = potential.robustness.get("relaxations", {"runs": 0, "physical": 0})
    if relaxed["physical"] < relaxed["runs"]:
        lost = relaxed["runs"] - relaxed["physical"]
        found.append(Finding(RED, f"{lost} of {relaxed['runs']} relaxations of random cells ended unphysical."))
    nve: dict[str, Any] = potential.robustness.get("nve", {})
    if nve.get("state") in ("drifts", "failed"):
        found.append(Finding(RED, f"Dynamics at constant energy: {nve['reason']}."))
    return found


def judge(results: ElementResults, potential: PotentialResults, ground_state: str, thresholds: Thresholds) -> Verdict:
    """Return the verdict on one potential: every weakness that its validation shows, worst first."""
    found = _error_findings(potential, thresholds)
    found += _eos_findings(potential, ground_state, thresholds)
    found += [Finding(*one) for one in property_findings(potential, thresholds)]
    found += _robustness_findings(potential)
    found.sort(key=lambda finding: finding.light.colour != "red")
    rows = summary_rows(results, potential, ground_state, thresholds)
    own = [row.light for row in rows if row.quantity != "structures without a label"]
    overall = worst([*own, *(finding.light for finding in found)])
    titles = {
        "green": f"{potential.name}: no weakness in these tests",
        "amber": f"{potential.name}: usable with care; weak here",
        "red": f"{potential.name}: do not trust it here",
        "none": f"{potential.name}: not fully tested",
    }
    return Verdict(overall, titles[overall.colour], found, NOT_TESTED)
