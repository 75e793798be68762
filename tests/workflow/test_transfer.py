"""The transfer test of a campaign, and two campaigns side by side."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from entromax.cli import main
from entromax.structures.io import read_structures


def test_transfer_compares_potentials_of_as_many_labels_on_structures_of_both_sets(emt_campaign: Path) -> None:
    results = emt_campaign / "results/Al"
    found = json.loads((results / "validation/gap/transfer.json").read_text())
    held_out = {
        "a": read_structures(results / "dataset/test.extxyz"),
        "b": read_structures(results / "conventional/test.extxyz"),
    }
    trained = {}
    for letter, name in (("a", "entropy"), ("b", "conventional")):
        card = json.loads((results / f"transfer/gap/{name}_100/potential.json").read_text())
        assert card["training_structures"] == found["n_labels"] + 1  # and the free atom
        trained[letter] = {atoms.info["sid"] for atoms in read_structures(results / f"transfer/sets/{name}_100.extxyz")}
    assert trained["a"] & trained["b"] == {
        atoms.info["sid"]
        for atoms in read_structures(results / "labels/reference.extxyz")
        if atoms.info["config_type"] == "isolated_atom"
    }
    for fitted in "ab":
        for tested in "ab":
            cell = found[f"{fitted}_on_{tested}"]
            assert cell["structures"] == len(held_out[tested])
            assert 0 < cell["energy_rmse"] < 1000 and cell["not_finite"] == 0
            assert not trained[fitted] & {atoms.info["sid"] for atoms in held_out[tested]}
    curve = pd.read_csv(results / "validation/gap/transfer.csv")
    assert len(curve) == 8 and sorted(curve["percent"].unique()) == [50, 100]


def test_conventional_structures_are_none_of_the_library(emt_campaign: Path) -> None:
    results = emt_campaign / "results/Al"
    library, conventional = (
        {atoms.info["sid"] for path in folder.glob("*.extxyz") for atoms in read_structures(path)}
        for folder in (results / "structures", results / "conventional/structures")
    )
    assert len(conventional) == 20 and not library & conventional


def test_errors_are_known_on_the_second_held_out_set_and_by_distance(emt_campaign: Path) -> None:
    results = emt_campaign / "results/Al/validation/gap"
    splits = json.loads((results / "errors.json").read_text())["splits"]
    assert splits["conventional"]["structures"] == 4
    table = pd.read_csv(results / "errors_structures.csv").set_index("split")["distance"]
    assert table["train"].max() < 1e-6 < table["test"].min()
    bins = pd.read_csv(results / "errors_bins.csv")
    by_distance = bins[bins["by"].str.startswith("distance")].groupby("split")["structures"].sum()
    assert by_distance["conventional"] == 4


def test_robustness_repeats_runs_and_relaxes_random_cells(emt_campaign: Path) -> None:
    results = emt_campaign / "results/Al/validation/gap"
    runs = pd.read_csv(results / "robustness_runs.csv")
    assert runs["kind"].value_counts().to_dict() == {"hot": 2, "relaxation": 1}
    hot = runs[runs["kind"] == "hot"]
    assert hot["closest"].nunique() == 2  # other velocities in every repeat
    assert json.loads((results / "robustness.json").read_text())["relaxations"]["runs"] == 1


def test_both_potentials_run_through_the_same_dynamics(emt_campaign: Path) -> None:
    results = emt_campaign / "results/Al/validation/gap"
    asked, ends = {}, {}
    for name in ("entropy", "conventional"):
        summary = json.loads((results / f"robustness_{name}.json").read_text())
        asked[name] = summary["settings"], summary["seed"], summary["runs"]
        ends[name] = pd.read_csv(results / f"robustness_{name}_runs.csv")["closest"]
    assert asked["entropy"] == asked["conventional"]
    assert not ends["entropy"].equals(ends["conventional"])  # a run that fails has no end, which equals itself here
    whole = pd.read_csv(results / "robustness_runs.csv")["closest"]
    assert ends["entropy"].equals(whole)  # here the library is the smaller set: the same potential fitted twice


def test_the_element_report_shows_the_transfer(emt_campaign: Path) -> None:
    text = (emt_campaign / "results/Al/report.html").read_text()
    assert "Transfer" in text and "the other set over its own" in text
    assert "Dynamics with the potential of the conventional set" in text


@pytest.fixture
def other(emt_campaign: Path, tmp_path: Path) -> Path:
    """Return results of a campaign that differ in one setting and in the energy error."""
    copy = tmp_path / "other"
    shutil.copytree(emt_campaign / "results", copy)
    config = yaml.safe_load((copy / "config.yaml").read_text())
    config["campaign"], config["labels"]["max_force"] = "second", 77.0
    (copy / "config.yaml").write_text(yaml.safe_dump(config))
    errors = copy / "Al/validation/gap/errors.json"
    numbers = json.loads(errors.read_text())
    numbers["splits"]["test"]["energy_rmse"] *= 2
    errors.write_text(json.dumps(numbers))
    shutil.rmtree(copy / "Al/transfer")
    (copy / "Al/validation/gap/robustness.json").unlink()
    return copy


def test_comparison_names_what_differs_and_only_that_among_settings(
    emt_campaign: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "comparison.html"
    assert main(["compare", str(emt_campaign / "results"), str(other), "--output", str(page)]) == 0
    assert "max_force" in capsys.readouterr().out
    table = pd.read_csv(page.with_suffix(".csv")).set_index("what")
    assert sorted(table.index[table["topic"] == "settings"]) == ["campaign", "labels.max_force"]
    assert table.loc["labels.max_force", ["a", "b"]].astype(float).tolist() == [300.0, 77.0]
    error = table.loc["Al gap, test set: energy RMSE [meV/atom]", ["a", "b"]].astype(float)
    assert error["b"] == pytest.approx(2 * error["a"])
    assert pd.isna(table.loc["Al gap: runs tested", "b"]) and float(table.loc["Al gap: runs tested", "a"]) == 2
    text = page.read_text()
    assert "× 2.00" in text and "<script" not in text and 'src="http' not in text


def test_comparison_with_a_folder_that_is_no_campaign_says_what_to_do(
    emt_campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "comparison.html"
    assert main(["compare", str(emt_campaign / "results"), str(tmp_path), "--output", str(page)]) == 2
    message = capsys.readouterr().err
    assert str(tmp_path) in message and "holds no config.yaml" in message and "name the folder" in message
    assert not page.exists()
