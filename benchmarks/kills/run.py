"""Kill labelling campaigns in every way there is, at random moments, and count what is lost or calculated twice.

    python -m benchmarks.kills.run [--only KIND ...]     (root: it mounts a small disk and starts a one-node Slurm)

Every campaign runs through Snakemake and the committed profiles, is killed a number of times and then left to finish.
``lost``: structures whose label was in the store and is gone or another one, and structures without a label at the end.
``duplicated``: structures whose calculation began, by the diary that the workers keep beside the store, when their
label was there already, or with two labels in the store. ``repeated_attempts`` were cut off by a kill and had no label.
Writes docs/results/kill_test.json, in which kinds that were not run keep their counts.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import RESULTS
from benchmarks.slurm import LOCAL, slurm
from entromax.runtime import provenance, write_json
from tests.support.kills import ways
from tests.support.kills.campaign import EMT, KillCampaign
from tests.support.kills.torture import Kill, torture

GPAW: dict[str, object] = {"engine": "gpaw", "ecut": 150.0, "kspacing": 0.8}
RESULT = RESULTS / "kill_test.json"


KINDS: dict[str, tuple[Kill, int, bool, dict[str, object], float]] = {
    "group": (ways.group, 8, False, EMT, 0.1),
    "job": (ways.job, 8, False, EMT, 0.1),
    "worker": (ways.worker, 12, False, EMT, 0.1),
    "snakemake": (ways.snakemake, 8, False, EMT, 0.1),
    "wall_time": (ways.wall_time, 6, False, EMT, 0.1),
    "full_disk": (ways.full_disk, 6, False, EMT, 0.1),
    "truncated_line": (ways.truncated, 6, False, EMT, 0.1),
    "gpaw_group": (ways.group, 5, False, GPAW, 0.0),
    "slurm_scancel": (ways.cancel, 2, True, EMT, 0.2),
    "slurm_slurmd": (ways.node_daemon, 2, True, EMT, 0.2),
    "slurm_node": (ways.node, 2, True, EMT, 0.2),
    "slurm_snakemake": (ways.snakemake, 2, True, EMT, 0.2),
}
"""What kills, how often, whether on Slurm, the engine, and the seconds by which it is slowed."""


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 4 MB where the campaign has its label store."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def run_kind(kind: str, folder: Path, profile: Path) -> dict[str, int]:
    """Make the campaign of a kind of kill and torture it."""
    how, kills, _, reference, seconds = KINDS[kind]
    count = kills * (6 if reference is GPAW else 30)
    campaign = KillCampaign(folder, structures=count, shards=2, reference=reference, seconds=seconds)
    return torture(campaign, profile, [how] * kills)


def save(kind: str, counts: dict[str, int]) -> None:
    """Put the counts of one kind into the result file, with new totals."""
    found = json.loads(RESULT.read_text())["kinds"] if RESULT.exists() else {}
    found[kind] = {**counts, "what": KINDS[kind][0].__doc__}
    kinds = {name: found[name] for name in KINDS if name in found}
    totals = {name: sum(entry[name] for entry in kinds.values()) for name in counts}
    write_json(RESULT, {**totals, "kinds": kinds, **provenance(config="", seed=4)})
    print(kind, counts, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    chosen = parser.parse_args().only
    with tempfile.TemporaryDirectory(prefix="entromax-kill-") as scratch:
        for kind in (kind for kind in chosen if not KINDS[kind][2]):
            folder = Path(scratch, kind)
            with small_disk(folder / "label_store"):
                save(kind, run_kind(kind, folder, LOCAL))
            shutil.rmtree(folder)
        on_slurm = [kind for kind in chosen if KINDS[kind][2]]
        if on_slurm:
            with slurm(Path(scratch)) as profile:
                for kind in on_slurm:
                    save(kind, run_kind(kind, Path(scratch, kind), profile))


if __name__ == "__main__":
    main()
