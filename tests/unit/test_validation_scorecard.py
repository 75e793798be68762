"""The scorecard: what passes, what fails, what cannot be said."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.labels.references import entry
from entromax.config.load import ELEMENT_FILES, ConfigError, load_campaign
from entromax.config.models import CrystalSettings, ElementSettings, EosSettings, ScorecardSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines.emt import EmtSettings
from entromax.labels.engines.gpaw import GpawSettings
from entromax.validation.eos import Fit
from entromax.validation.evidence import (
    best_references,
    better_references,
    is_pbe,
    measure,
    measure_runs,
    measure_unseen,
    phase_energies_above,
    wanted,
)
from entromax.validation.hull import lower_envelope
from entromax.validation.properties import Quantity, Result
from entromax.validation.references import Number, tight_references
from entromax.validation.scorecard import LINDEMANN, METRICS, Measured, Row, passed, score

DEFAULTS = ScorecardSettings()
GOOD: dict[str, dict[str, float]] = {
    "volume": {"volume of fcc": 16.5},
    "bulk_modulus": {"bulk modulus of fcc": 78.0},
    "ground_state": {"lowest other crystal above fcc": 20.0},
    "phonons": {"lowest frequency": -0.01},
    "dynamics": {"hot and compressed runs": 100.0},
    "crystal": {LINDEMANN: 0.07, "neighbours lost": 0.0},
    "unseen_energy": {"RMSE of 9 structures": 20.0},
    "unseen_forces": {"RMSE over the spread": 12.0},
}
REFERENCES = {
    "volume": {"volume of fcc": Number(16.5, "Å³/atom", "published")},
    "bulk_modulus": {"bulk modulus of fcc": Number(78.0, "GPa", "published")},
}


def one_row(metric: str, value: float | None, reference: float | None = None, symbol: str = "Al") -> Row:
    """Return the row of one quantity."""
    quantity = LINDEMANN if metric == "crystal" else "quantity"
    known = {} if reference is None else {metric: {quantity: Number(reference, METRICS[metric].unit, "somewhere")}}
    measured = Measured({} if value is None else {metric: {quantity: value}})
    return next(row for row in score(measured, known, DEFAULTS, symbol=symbol) if row.metric == metric)


@pytest.mark.parametrize(
    ("metric", "reference", "good", "bad"),
    [
        ("volume", 16.0, 16.23, 16.25),  # 1.5 %
        ("bulk_modulus", 100.0, 88.1, 87.9),
        ("phases", 96.0, 67.0, 65.0),  # 30 meV/atom is wider than 15 %
        ("phases", 744.0, 640.0, 632.0),  # and narrower here
        ("elastic", 28.0, 37.9, 38.1),  # 10 GPa
        ("elastic", 500.0, 401.0, 399.0),  # 20 %
        ("zone_boundary", 10.0, 8.6, 8.4),
        ("vacancy", 0.6, 0.46, 0.44),
        ("ground_state", None, 1.0, -1.0),
        ("phonons", None, -0.29, -0.31),
        ("dynamics", None, 98.0, 97.9),
        ("crystal", None, 0.19, 0.21),
        ("unseen_energy", None, 24.9, 25.1),
        ("unseen_forces", None, 19.9, 20.1),
    ],
)
def test_rows_turn_at_their_thresholds(metric: str, reference: float | None, good: float, bad: float) -> None:
    assert one_row(metric, good, reference).passes is True
    assert one_row(metric, bad, reference).passes is False


def test_carbon_antimony_and_tellurium_have_a_threshold_of_their_own() -> None:
    assert [one_row("unseen_energy", 39.0, symbol=symbol).passes for symbol in ("C", "Sb", "Te", "W")] == [
        True, True, True, False,
    ]  # fmt: skip


def test_missing_values_and_references_are_named_and_not_judged() -> None:
    assert (one_row("elastic", 100.0).passes, one_row("elastic", 100.0).reason) == (None, "no reference")
    assert (one_row("elastic", None, 100.0).passes, one_row("elastic", None, 100.0).reason) == (None, "not run")
    assert one_row("elastic", float("nan"), 100.0).passes is False
    assert not one_row("vacancy", 0.7).required and one_row("vacancy", None, 0.7).required


def test_a_test_that_a_potential_breaks_fails_every_reference_of_it() -> None:
    known = {"elastic": {name: Number(100.0, "GPa", "x") for name in ("C11", "C12")}}
    rows = score(Measured({}, failures={"elastic": "E(V) has no minimum"}), known, DEFAULTS, symbol="Al")
    failed = [row for row in rows if row.metric == "elastic"]
    assert [(row.passes, row.reason) for row in failed] == [(False, "E(V) has no minimum")] * 2


def test_a_potential_passes_without_failures_and_without_gaps() -> None:
    assert passed(score(Measured(GOOD), REFERENCES, DEFAULTS, symbol="Al"))
    for metric in GOOD:
        rest = {name: values for name, values in GOOD.items() if name != metric}
        assert not passed(score(Measured(rest), REFERENCES, DEFAULTS, symbol="Al")), metric
    soft = GOOD | {"phonons": {"lowest frequency": -2.0}}
    assert not passed(score(Measured(soft), REFERENCES, DEFAULTS, symbol="Al"))


def test_the_best_reference_wins_quantity_by_quantity() -> None:
    own = {"phases": {"hcp − fcc": Number(20.0, "meV/atom", "own"), "bcc − fcc": Number(90.0, "meV/atom", "own")}}
    better = best_references(own, *better_references("Al", "fcc"))["phases"]
    assert better["bcc − fcc"].value == 96 and "Bosoni" in better["bcc − fcc"].source
    assert "hcp − fcc" in better and better["hcp − fcc"].source != better["bcc − fcc"].source


def test_every_published_number_has_a_source_and_graphite_is_judged_in_plane() -> None:
    for symbol, ground in {"Al": "fcc", "W": "bcc", "Be": "hcp", "C": "graphite", "Te": "A8"}.items():
        for numbers in best_references(*better_references(symbol, ground)).values():
            assert all(number.source and np.isfinite(number.value) for number in numbers.values())
    graphite = best_references(*better_references("C", "graphite"))
    assert set(graphite["elastic"]) <= {"C11", "C12"} and not wanted("elastic", "C33", "graphite")
    assert not wanted("zone_boundary", "lowest at A", "graphite") and wanted("zone_boundary", "lowest at M", "graphite")
    # Its V0 and B are those of another c/a.
    assert not any("Lejaeghere" in one.source for one in graphite.get("volume", {}).values())


def test_only_labels_by_pbe_are_held_against_published_values() -> None:
    assert is_pbe(GpawSettings(engine="gpaw", ecut=200.0, kspacing=0.4, width=0.2))
    assert not is_pbe(GpawSettings(engine="gpaw", ecut=200.0, kspacing=0.4, width=0.2, xc="LDA"))
    assert not is_pbe(EmtSettings())


def test_phase_energies_count_from_the_ground_state_whatever_the_table_does() -> None:
    """The published zero of antimony is sc, its ground state A7."""
    quantities = [Quantity("A7 − sc", -100.0, "meV/atom"), Quantity("bcc − sc", 90.0, "meV/atom")]
    found = phase_energies_above(Result("done", quantities=quantities), {}, "A7")
    assert found == {"sc − A7": 100.0, "bcc − A7": 190.0}
    rows = {"A7": {"phase_energy": 0.0}, "fcc": {"phase_energy": 271.0}}
    assert phase_energies_above(None, rows, "A7") == {"fcc − A7": 271.0}


def test_heights_count_from_the_lowest_crystal_at_each_volume() -> None:
    close, open_ = Fit("minimum", "", 16.0, -3.0, 80.0, 4.5), Fit("minimum", "", 27.0, -2.3, 50.0, 4.0)
    volumes = np.array([16.0, 27.0, 8.0, 60.0])
    lowest = lower_envelope(volumes, [close, open_])
    assert lowest[:2] == pytest.approx([-3.0, -2.3], abs=0.05)
    assert (lowest[2:] > -3.0).all()
    assert np.isnan(lower_envelope(volumes, [])).all()


def errors_of(structures: list[dict[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return tables as ``validate_errors`` writes them: two force components each, off by a tenth of their size."""
    common = {"split": "test", "config_type": "library", "volume": 16.0, "finite": True}
    table = pd.DataFrame([common | {"sid": str(k)} | one for k, one in enumerate(structures)])
    forces = pd.DataFrame(
        [
            {"split": row.split, "sid": row.sid, "reference": value, "potential": 1.1 * value}
            for row in table.itertuples()
            for value in (-1.0, 1.0)
        ]
    )
    return table, forces


def test_only_unseen_library_structures_near_the_crystals_count() -> None:
    low = {"energy_reference": -2.5, "energy_error": 10.0}
    others = [
        {"energy_reference": -1.9, "energy_error": 500.0},  # more than 1 eV above the crystal
        low | {"split": "train", "energy_error": 500.0},
        low | {"config_type": "active", "energy_error": 500.0},
    ]
    fits = [Fit("minimum", "", 16.0, -3.0, 80.0, 4.5)]
    found = measure_unseen(*errors_of([low, *others]), fits, 1.0)
    assert list(found.values["unseen_energy"].values()) == pytest.approx([10.0])
    assert list(found.values["unseen_forces"].values()) == pytest.approx([10.0])
    nothing = measure_unseen(*errors_of(others), fits, 1.0)
    assert not nothing.values and "none within 1 eV/atom" in nothing.absent["unseen_energy"]
    broken = measure_unseen(*errors_of([low | {"finite": False}]), fits, 1.0)
    assert "no finite energy" in broken.failures["unseen_forces"]
    structures, forces = errors_of([low])
    forces[["reference", "potential"]] *= 1e-6
    crystals = measure_unseen(structures, forces, fits, 1.0)
    assert "unseen_forces" not in crystals.values and "without forces" in crystals.absent["unseen_forces"]


def test_a_crystal_that_falls_apart_fails_with_its_reason() -> None:
    summary = {"fraction": 0.5, "relaxations": {"runs": 4, "physical": 3}}
    apart = measure_runs(summary | {"crystal": {"state": "failed", "reason": "temperature runs away"}})
    assert apart.failures == {"crystal": "at 300 K: temperature runs away"}
    assert apart.values == {"dynamics": {"hot and compressed runs": 50.0, "relaxations of random cells": 75.0}}


def test_a_potential_without_its_ground_state_cannot_have_it_lowest() -> None:
    row = {"status": "minimum", "reason": "", "volume": 16.0, "energy": -3.0, "bulk_modulus": 80.0, "derivative": 4.0}
    lost = row | {"status": "none", "reason": "no minimum between 15 and 17 Å³/atom", "volume": None}
    rows = [
        {"crystal": "fcc", "source": "reference", "phase_energy": 0.0, **row},
        {"crystal": "fcc", "source": "potential", "phase_energy": None, **lost},
        {"crystal": "sc", "source": "potential", "phase_energy": 400.0, **row},
    ]
    runs = {"fraction": 1.0, "relaxations": {"runs": 0, "physical": 0}}
    runs |= {"crystal": {"state": "physical", "lindemann": 0.1, "neighbours_lost": 0}}
    near = errors_of([{"energy_reference": -2.5, "energy_error": 10.0}])
    found = measure(pd.DataFrame(rows), {}, runs, *near, ground_state="fcc", window=1.0)
    assert {"volume", "bulk_modulus", "ground_state", "phases"} <= set(found.failures)
    phases = {"phases": [Quantity("sc − fcc", 380.0, "meV/atom")]}
    wide = {
        name: (Result("done", quantities=of), Result("missing")) for name, of in phases.items()
    }  # minimum elsewhere
    found = measure(pd.DataFrame(rows), wide, runs, *near, ground_state="fcc", window=1.0)
    assert found.values["ground_state"] == {"lowest other crystal above fcc": 380.0}


@pytest.mark.slow
def test_tight_labels_become_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crystals = {"fcc": CrystalSettings(volume=16.0), "sc": CrystalSettings(volume=19.0)}
    settings = ElementSettings(
        d_nn=2.86, volume=[0.5, 1.6], ground_state="fcc", crystals=crystals, reference=EmtSettings()
    )
    eos = EosSettings(crystals="all", points=5)
    made = entry("Al", settings, eos, ["zone_boundary"], LabelBudget(tmp_path))
    assert made["missing"] == []
    monkeypatch.setattr("entromax.validation.references._tight_labels", lambda: {"Al": json.loads(json.dumps(made))})
    found = tight_references("Al", "fcc")
    assert found["volume"]["volume of fcc"].value == pytest.approx(15.93, abs=0.05)  # a = 3.994 Å
    assert found["phases"]["sc − fcc"].value > 100
    assert set(found["zone_boundary"]) == {"lowest at X", "highest at X", "lowest at L", "highest at L"}
    assert all(one.source.startswith("tight label: ") for numbers in found.values() for one in numbers.values())
    assert tight_references("Al", "bcc") == {} == tight_references("W", "bcc")


@pytest.mark.parametrize(
    ("scorecard", "words"),
    [
        ({"volume": "1.5 %"}, "validation.scorecard.volume (is '1.5 %')"),
        ({"volme": 1.0}, "did you mean 'volume'?"),
        ({"physical": 120.0}, "less than or equal to 100"),
        ({"low_energy_rmse_of": {"Xx": 40.0}}, "'Xx' is not a chemical element"),
    ],
)
def test_wrong_thresholds_are_refused_by_name(scorecard: dict[str, Any], words: str) -> None:
    settings = {"elements": ["Al"], "validation": {"scorecard": scorecard}}
    with pytest.raises(ConfigError) as caught:
        load_campaign(settings, origin="mine.yaml", element_dirs=[ELEMENT_FILES])
    assert words in str(caught.value) and "mine.yaml" in str(caught.value)
