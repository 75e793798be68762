"""Labels survive kills; benchmarks/kill_test.py does the same in more ways and many times."""

import sys
from pathlib import Path

from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
from kill_campaign import KillCampaign
from kill_test import EMT, LOCAL, group, job, snakemake, torture, truncated, worker


def test_no_label_is_lost_or_made_twice_whatever_is_killed(tmp_path: Path) -> None:
    kills = [snakemake, job, worker, group, truncated]
    campaign = KillCampaign(tmp_path, structures=150, shards=2, reference=EMT, seconds=0.1)
    counts = torture(campaign, LOCAL, kills)
    assert counts["kills"] == len(kills)
    assert (counts["labels"], counts["lost"], counts["duplicated"]) == (150, 0, 0)
