"""Active learning in a campaign: two batches, each chosen by the committee of the fit before it."""

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml

from entromax.active.batches import write_batches
from entromax.active.committee import Committee
from entromax.cli import main
from entromax.progress import load_results
from entromax.report.results import load_element_results
from entromax.report.topics import active
from entromax.structures.io import read_structures
from entromax.structures.kinds import CHOSEN
from tests.support.campaigns import ROOT, count_jobs, snakemake

ACTIVE = Path(__file__).with_name("active.yaml")
OPTIONS = ("--profile", str(ROOT / "profiles/local"), "--configfile", str(ACTIVE))
TARGETS = ("--", "results/Al/active/curve.csv", "results/config.yaml")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a campaign with two iterations of active learning, without validation and report."""
    directory = tmp_path_factory.mktemp("active")
    run = snakemake(directory, *OPTIONS, *TARGETS, timeout=1800)
    assert run.returncode == 0, run.stdout + run.stderr
    return directory


def sids(*paths: Path) -> list[str]:
    return [atoms.info["sid"] for path in paths for atoms in read_structures(path)]


def test_every_chosen_structure_is_labelled_once_and_trained_on(campaign: Path) -> None:
    results = campaign / "results/Al"
    library = sids(*results.glob("structures/*.extxyz"))
    chosen = [sids(*(results / f"active/{i}/structures").glob("*.extxyz")) for i in (1, 2)]
    assert [len(batch) for batch in chosen] == [6, 6]
    wanted = [*library, *chosen[0], *chosen[1]]
    assert len(wanted) == len(set(wanted)) == 24 + 12
    lines = [line for path in (campaign / "label_store").rglob("*.jsonl") for line in path.read_text().splitlines()]
    stored = Counter(json.loads(line).get("sid") for line in lines)
    assert {stored[sid] for sid in wanted} == {1}
    manifest = pd.read_parquet(results / "dataset/manifest.parquet").set_index("sid")
    roles = manifest.loc[[*chosen[0], *chosen[1]], ["config_type", "state", "role"]]
    assert set(roles["config_type"]) == {"active", "low_energy", "near_equilibrium"}
    assert (roles.loc[roles["state"] == "converged", "role"].isin(("train", "outlier"))).all()
    trained = roles.index[roles["role"] == "train"]
    assert len(trained) >= 10 and set(trained) <= set(sids(results / "dataset/train.extxyz"))


def test_batches_come_from_all_pools(campaign: Path) -> None:
    results = campaign / "results/Al/active"
    tables = [pd.read_csv(results / f"{i}/candidates.csv", keep_default_na=False) for i in (1, 2)]
    for i, table in enumerate(tables, start=1):
        known = set(pd.read_parquet(results / f"{i}/dataset/manifest.parquet")["sid"])
        assert not known & set(table["sid"])
        assert set(table["origin"]) == {"relaxed", "distorted", "library", "dynamics"}
        assert (table["excluded"] == "")[table["rank"] != ""].all()
        for pool in ("low_energy", "near_equilibrium", "active"):  # a third of the six each
            ranks = table.loc[table["pool"] == pool, "rank"]
            assert sorted(map(float, ranks[ranks != ""])) == [1, 2]
    runs = [pd.read_csv(results / f"{i}/runs.csv") for i in (1, 2)]
    assert len(runs[0]) == 4 and not runs[0]["closest"].equals(runs[1]["closest"])


def test_every_fit_holds_the_batches_before_it_and_is_tested_on_the_same_set(campaign: Path) -> None:
    results = campaign / "results/Al"
    folders = [results / "active/1/dataset", results / "active/2/dataset", results / "dataset"]
    for name in ("test.extxyz", "validation.extxyz"):
        assert len({(folder / name).read_bytes() for folder in folders}) == 1
    sets = [set(sids(folder / "train.extxyz")) for folder in folders]
    assert sets[0] < sets[1] < sets[2] and not sets[2] & set(sids(folders[0] / "test.extxyz"))
    curve = pd.read_csv(results / "active/curve.csv")
    assert curve["batches"].tolist() == [0, 1, 2]
    assert curve["labels"].tolist() == [len(one) - 1 for one in sets]
    assert (curve["energy_rmse"] > 0).all() and curve["test_bar"].notna().all()
    searched = curve[:2]
    origins = [f"chosen_{origin}" for origin in ("relaxed", "distorted", "library", "dynamics")]
    assert (searched[origins].sum(axis=1) == 6).all()
    assert (searched["batch_energy_rmse"] > 0).all() and curve["candidates"][2:].isna().all()


def test_a_structure_is_better_known_once_it_was_trained_on(campaign: Path) -> None:
    results = campaign / "results/Al"
    chosen = read_structures(results / "active/1/labels/shard_1.extxyz")
    fits = [
        Committee.load(results / "active/1/potential", results / "active/1/dataset/train.extxyz"),
        Committee.load(results / "potentials/snap", results / "dataset/train.extxyz"),
    ]
    before, after = (
        [abs(fit.calculator.get_property("energy", atoms) - atoms.info["REF_energy"]) for atoms in chosen]
        for fit in fits
    )
    assert sum(after) < sum(before)


def test_nothing_is_left_to_do_and_one_more_batch_leaves_the_others(campaign: Path, tmp_path: Path) -> None:
    run = snakemake(campaign, *OPTIONS, "--dry-run", *TARGETS)
    assert "Nothing to be done" in run.stdout + run.stderr
    more = tmp_path / "more.yaml"
    more.write_text(yaml.safe_dump({"active": {"iterations": 3}}))
    run = snakemake(campaign, *OPTIONS, str(more), "--dry-run", *TARGETS)
    jobs = count_jobs(run.stdout + run.stderr)
    assert {"select_structures": "1", "label_active": "1", "train_active": "1"}.items() <= jobs.items(), run.stdout
    assert "label_shard" not in jobs


def test_batches_of_an_earlier_campaign_are_taken_and_may_end_early(campaign: Path, tmp_path: Path) -> None:
    first = campaign / "results/Al/active/1"
    chosen = [atoms for path in sorted(first.glob("structures/*.extxyz")) for atoms in read_structures(path)]
    write_batches(tmp_path / "batches", "Al", {1: chosen})
    store = {path: path.read_text() for path in (campaign / "label_store").rglob("*.jsonl")}
    given = tmp_path / "given.yaml"
    labels, taken = {"store": str(campaign / "label_store")}, {"batches": str(tmp_path / "batches")}
    given.write_text(yaml.safe_dump({"labels": labels, "active": taken}))
    run = snakemake(tmp_path, *OPTIONS, str(given), "--", "results/Al/dataset/manifest.parquet", timeout=1800)
    assert run.returncode == 0, run.stdout + run.stderr
    assert {path: path.read_text() for path in (campaign / "label_store").rglob("*.jsonl")} == store  # none paid twice
    results = tmp_path / "results/Al"
    assert sids(*results.glob("active/1/structures/*.extxyz")) == [atoms.info["sid"] for atoms in chosen]
    assert sids(*results.glob("active/2/structures/*.extxyz")) == []
    assert "batch 2 is empty" in (tmp_path / "logs/take_batch/Al/2.log").read_text()
    kinds = pd.read_parquet(results / "dataset/manifest.parquet")["config_type"]
    assert (kinds == "library").sum() == 24 and kinds.isin(CHOSEN).sum() == 6


def test_status_counts_the_batches(campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(campaign / "label_store")
    assert main(["--results", str(campaign / "results"), "--store", store, "status"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert next(row for row in rows if row[:3] == ["active", "label", "shards"])[-2:] == ["2", "2"]
    assert sum(map(int, next(row for row in rows if row[:1] == ["Al"])[1:6])) == 36


def test_report_shows_the_iterations(campaign: Path) -> None:
    settings = load_results(campaign / "results")
    section = active.section(load_element_results(campaign / "results/Al", "Al", settings))
    tables = [block.table for block in section.blocks if block.table]
    assert len(tables) == 1 and len(tables[0].rows) == 3
    assert sum(len(block.images) for block in section.blocks) == 3
    assert not active.section(load_element_results(campaign, "Al", settings)).blocks
