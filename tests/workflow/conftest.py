"""A campaign that several tests look at."""

from pathlib import Path

import pytest

from tests.support.campaigns import EMT, ROOT, snakemake


@pytest.fixture(scope="session")
def emt_campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished campaign with EMT labels."""
    directory = tmp_path_factory.mktemp("emt")
    run = snakemake(directory, "--profile", str(ROOT / "profiles/local"), "--configfile", str(EMT))
    assert run.returncode == 0, run.stdout + run.stderr
    return directory
