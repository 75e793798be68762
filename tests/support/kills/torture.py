"""Kill a campaign again and again, let it finish and count what was lost or done twice."""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.kills.campaign import KillCampaign
from tests.support.kills.ways import CHANCE, processes

Kill = Callable[[KillCampaign, "subprocess.Popen[bytes]"], None]


def torture(campaign: KillCampaign, profile: Path, kills: Sequence[Kill]) -> dict[str, int]:
    """Kill a campaign in the given ways, one after the other, let it finish and return the counts.

    Raises:
        RuntimeError: the campaign did not begin at all, or had finished before all kills.
    """
    run, done, lost, safe = campaign.start(profile), 0, set[str](), dict[str, float | None]()
    while done < len(kills) or run.poll() is None or run.returncode:
        if done < len(kills) and _has_progressed(campaign, run):
            kills[done](campaign, run)
            done += 1
        elif run.poll() is None:
            time.sleep(0.2)
        if run.poll() and not campaign.starts():
            raise RuntimeError((campaign.folder / "snakemake.log").read_text())
        if run.poll() is not None and (done < len(kills) or run.returncode):
            found = {sid: record.energy for sid, record in campaign.labels().items()}
            lost |= {sid for sid, energy in safe.items() if found.get(sid) != energy}
            safe = found
            if len(found) == len(campaign.sids) and done < len(kills):
                raise RuntimeError(f"{campaign.folder}: finished after {done} kills; give it more structures")
            run = campaign.start(profile)
    if len(campaign.labels()) < len(campaign.sids):  # killed as often as one run allows: run again, as a user does
        campaign.start(profile, "--forcerun", "label_shard").wait()
    labels = campaign.labels()
    lost |= set(campaign.sids) - set(labels)
    return {
        "kills": done,
        "structures": len(campaign.sids),
        "labels": len(labels),
        "lost": len(lost),
        "duplicated": len(campaign.repeated()),
        "repeated_attempts": len(campaign.starts()) - len(labels),
    }


def _has_progressed(campaign: KillCampaign, run: "subprocess.Popen[bytes]") -> bool:
    """Wait for a new label and then for a random while; return whether the campaign still runs."""
    before = campaign.lines().total()
    while campaign.lines().total() == before and run.poll() is None:
        time.sleep(0.02)
    time.sleep(CHANCE.uniform(0, 1.0))
    return run.poll() is None and bool(processes(campaign, "entromax.labels.worker"))
