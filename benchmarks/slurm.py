"""Where campaigns of a benchmark run: the local profile, or a one-node Slurm of their own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import ROOT

CLUSTER = ROOT / "tests/slurm/cluster.sh"
LOCAL = ROOT / "profiles/local"


@contextmanager
def slurm(folder: Path) -> Iterator[Path]:
    """A one-node Slurm in ``folder / "cluster"``; yields the profile for it."""
    text = (ROOT / "profiles/slurm/config.yaml").read_text()
    text = text.replace("slurm_partition: CHANGE_ME", "slurm_partition: cpu").replace("CHANGE_ME", "root")
    text = text.replace("status-checks: 10", "status-checks: 1").replace("retries: 2", "retries: 20")
    (folder / "profile").mkdir()
    (folder / "profile/config.yaml").write_text(text)
    subprocess.run([CLUSTER, "start", folder / "cluster"], check=True)
    try:
        yield folder / "profile"
    finally:
        subprocess.run([CLUSTER, "stop", folder / "cluster"], check=True)
