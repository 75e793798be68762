"""The plan is printed before anything runs, and what is wrong is refused before anything runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from entromax.config import CampaignSettings, load_campaign
from entromax.layout import CampaignFolder
from entromax.progress import stage_outputs
from tests.support.campaigns import EMT, ROOT, count_jobs, snakemake

EIGHT = ["Al", "W", "Be", "Re", "Os", "C", "Sb", "Te"]


@pytest.mark.parametrize("profile", ["local", "slurm"])
def test_dry_run_shows_the_whole_plan(profile: str, tmp_path: Path) -> None:
    """No checkpoint: every job of every stage is known before the first one runs."""
    quickstart = str(ROOT / "config/config.yaml")
    run = snakemake(tmp_path, "--dry-run", "--profile", str(ROOT / "profiles" / profile), "--configfile", quickstart)
    text = run.stdout + run.stderr
    assert run.returncode == 0, text
    jobs = count_jobs(text)
    expected = {
        "take_library": "1",
        "label_shard": "6",
        "train_potential": "1",
        "report_campaign": "1",
    }
    assert expected.items() <= jobs.items(), text


def test_eight_elements_share_one_library(tmp_path: Path) -> None:
    config = tmp_path / "eight.yaml"
    config.write_text(yaml.safe_dump({"elements": EIGHT}))
    run = snakemake(tmp_path, "--dry-run", "--cores", "1", "--configfile", str(config))
    jobs = count_jobs(run.stdout + run.stderr)
    assert jobs["take_library"] == "1"
    assert jobs["report_element"] == "8"


def test_a_library_of_ones_own_is_made_in_rounds_and_joined_by_crystals(tmp_path: Path) -> None:
    run = snakemake(tmp_path, "--dry-run", "--cores", "1", "--configfile", str(EMT))
    jobs = count_jobs(run.stdout + run.stderr)
    made = {"maximise_batch": "4", "merge_round": "2", "add_crystals": "1", "order_library": "1"}
    assert made.items() <= jobs.items() and "take_library" not in jobs


def test_layout_knows_where_the_rules_write(tmp_path: Path) -> None:
    """What `entromax status`, `inspect` and the reports look for is what the rules make, also of every extra stage."""
    settings = yaml.safe_load((ROOT / "tests/workflow/active.yaml").read_text())
    settings["library"] = yaml.safe_load(EMT.read_text())["library"]
    settings["validation"] = {"transfer": {"structures": 10, "percents": [100]}, "properties": []}
    config = tmp_path / "all.yaml"
    config.write_text(yaml.safe_dump(settings))
    run = snakemake(tmp_path, "--summary", "--cores", "1", "--configfile", str(config))
    made = {Path(line.split("\t")[0]) for line in run.stdout.splitlines()[1:]}
    merged = load_campaign(settings, origin="all", element_dirs=[ROOT / "config/elements"])
    stages = stage_outputs(CampaignSettings.model_validate(merged), Path(merged["results"]))
    assert all(stages.values()), "every stage has jobs in this campaign"
    for name, paths in stages.items():
        assert {path if path.name != "potential.json" else path.parent for path in paths} <= made, name
    folder = CampaignFolder(Path(merged["results"])).element("Al")
    assert {part.structures for part in (folder, folder.active(1), folder.conventional)} <= made
    assert {part.labels(1) for part in (folder, folder.active(1), folder.conventional)} <= made


BAD = {
    "unknown key": ({"elements": ["Al"], "sed": 3}, "did you mean 'seed'?"),
    "nested key at the top": ({"elements": ["Al"], "store": "x"}, "belongs below labels: write labels.store"),
    "results that is a file": (
        {"elements": ["Al"], "results": "mine.yaml"},
        "results (is 'mine.yaml'): mine.yaml is a file",
    ),
    "label store that is a file": (
        {"elements": ["Al"], "labels": {"store": "mine.yaml/store"}},
        "labels.store (is 'mine.yaml/store'): mine.yaml is a file",
    ),
    "zero structures": ({"elements": ["Al"], "labels": {"structures": 0}}, "labels.structures"),
    "more structures than the library has": (
        {"elements": ["Al"], "labels": {"structures": 9000}},
        "9000 structures wanted",
    ),
    "unknown version of the library": (
        {"elements": ["Al"], "library": {"version": 9}},
        "no library version 9; shipped with this entromax: 1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_configuration_stops_before_any_job(name: str, tmp_path: Path) -> None:
    settings, words = BAD[name]
    config = tmp_path / "mine.yaml"
    config.write_text(yaml.safe_dump(settings))
    run = snakemake(tmp_path, "--cores", "1", "--configfile", str(config))
    assert run.returncode != 0
    assert words in run.stderr and "mine.yaml" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "results").exists()


def test_run_names_file_and_line_of_broken_yaml(tmp_path: Path) -> None:
    """Snakemake, which reads --configfile before any of our code, names neither; ./run has looked before."""
    shutil.copy(ROOT / "run", tmp_path)
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs/setup.sh").touch()  # this environment is set up
    (tmp_path / "broken.yaml").write_text("elements: [Al]\nlabels: {structures: 3\nseed: 1\n")
    (tmp_path / "good.yaml").write_text("elements: [Al]\n")
    command = [tmp_path / "run", "--dry-run", "--configfile", "good.yaml", "broken.yaml", "--cores", "1"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False)
    assert run.returncode == 2 and run.stdout == ""
    assert run.stderr.startswith("entromax: broken.yaml: line 3, column 5: is not valid YAML")
    assert len(run.stderr.splitlines()) == 1
    run = subprocess.run(
        [*command[:4], *command[5:]], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert "YAML" not in run.stderr and "profile" in run.stderr, (
        "this one goes on to Snakemake, which misses its profile"
    )


def test_slurm_profile_with_placeholders_stops_before_any_job(tmp_path: Path) -> None:
    run = snakemake(tmp_path, "--profile", str(ROOT / "profiles/slurm"), "--configfile", str(EMT))
    assert run.returncode != 0
    assert "is still the placeholder" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert not (tmp_path / "results").exists()
