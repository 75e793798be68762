"""The plan is printed before anything runs, and what is wrong is refused before anything runs."""

from pathlib import Path

import pytest
import yaml

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
        "maximise_batch": "4",
        "merge_round": "2",
        "label_shard": "4",
        "train_potential": "1",
        "report_campaign": "1",
    }
    assert expected.items() <= jobs.items(), text


def test_eight_elements_share_one_library(tmp_path: Path) -> None:
    config = tmp_path / "eight.yaml"
    config.write_text(yaml.safe_dump({"elements": EIGHT}))
    run = snakemake(tmp_path, "--dry-run", "--cores", "1", "--configfile", str(config))
    jobs = count_jobs(run.stdout + run.stderr)
    assert jobs["order_library"] == "1"
    assert jobs["report_element"] == "8"


BAD = {
    "unknown key": ({"elements": ["Al"], "sed": 3}, "did you mean 'seed'?"),
    "zero structures": ({"elements": ["Al"], "labels": {"structures": 0}}, "labels.structures"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_configuration_stops_before_any_job(name: str, tmp_path: Path) -> None:
    settings, words = BAD[name]
    config = tmp_path / "mine.yaml"
    config.write_text(yaml.safe_dump(settings))
    run = snakemake(tmp_path, "--cores", "1", "--configfile", str(config))
    assert run.returncode != 0
    assert f"{config}: " in run.stderr and words in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "results").exists()


def test_slurm_profile_with_placeholders_stops_before_any_job(tmp_path: Path) -> None:
    run = snakemake(tmp_path, "--profile", str(ROOT / "profiles/slurm"), "--configfile", str(EMT))
    assert run.returncode != 0
    assert "is still the placeholder" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert not (tmp_path / "results").exists()
