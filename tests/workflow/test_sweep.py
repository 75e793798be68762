"""A sweep is part of the plan: one job per combination, one that takes the best, no fit of the swept settings."""

from pathlib import Path

import yaml

from tests.support.campaigns import ROOT, count_jobs, snakemake


def test_every_combination_is_a_job_of_the_plan(tmp_path: Path) -> None:
    swept = {"family": "snap", "sweep": {"twojmax": [4, 6], "energy_weight": [10, 100.0], "quadratic": [False, True]}}
    config = tmp_path / "sweep.yaml"
    config.write_text(yaml.safe_dump({"elements": ["Al"], "potentials": {"gap": {"family": "gap"}, "mine": swept}}))
    run = snakemake(tmp_path, "--dry-run", "--profile", str(ROOT / "profiles/local"), "--configfile", str(config))
    jobs = count_jobs(run.stdout + run.stderr)
    expected = {"sweep_potential": "8", "choose_potential": "1", "train_potential": "1", "validate_error_bars": "1"}
    assert expected.items() <= jobs.items(), run.stdout + run.stderr
