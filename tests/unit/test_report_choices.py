"""Sections of the report on error bars and on sweeps: the numbers that were measured are the numbers that are shown."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from entromax.config.models import CampaignSettings
from entromax.potentials.uncertainty import judge_bars
from entromax.report.kit import Block, Section
from entromax.report.results import Card, ElementResults, load_element_results
from entromax.report.topics import error_bars, sweep
from entromax.report.topics.error_bars import plot_error_bars
from entromax.report.topics.errors import how_fitted
from entromax.report.topics.sweep import plot_sweep
from entromax.runtime import write_json
from entromax.validation.sweep import rank


def shown(blocks: list[Block]) -> list[list[str]]:
    """Return the rows of all tables as text."""
    return [[cell.text for cell in row] for block in blocks if block.table for row in block.table.cells()]


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    """Results of an element with a potential whose bars are right and know which errors are large."""
    folder = tmp_path / "validation/snap"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    bars = rng.uniform(0.5, 5.0, size=4000)
    errors = bars * rng.normal(size=4000)
    write_json(folder / "error_bars.json", {"units": {"forces": "eV/Å"}, "forces": judge_bars(errors, bars)})
    rows = pd.DataFrame({"quantity": "forces", "error": errors, "bar": bars})
    plot_error_bars(rows, folder / "error_bars.png")
    return tmp_path


def results_of(folder: Path) -> ElementResults:
    """Return what a folder holds of an element with two potentials."""
    element = {"d_nn": 2.86, "volume": [0.5, 1.6], "ground_state": "fcc", "crystals": {"fcc": {"volume": 16.5}}}
    settings = CampaignSettings.model_validate(
        {
            "elements": {"Al": {**element, "reference": {"engine": "emt"}}},
            "potentials": {"gap": {"family": "gap"}, "snap": {"family": "snap"}},
        }
    )
    return load_element_results(folder, "Al", settings)


def bars_of(folder: Path) -> Section:
    return error_bars.section(results_of(folder))


def test_coverage_and_rank_correlation_of_error_bars_are_shown(judged: Path) -> None:
    section = bars_of(judged)
    ((name, count, _, _, spearman, *covered),) = shown(section.blocks)
    assert (name, count) == ("snap: forces [eV/Å]", "4 000")
    assert 0.3 < float(spearman) < 0.7
    parts = [float(text.removesuffix(" %")) for text in covered]
    assert parts == pytest.approx([50, 68.27, 80, 90, 95.45], abs=2.5)
    (table,) = [block.table for block in section.blocks if block.table]
    assert list(table.columns[-5:]) == [f"inside {p} %" for p in ("50", "68.3", "80", "90", "95.5")]
    assert sum(len(block.images) for block in section.blocks) == 1


def test_error_bars_that_nothing_has_scaled_are_said_to_be_too_small(judged: Path) -> None:
    assert "Those of snap are not scaled" in bars_of(judged).lead
    card = {"training_structures": 20, "fit_seconds": 1.5, "facts": {"calibration": {"energy": 1.3, "forces": 2.0}}}
    (judged / "potentials/snap").mkdir(parents=True)
    write_json(judged / "potentials/snap/potential.json", card)
    assert "not scaled" not in bars_of(judged).lead


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, "Fitted to 20 structures in 1.50 s."),
        ({"hidden_units": 9, "left_out_scores": {"9": 0.1}}, "Fitted to 20 structures in 1.50 s, with 9 hidden units."),
        (
            {"hidden_units": 1000, "left_out_scores": {"0": 0.2, "1000": 0.12}},
            "Fitted to 20 structures in 1.50 s, with 1000 hidden units: "
            "errors of left-out structures with 1000 hidden units are 0.60 times those without.",
        ),
        (
            {"hidden_units": 0, "left_out_scores": {"1000": 0.18, "0": 0.2}},
            "Fitted to 20 structures in 1.50 s: errors of left-out structures with 1000 hidden units are 0.90 times "
            "those without.",
        ),
    ],
)
def test_report_tells_whether_hidden_units_were_kept(facts: dict[str, object], told: str) -> None:
    assert how_fitted(Card(training_structures=20, fit_seconds=1.5, facts=facts)) == told


def test_sweep_shows_all_combinations_and_why_one_was_taken(tmp_path: Path) -> None:
    rows = rank(
        pd.DataFrame(
            {
                "point": ["twojmax-2", "twojmax-8"],
                "energy_rmse": [50.0, 10.0],
                "force_rmse": [0.5, 0.1],
                "stress_rmse": [1.0, 1.0],
                "microseconds": [20.0, 300.0],
            }
        )
    )
    folder = tmp_path / "sweeps"
    folder.mkdir()
    rows.to_csv(folder / "snap.csv", index=False)
    write_json(folder / "snap.json", {"chosen": "twojmax-8", "reason": "cheapest of 2 that is good", "settings": {}})
    plot_sweep(rows, folder / "snap.png")
    section = sweep.section(results_of(tmp_path))
    assert shown(section.blocks) == [
        ["twojmax-2", "50.0", "0.500", "20.0", "5.00"],
        ["twojmax-8", "10.0", "0.100", "300", "1.00"],
    ]
    assert "snap: taken is twojmax-8, the cheapest of 2 that is good." in section.blocks[0].text
    assert sum(len(block.images) for block in section.blocks) == 1


def test_nothing_is_said_where_there_is_neither(tmp_path: Path) -> None:
    assert bars_of(tmp_path).blocks == []
    assert sweep.section(results_of(tmp_path)).blocks == []
