"""Traffic lights, numbers and findings say what the numbers mean."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from jinja2 import Environment, StrictUndefined

from entromax.config.models import CampaignSettings, Thresholds
from entromax.report.kit import Headline, Light, light, number, signed, worst
from entromax.report.pages.verdict import headlines, judge
from entromax.report.results import CrystalEos, ElementResults, PotentialResults, Robustness, SetErrors

CAPTIONS = Path(__file__).parents[2] / "workflow/report"
ELEMENT = {"d_nn": 2.86, "volume": [0.5, 1.6], "ground_state": "fcc", "crystals": {"fcc": {"volume": 16.5}}}
SETTINGS = CampaignSettings.model_validate({"elements": {"Al": {**ELEMENT, "reference": {"engine": "emt"}}}})
GOOD = {"structures": 10, "atoms": 40, "not_finite": 0, "energy_rmse": 5.0, "force_rmse": 0.05}
FCC = {"reference": "minimum", "potential": "minimum", "minima": 1, "volume_error": 0.1, "bulk_modulus_error": 2.0}


STABLE = {
    "runs": 1,
    "physical": 1,
    "skipped": 0,
    "fraction": 1.0,
    "median_failure": None,
    "nve": {"state": "conserved"},
    "microseconds_per_atom_step": 9.0,
}


def potential(**changes: Any) -> PotentialResults:
    values: dict[str, Any] = {
        "name": "gap",
        "folder": Path("nowhere"),
        "card": None,
        "errors": {"train": GOOD, "test": GOOD},
        "bins": pd.DataFrame(),
        "eos": {"fcc": FCC},
        "parameters": pd.DataFrame(),
        "robustness": STABLE,
        "runs": pd.DataFrame(
            {"kind": ["hot"], "state": ["physical"], "temperature": [300.0], "compression": [1.0], "reason": [""]}
        ),
        "transfer": None,
        "error_bars": {},
    } | changes
    values["errors"] = {split: SetErrors.model_validate(one) for split, one in values["errors"].items()}
    values["eos"] = {crystal: CrystalEos.model_validate(one) for crystal, one in values["eos"].items()}
    values["robustness"] = Robustness.model_validate(values["robustness"])
    return PotentialResults(**values)


def results(states: list[str], thresholds: Thresholds | None = None) -> ElementResults:
    ledger = pd.DataFrame({"state": states, "reason": ""})
    settings = SETTINGS.model_copy(update={"thresholds": thresholds or Thresholds()})
    return ElementResults("Al", Path("nowhere"), settings, ledger, {}, pd.DataFrame(), [])


LABELLED = results(["converged"] * 100)


@pytest.mark.parametrize(
    ("value", "colour"),
    [(0, "green"), (20, "green"), (-20, "green"), (20.1, "amber"), (-60, "amber"), (60.1, "red"), (math.inf, "red")],
)
def test_light_turns_at_the_thresholds_whatever_the_sign(value: float, colour: str) -> None:
    assert light(value, [20, 60]).colour == colour


@pytest.mark.parametrize("value", [None, math.nan])
def test_no_number_is_no_green_light(value: float | None) -> None:
    assert light(value, [20, 60]).colour == "none"


def test_lights_differ_without_colour() -> None:
    lights = [Light("green"), Light("amber"), Light("red"), Light("none")]
    assert len({one.word for one in lights}) == len({one.mark for one in lights}) == 4


def test_worst_light_counts_and_missing_data_is_not_good() -> None:
    assert worst([Light("green"), Light("red"), Light("amber")]).colour == "red"
    assert worst([Light("green"), Light("none")]).colour == "none"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.03124, "0.0312"),
        (12.34, "12.3"),
        (-0.5, "−0.500"),
        (0, "0"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
    ],
)
def test_numbers_are_written_for_people(value: float | None, text: str) -> None:
    assert number(value) == text


def test_deviations_carry_their_sign() -> None:
    assert (signed(1.84), signed(-1.84), signed(0)) == ("+1.8", "−1.8", "0")


def test_flawless_potential_is_green_and_still_says_what_was_not_tested() -> None:
    verdict = judge(LABELLED, potential())
    assert verdict.light.colour == "green"
    assert verdict.findings == []
    assert "Not tested" in verdict.note


@pytest.mark.parametrize(
    ("changes", "colour", "words"),
    [
        ({"errors": {"test": GOOD | {"energy_rmse": 30.0}}}, "amber", "energies are off by 30.0 meV/atom"),
        ({"errors": {"test": GOOD | {"force_rmse": 0.9}}}, "red", "forces are off by 0.900 eV/Å"),
        ({"errors": {"test": GOOD | {"not_finite": 3}}}, "red", "3 structures of the test set"),
        (
            {"errors": {"train": GOOD, "test": GOOD | {"energy_rmse": 50.0}}},
            "amber",
            "10.0 times worse on unseen structures",
        ),
        ({"eos": {"fcc": FCC | {"volume_error": -4.0}}}, "red", "fcc has a volume −4.0 %"),
        ({"eos": {"fcc": FCC | {"bulk_modulus_error": 12.0}}}, "amber", "fcc is 12 % too stiff"),
        ({"eos": {"fcc": FCC | {"minima": 2}}}, "red", "E(V) of fcc has 2 minima"),
        (
            {
                "eos": {
                    "fcc": {
                        "reference": "minimum",
                        "potential": "none",
                        "potential_reason": "no minimum between 15 and 18 Å³/atom",
                        "minima": 1,
                        "wide_minimum_volume": 18.4,
                    }
                }
            },
            "red",
            "no minimum between 15 and 18",
        ),
        (
            {
                "runs": pd.DataFrame(
                    [
                        {
                            "kind": "hot",
                            "state": "failed",
                            "temperature": 3000.0,
                            "compression": 0.85,
                            "time": 120.0,
                            "reason": "atoms closer than 1.69 Å",
                        }
                    ]
                )
            },
            "red",
            "3000 K and V/V₀ = 0.85 failed after 120 fs: atoms closer than 1.69 Å",
        ),
        (
            {"robustness": STABLE | {"nve": {"state": "drifts", "reason": "total energy drifts"}}},
            "red",
            "total energy drifts",
        ),
        (
            {
                "parameters": pd.DataFrame(
                    {
                        "crystal": ["fcc", "fcc", "bcc", "bcc"],
                        "source": ["reference", "potential"] * 2,
                        "phase_energy": [0.0, 0.0, 90.0, -20.0],
                    }
                )
            },
            "red",
            "puts bcc below fcc",
        ),
    ],
)
def test_every_weakness_is_named(changes: dict, colour: str, words: str) -> None:
    verdict = judge(LABELLED, potential(**changes))
    assert verdict.light.colour == colour
    assert words in " ".join(finding.text for finding in verdict.findings)


def test_potential_without_a_minimum_is_red_not_unknown() -> None:
    lost = potential(eos={"fcc": {"reference": "minimum", "potential": "none", "potential_reason": "x", "minima": 1}})
    (row,) = [one for one in headlines(LABELLED, lost) if one.quantity == "volume of fcc against the reference"]
    assert row.light.colour == "red"
    assert row.text_with_unit == "no minimum"


def test_thresholds_of_the_configuration_decide() -> None:
    strict = Thresholds(energy_rmse=[1.0, 2.0], failed_labels=[1.0, 2.0])
    rows = {one.quantity: one for one in headlines(results(["converged"] * 9 + ["timeout"], strict), potential())}
    assert rows["energy RMSE, unseen structures"].light.colour == "red"
    assert rows["energy RMSE, unseen structures"].limits == [1.0, 2.0]
    assert rows["structures without a label"].light.colour == "red"
    assert rows["structures without a label"].text_with_unit == "10.0 %"


def test_every_threshold_of_a_number_is_used_once() -> None:
    names = [name for name in Thresholds.model_fields if name not in ("phase_energy_error", "property_error")]
    marked = Thresholds.model_validate({name: [k + 1, k + 2] for k, name in enumerate(names)})
    found: list[Headline] = headlines(results(["converged"], marked), potential())
    assert sorted(one.limits[0] for one in found) == [k + 1 for k in range(len(names))]


@pytest.mark.parametrize("caption", sorted(CAPTIONS.glob("*.rst")), ids=lambda path: path.stem)
def test_captions_render_with_the_default_configuration(caption: Path) -> None:
    config = SETTINGS.model_dump(mode="json")
    wildcards = {"element": "Al", "potential": "gap", "property": "elastic", "iteration": "1", "training": "entropy"}
    params = {"properties": config["validation"]["property_settings"]}
    job = {"config": config, "wildcards": wildcards, "params": params}
    text = Environment(undefined=StrictUndefined).from_string(caption.read_text()).render(snakemake=job)
    assert text.strip() and "{{" not in text
