"""Labels survive kills; benchmarks/kills/run.py does the same in more ways and many times."""

from pathlib import Path

from tests.support.campaigns import ROOT
from tests.support.kills.campaign import EMT, KillCampaign
from tests.support.kills.torture import torture
from tests.support.kills.ways import group, job, snakemake, truncated, worker


def test_no_label_is_lost_or_made_twice_whatever_is_killed(tmp_path: Path) -> None:
    kills = [snakemake, job, worker, group, truncated]
    campaign = KillCampaign(tmp_path, structures=150, shards=2, reference=EMT, seconds=0.1)
    counts = torture(campaign, ROOT / "profiles/local", kills)
    assert counts["kills"] == len(kills)
    assert (counts["labels"], counts["lost"], counts["duplicated"]) == (150, 0, 0)
