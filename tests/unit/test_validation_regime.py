"""The regime in which errors are known, and how the command refuses what it cannot judge."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk
from ase.io import write

from entromax.cli import main
from entromax.report.topics.regime import _survived
from entromax.validation.regime import inside, regime

TABLE = pd.DataFrame(
    {
        "split": ["train"] * 3 + ["test"] * 100,
        "volume": [10.0, 20.0, 30.0] + [15.0] * 100,
        "energy_reference": [-1.0, 0.0, 2.0] + [0.5] * 100,
        "distance": [0.0] * 3 + list(np.linspace(0.0, 1.0, 100)),
    }
)
CRYSTALS = pd.DataFrame({"source": ["reference", "potential", "reference"], "energy": [-1.5, -9.0, np.nan]})


def test_limits_are_those_of_the_tests() -> None:
    known = regime(TABLE, CRYSTALS)
    assert known is not None and known.volume == (10.0, 30.0) and known.energy == (-1.5, 2.0)
    assert known.distance == pytest.approx(0.95)
    assert inside(TABLE, known).sum() == 3 + 95
    assert known.outside(volume=20.0, energy=0.0, distance=0.5) == []
    assert known.outside(volume=np.nan, energy=0.0, distance=0.5, extrapolation=1.0) == []
    assert known.outside(volume=9.0, energy=3.0, distance=1.0) == [
        "compressed",
        "higher in energy",
        "far from the training set",
    ]
    assert known.outside(volume=31.0, energy=-2.0, distance=0.0, extrapolation=1.1) == [
        "expanded",
        "lower in energy",
        "extrapolates",
    ]


def test_without_held_out_structures_there_is_no_regime() -> None:
    assert regime(TABLE[TABLE["split"] == "train"], CRYSTALS) is None


def test_a_temperature_counts_when_all_below_it_were_survived() -> None:
    runs = pd.DataFrame(
        [
            ("hot", 1.0, 300, "physical"),
            ("hot", 1.0, 1000, "failed"),
            ("hot", 1.0, 3000, "physical"),
            ("hot", 0.85, 300, "physical"),
            ("hot", 0.85, 300, "failed"),
            ("relaxation", np.nan, np.nan, "failed"),
        ],
        columns=["kind", "compression", "temperature", "state"],
    )
    assert _survived(runs) == ["up to 300 K at V/V₀ = 1", "none: fails at 300 K at V/V₀ = 0.85"]
    assert _survived(pd.DataFrame()) == []


def test_what_cannot_be_checked_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    potential, structures = tmp_path / "Al/potentials/emt", tmp_path / "mine.extxyz"
    potential.mkdir(parents=True)
    write(structures, bulk("Cu"))

    def words() -> str:
        assert main(["check", str(potential), str(structures)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "holds no potential (no potential.json)" in words()
    (potential / "potential.json").write_text(json.dumps({"element": "Al", "d_nn": 2.86}))
    assert "holds Cu; this is a potential of Al" in words()
    write(structures, bulk("Al"))
    assert "errors of the potential not found; run its campaign up to its report" in words()
    structures.write_text("nonsense")
    assert "ASE cannot read it" in words()
