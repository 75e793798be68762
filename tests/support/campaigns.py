"""Campaigns that really run, each in a folder of its own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
EMT = ROOT / "tests/workflow/emt.yaml"


def snakemake(directory: Path, *options: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run this repository's workflow in ``directory`` and return what it printed."""
    return subprocess.run(
        [
            Path(sys.executable).with_name("snakemake"),
            "--snakefile",
            ROOT / "workflow/Snakefile",
            "--directory",
            directory,
            *options,
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def count_jobs(text: str) -> dict[str, str]:
    """Return the number of jobs by rule from the table of a dry run; the live view writes rules with spaces."""
    rows = (line.rsplit(maxsplit=1) for line in text.splitlines())
    return {row[0].strip().replace(" ", "_"): row[1] for row in rows if len(row) == 2}
