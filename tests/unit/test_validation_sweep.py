"""A sweep names its combinations, refuses impossible ones and takes the cheapest good potential."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from entromax.potentials.gap import GapSettings
from entromax.potentials.snap import SnapSettings
from entromax.report.topics.sweep import plot_sweep
from entromax.validation.sweep import rank
from entromax.workflow import one_of, sweep_points


def test_every_combination_has_settings_of_its_own() -> None:
    swept = SnapSettings(cutoff=1.9, sweep={"twojmax": [4, 6], "energy_weight": [10.0, 1000.0], "quadratic": [True]})
    points = sweep_points({"mine": swept, "gap": GapSettings()})
    assert list(points) == ["mine"] and len(points["mine"]) == 4
    for name, values in points["mine"].items():
        settings = SnapSettings.model_validate(values)
        assert settings.cutoff == 1.9 and settings.quadratic and not settings.sweep
        assert name == f"twojmax-{settings.twojmax}_energy_weight-{settings.energy_weight}_quadratic-true"


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ({"twojmx": [4]}, "sweep.twojmx: is no key of this potential; choose from .*twojmax"),
        ({"twojmax": [4, 40]}, "combination twojmax-40 is impossible"),
        ({"twojmax": []}, "at least 1 item"),
        ({"sweep": [1]}, "is no key"),
    ],
)
def test_impossible_sweeps_are_refused(sweep: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SnapSettings(sweep=sweep)


def test_no_name_matches_an_empty_choice() -> None:
    import re

    assert re.fullmatch(one_of(["a.b", "c"]), "a.b") and not re.fullmatch(one_of(["a.b", "c"]), "axb")
    assert not re.fullmatch(one_of([]), "") and not re.fullmatch(one_of([]), "a")


def table() -> pd.DataFrame:
    rows = [
        ("big", 9.0, 0.09, 900.0),
        ("small", 40.0, 0.4, 10.0),
        ("middle", 9.5, 0.095, 100.0),
        ("silly", 50.0, 0.5, 500.0),
    ]
    return pd.DataFrame(rows, columns=["point", "energy_rmse", "force_rmse", "microseconds"]).assign(stress_rmse=1.0)


def test_the_cheapest_within_a_tenth_of_the_best_is_taken(tmp_path: Path) -> None:
    ranked = rank(table())
    assert ranked["point"].tolist() == ["small", "middle", "silly", "big"]
    assert ranked.loc[ranked["pareto"], "point"].tolist() == ["small", "middle", "big"]
    assert ranked.loc[ranked["chosen"], "point"].tolist() == ["middle"]
    assert ranked["score"].min() == pytest.approx(1)
    plot_sweep(ranked, tmp_path / "sweep.png")
    assert (tmp_path / "sweep.png").stat().st_size > 10_000


def test_a_potential_that_explodes_is_never_taken() -> None:
    rows = table()
    rows.loc[rows["point"] == "middle", ["energy_rmse", "force_rmse"]] = np.inf
    assert rank(rows).query("chosen")["point"].tolist() == ["big"]
    with pytest.raises(ValueError, match="no potential of the sweep gives finite numbers"):
        rank(rows.assign(energy_rmse=np.inf))
