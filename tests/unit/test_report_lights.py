"""Traffic lights, numbers and findings say what the numbers mean."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from jinja2 import Environment, StrictUndefined

from entromax.config.models import CampaignSettings
from entromax.report.kit import Light, light, number, signed, worst
from entromax.report.pages.verdict import judge
from entromax.report.results import CrystalEos, ElementResults, PotentialResults, Robustness, Scorecard, SetErrors
from entromax.report.topics import scorecard
from entromax.validation.scorecard import Row

CAPTIONS = Path(__file__).parents[2] / "workflow/report"
ELEMENT = {"d_nn": 2.86, "volume": [0.5, 1.6], "ground_state": "fcc", "crystals": {"fcc": {"volume": 16.5}}}
SETTINGS = CampaignSettings.model_validate({"elements": {"Al": {**ELEMENT, "reference": {"engine": "emt"}}}})
GOOD = {"structures": 10, "atoms": 40, "not_finite": 0, "energy_rmse": 5.0, "force_rmse": 0.05}
FCC = {"reference": "minimum", "potential": "minimum", "minima": 1}


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


LABELLED = ElementResults(
    "Al", Path("nowhere"), SETTINGS, pd.DataFrame({"state": ["converged"]}), {}, pd.DataFrame(), []
)


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


def card(*, passes: bool | None = True, **changes: Any) -> Scorecard:
    """Return a scorecard of two rows, the second of them as wanted."""
    volume = {"metric": "volume", "quantity": "volume of fcc", "potential": 16.5, "reference": 16.48, "unit": "Å³/atom"}
    rest = {"source": "WIEN2k", "threshold": "± 1.5 %", "low": 16.2, "high": 16.8, "reason": "", "required": True}
    second = {"metric": "bulk_modulus", "quantity": "bulk modulus of fcc", "unit": "GPa", "passes": passes}
    rows = [Row(**{**volume, **rest, "passes": True}), Row(**{**volume, **rest, **second, **changes})]
    return Scorecard(passes is True, rows)


def test_the_verdict_is_that_of_the_scorecard() -> None:
    good = judge(LABELLED, potential(scorecard=card()))
    assert good.light.colour == "green" and good.findings == [] and "Not tested" in good.note
    bad = judge(LABELLED, potential(scorecard=card(passes=False, potential=33.0, reference=78.0, threshold="± 12 %")))
    assert bad.light.colour == "red" and "1 row of its scorecard fails" in bad.title
    assert bad.findings[0].text == "B: bulk modulus of fcc [GPa]: 33.0 against 78.0 (WIEN2k), allowed is ± 12 %."
    gap = judge(LABELLED, potential(scorecard=card(passes=None, potential=None, reason="not run")))
    assert gap.light.colour == "none" and gap.findings[0].text.endswith("not run.")
    assert judge(LABELLED, potential()).light.colour == "none"


def test_scorecards_of_several_potentials_stand_side_by_side() -> None:
    several = [
        potential(name="gap", scorecard=card(passes=False)),
        potential(name="ace", scorecard=card()),
        potential(name="late"),
    ]
    table = scorecard.blocks(replace(LABELLED, potentials=several))[0].table
    assert table is not None
    assert list(table.columns)[3:] == ["gap: does not pass", "ace: passes"]
    lights = [[cell.light and cell.light.colour for cell in row[3:]] for row in table.cells()]
    assert lights == [["green", "green"], ["red", "green"]]
    assert [cell.text for cell in scorecard.line(several[0])[:3]] == ["1 of 1", "0 of 1", "–"]


@pytest.mark.parametrize(
    ("changes", "colour", "words"),
    [
        ({"errors": {"test": GOOD | {"not_finite": 3}}}, "red", "3 structures of the test set"),
        (
            {"errors": {"train": GOOD, "test": GOOD | {"energy_rmse": 50.0}}},
            "amber",
            "10.0 times worse on unseen structures",
        ),
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
    ],
)
def test_every_weakness_is_named(changes: dict, colour: str, words: str) -> None:
    found = judge(LABELLED, potential(scorecard=card(), **changes)).findings
    assert [(finding.light.colour, words in finding.text) for finding in found] == [(colour, True)]


@pytest.mark.parametrize("caption", sorted(CAPTIONS.glob("*.rst")), ids=lambda path: path.stem)
def test_captions_render_with_the_default_configuration(caption: Path) -> None:
    config = SETTINGS.model_dump(mode="json")
    wildcards = {"element": "Al", "potential": "gap", "property": "elastic", "iteration": "1", "training": "entropy"}
    params = {"properties": config["validation"]["property_settings"]}
    job = {"config": config, "wildcards": wildcards, "params": params}
    text = Environment(undefined=StrictUndefined).from_string(caption.read_text()).render(snakemake=job)
    assert text.strip() and "{{" not in text
