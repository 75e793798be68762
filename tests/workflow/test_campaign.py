"""A whole campaign, with EMT labels: every stage runs, joins, repeats and resumes."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from docs.make.scorecard import collect, extend_curves
from entromax.cli import main
from entromax.config import load_campaign
from entromax.structures.io import read_structures, write_structures
from entromax.validation.scorecard import METRICS
from tests.support.campaigns import EMT, ROOT, snakemake


def test_every_label_is_accounted_for(emt_campaign: Path) -> None:
    manifest = pd.read_parquet(emt_campaign / "results/Al/dataset/manifest.parquet")
    labelled = [
        atoms.info["sid"]
        for shard in (emt_campaign / "results/Al/structures").glob("*.extxyz")
        for atoms in read_structures(shard)
    ]
    library = manifest[manifest.config_type == "library"]
    assert sorted(library.sid) == sorted(labelled)
    assert len(labelled) == 20


def test_splits_do_not_overlap(emt_campaign: Path) -> None:
    splits = [
        {atoms.info["sid"] for atoms in read_structures(emt_campaign / f"results/Al/dataset/{name}.extxyz")}
        for name in ("train", "validation", "test")
    ]
    assert all(splits)
    assert sum(map(len, splits)) == len(set.union(*splits))


def test_entropy_grows_with_every_round(emt_campaign: Path) -> None:
    entropies = [json.loads((emt_campaign / f"results/library/round_{r}/summary.json").read_text()) for r in (1, 2)]
    assert entropies[0]["H_before"] < entropies[0]["H_after"] < entropies[1]["H_after"]
    assert entropies[0]["H_after"] == pytest.approx(entropies[1]["H_before"])


def test_saved_configuration_repeats_the_campaign(emt_campaign: Path) -> None:
    saved = yaml.safe_load((emt_campaign / "results/config.yaml").read_text())
    given = yaml.safe_load(EMT.read_text())
    assert saved == load_campaign(given, origin=str(EMT), element_dirs=[ROOT / "config/elements"])


def test_reports_are_single_files_that_name_the_campaign(emt_campaign: Path) -> None:
    for report in ("results/report.html", "results/Al/report.html"):
        text = (emt_campaign / report).read_text()
        assert "emt" in text
        assert 'src="http' not in text
        assert 10_000 < len(text) < 5_000_000


def test_dataset_is_exported_by_the_campaign_and_by_hand_alike(emt_campaign: Path, tmp_path: Path) -> None:
    results = emt_campaign / "results"
    arguments = ["export", "Al", "--format", "extxyz", "deepmd", "mace", "--output", str(tmp_path)]
    assert main(["--results", str(results), *arguments]) == 0
    assert sorted(path.name for path in (results / "Al/exports").iterdir()) == ["deepmd", "extxyz"]
    for path in (path for path in (results / "Al/exports").rglob("[!.]*") if path.is_file()):
        assert path.read_bytes() == (tmp_path / path.relative_to(results / "Al/exports")).read_bytes()
    assert len(read_structures(tmp_path / "mace/train.xyz")) > 10


def test_export_without_a_dataset_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--results", str(tmp_path), "export", "Al", "--format", "mace"]) == 2
    assert "holds no dataset of Al" in capsys.readouterr().err


def test_every_potential_has_a_scorecard_that_opens_the_report(emt_campaign: Path) -> None:
    folder = emt_campaign / "results/Al"
    card = json.loads((folder / "validation/gap/scorecard.json").read_text())
    rows = {(row["metric"], row["quantity"]): row for row in card["rows"]}
    assert {metric for metric, _ in rows} == set(METRICS)
    # EMT is no PBE: it is its own judge, also of what it was asked for through the label store.
    assert all(row["source"].startswith("label: ") for row in rows.values() if row["reference"] is not None)
    for key in (("volume", "volume of fcc"), ("phases", "diamond − fcc"), ("zone_boundary", "lowest at X")):
        assert rows[key]["reference"] is not None and rows[key]["passes"] is not None, key
    assert rows["elastic", "C11"]["reason"] == "no reference"
    assert rows["crystal", "neighbours lost"]["potential"] is not None
    undecided = [row for row in card["rows"] if row["passes"] is None and row["required"]]
    assert card["passed"] == (not undecided and all(row["passes"] is not False for row in card["rows"]))
    page = (folder / "report.html").read_text()
    assert page.index("<caption>Scorecard") < page.index('class="verdict')
    assert "gap" in (emt_campaign / "results/report.html").read_text().split("Scorecards: rows that pass")[1][:4000]


def test_scorecards_are_collected_with_labels_and_their_cost(emt_campaign: Path) -> None:
    entry = collect(emt_campaign / "results", None)["Al"]
    assert entry["labels"] == {"library": 20} and entry["family"] == "gap" and entry["dft_cpu_h"] > 0
    assert 0 < entry["training_structures"] < 20
    card = json.loads((emt_campaign / "results/Al/validation/gap/scorecard.json").read_text())
    assert entry["passed"] == card["passed"] and len(entry["metrics"]) == len(card["rows"])
    fewer = entry | {"labels": {"library": 5}, "repeats": [entry]}
    curve = extend_curves(extend_curves({}, {"Al": entry}), {"Al": fewer})["Al"]
    assert [one["labels"]["library"] for one in curve] == [5, 20] and len(curve[0]["passes"]) == 2
    assert curve == extend_curves({"Al": curve}, {"Al": entry})["Al"]


def test_nothing_is_left_to_do(emt_campaign: Path) -> None:
    run = snakemake(emt_campaign, "--profile", str(ROOT / "profiles/local"), "--configfile", str(EMT), "--dry-run")
    assert "Nothing to be done" in run.stdout + run.stderr


def test_same_seed_gives_the_same_library_to_the_bit(emt_campaign: Path, tmp_path: Path) -> None:
    target = "results/library/library.extxyz"
    run = snakemake(tmp_path, "--cores", "2", "--configfile", str(EMT), "--", target)
    assert run.returncode == 0, run.stderr
    assert (tmp_path / target).read_bytes() == (emt_campaign / target).read_bytes()


def test_lost_outputs_are_made_again_from_the_label_store(emt_campaign: Path, tmp_path: Path) -> None:
    """Snakemake deletes the outputs of a job that it interrupts; the labels must outlive that."""
    shutil.copytree(emt_campaign, tmp_path, dirs_exist_ok=True)
    labels = tmp_path / "results/Al/labels/shard_1.extxyz"
    before = read_structures(labels)
    lines = {path: path.read_bytes() for path in (tmp_path / "label_store").rglob("*.jsonl")}
    labels.unlink()
    run = snakemake(tmp_path, "--cores", "1", "--configfile", str(EMT), "--", str(labels.relative_to(tmp_path)))
    assert run.returncode == 0, run.stderr
    after = read_structures(labels)
    assert [atoms.info["sid"] for atoms in after] == [atoms.info["sid"] for atoms in before]
    np.testing.assert_array_equal(after[0].arrays["REF_forces"], before[0].arrays["REF_forces"])
    assert {path: path.read_bytes() for path in (tmp_path / "label_store").rglob("*.jsonl")} == lines


def test_status_tells_what_is_done(emt_campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(emt_campaign / "label_store")
    assert main(["--results", str(emt_campaign / "results"), "--store", store, "status"]) == 0
    text = capsys.readouterr().out
    for stage in ("entropy batches", "label shards", "conventional label shards", "transfer tests", "campaign report"):
        row = next(line.split() for line in text.splitlines() if line.startswith(stage))
        assert row[-1] == row[-2]
    rows = [line.split() for line in text.splitlines() if line.startswith("Al ")]
    assert len(rows) == 2  # of the library and of the conventional set
    assert all(sum(map(int, row[1:6])) == 20 and row[6] == "0" for row in rows)


def test_limits_judge_labels_again_without_a_new_calculation(
    emt_campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tighter max_force rejects labels, the quorum stops the campaign and says why, and status agrees."""
    shutil.copytree(emt_campaign, tmp_path, dirs_exist_ok=True)
    tight = tmp_path / "tight.yaml"
    tight.write_text("labels: {max_force: 0.001}\n")
    run = snakemake(
        tmp_path,
        "--profile",
        str(ROOT / "profiles/local"),
        "--configfile",
        str(EMT),
        str(tight),
        "--until",
        "aggregate_dataset",
    )
    assert run.returncode != 0
    assert "have no label" in run.stdout + run.stderr and "above max_force" in run.stdout + run.stderr
    assert main(["--results", str(tmp_path / "results"), "--store", str(tmp_path / "label_store"), "status"]) == 0
    text = capsys.readouterr().out
    row = next(line.split() for line in text.splitlines() if line.startswith("Al "))
    assert int(row[5]) > 10 and "above max_force" in text


def test_status_without_a_campaign_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--results", str(tmp_path), "status"]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_report_of_snakemake_is_made_offline(emt_campaign: Path) -> None:
    run = snakemake(emt_campaign, "--configfile", str(EMT), "--report", "report.zip")
    assert run.returncode == 0, run.stderr
    with zipfile.ZipFile(emt_campaign / "report.zip") as archive:
        page = archive.read("report/report.html").decode()
    pictures = sorted(path.relative_to(emt_campaign) for path in (emt_campaign / "results").rglob("*.png"))
    assert len(pictures) > 20
    for path in pictures:
        # A picture that is no part of the report splits nothing off.
        (_, entry) = page.split(f'"{path}": {{"name"', maxsplit=1)
        assert re.search(r'"caption": "<p>\w', entry[:400]), path


def test_every_figure_of_a_campaign_has_its_data_beside_it(emt_campaign: Path) -> None:
    for path in (emt_campaign / "results").rglob("*.png"):
        assert len(pd.read_csv(path.with_suffix(".csv"))) > 0, path


@pytest.fixture(scope="module")
def published(emt_campaign: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deposit") / "Al"
    arguments = ["publish", "Al", "--output", str(folder), "--author", "Ada Example"]
    assert main(["--results", str(emt_campaign / "results"), *arguments]) == 0
    return folder


def test_what_is_published_can_be_used_by_a_stranger(published: Path, emt_campaign: Path) -> None:
    """The script of README.md is run as it stands, in the folder, by a Python that knows nothing of the campaign."""
    (script,) = re.findall(r"```python\n(.*?)```", (published / "README.md").read_text(), flags=re.DOTALL)
    run = subprocess.run([sys.executable, "-c", script], cwd=published, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    errors = json.loads((emt_campaign / "results/Al/validation/gap/errors.json").read_text())["splits"]["test"]
    said = re.search(r"RMSE of (\d+) structures: (\S+) meV/atom", run.stdout)
    assert said and int(said[1]) == errors["structures"]
    assert float(said[2]) == pytest.approx(errors["energy_rmse"], abs=0.01)


def test_what_is_published_is_whole_and_names_its_authors(published: Path, emt_campaign: Path) -> None:
    run = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=published, capture_output=True)
    assert run.returncode == 0, run.stderr
    listed = {line.split("  ", 1)[1] for line in (published / "SHA256SUMS").read_text().splitlines()}
    files = {str(path.relative_to(published)) for path in published.rglob("*") if path.is_file()}
    assert listed == files - {"SHA256SUMS"}
    citation = yaml.safe_load((published / "CITATION.cff").read_text())
    assert citation["authors"] == [{"name": "Ada Example"}] and citation["license"] == "CC-BY-4.0"
    assert {"entromax", "emt", "gap"} <= {entry["title"] for entry in citation["references"]}
    assert str(emt_campaign) not in "".join(path.read_text(errors="replace") for path in published.glob("*.*"))


def test_publishing_refuses_what_is_not_finished_and_what_is_not_its_own(
    emt_campaign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = ["--results", str(emt_campaign / "results"), "publish"]
    assert main([*results, "Cu", "--output", str(tmp_path / "new")]) == 2
    assert "has no element 'Cu'; choose from Al" in capsys.readouterr().err
    assert main([*results, "Al", "--output", str(tmp_path)]) == 2
    assert "exists and is no published folder" in capsys.readouterr().err
    (tmp_path / "results").mkdir()
    shutil.copy(emt_campaign / "results/config.yaml", tmp_path / "results")
    assert main(["--results", str(tmp_path / "results"), "publish", "Al", "--output", str(tmp_path / "new")]) == 2
    assert "run the campaign to its end first" in capsys.readouterr().err and not (tmp_path / "new").exists()


@pytest.mark.parametrize("where", ["campaign", "deposit"])
def test_structures_are_told_inside_from_outside(
    where: str, emt_campaign: Path, published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = read_structures(emt_campaign / "results/Al/dataset/train.extxyz")
    known = max((atoms for atoms in train if len(atoms) > 1), key=lambda atoms: atoms.get_volume() / len(atoms))
    squeezed = known.copy()
    squeezed.set_cell(known.cell * 0.5, scale_atoms=True)
    write_structures(tmp_path / "mine.extxyz", [known, squeezed])
    root = emt_campaign / "results/Al" if where == "campaign" else published
    assert main(["check", str(root / "potentials/gap"), str(tmp_path / "mine.extxyz")]) == 0
    table = pd.read_csv(tmp_path / "mine_check.csv", keep_default_na=False)
    assert table["outside"][0] == "" and table["distance"][0] < 1e-5
    assert "compressed" in table["outside"][1] and "far from the training set" in table["outside"][1]
    assert "1 of 2 structures lie inside" in capsys.readouterr().out
