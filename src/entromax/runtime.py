"""What every job needs around its work: atomic writes, a log, provenance."""

import contextlib
import hashlib
import json
import logging
import os
import platform
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

import entromax
from entromax.layout import WORKFLOW_FILES

PACKAGES = ("torch", "numpy", "ase", "gpaw", "quippy-ase", "snakemake", "pandas")


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that replaces it when the block ends without an error.

    A reader therefore sees the whole file or none, also when the job is killed while it writes.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{final.name}.{os.getpid()}.tmp{final.suffix}")
    try:
        yield temporary
        os.replace(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, data: Any) -> None:
    """Write ``data`` as indented JSON, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(data, indent=2, sort_keys=False) + "\n")


def write_yaml(path: str | Path, data: Any) -> None:
    """Write plain ``data`` as YAML in the order of its keys, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


@contextlib.contextmanager
def job_log(path: str | Path) -> Iterator[logging.Logger]:
    """Send logging and all that is printed to ``path`` while the block runs, the traceback of an error included.

    The terminal stays free for Snakemake's live view; ``show-failed-logs`` in the profiles brings the log of a failed
    job there. When Snakemake is killed the job ends with it: a restart must never find it still at work.
    """
    threading.Thread(target=_end_with, args=(os.getppid(), Path(path)), daemon=True).start()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    log = logging.getLogger("entromax")
    log.setLevel(logging.INFO)
    started = time.monotonic()
    with (
        open(path, "a", buffering=1) as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        log.addHandler(handler)
        try:
            yield log
            log.info("done in %.1f s", time.monotonic() - started)
        except BaseException:
            log.exception("failed after %.1f s", time.monotonic() - started)
            raise
        finally:
            log.removeHandler(handler)


def _end_with(parent: int, log: Path) -> None:
    """End this process as soon as ``parent`` is gone; children that wait for our pipes end too."""
    while os.getppid() == parent:
        time.sleep(0.2)
    with contextlib.suppress(OSError), log.open("a") as file:
        file.write("ended: Snakemake, which had started this job, is gone\n")
    os._exit(1)


def seconds_left(minutes: float) -> float:
    """Return the seconds until the batch system ends this job, or the ``minutes`` that it may take where there is none.

    Slurm is asked, because its clock has run since the job began (two Snakemakes start before us) and because its limit
    may have been changed since.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is not None:
        with contextlib.suppress(OSError, ValueError):
            command = ["squeue", "--noheader", "--job", job, "--format=%e"]
            answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
            left = (datetime.fromisoformat(answer) - datetime.now()).total_seconds()
            return min(left, 60.0 * minutes)
    return 60.0 * minutes


def config_hash(settings: Mapping[str, Any]) -> str:
    """Return 12 hex digits that identify ``settings`` independently of the order of its keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def package_version(name: str) -> str:
    """Return the installed version of a package, or ``"absent"``."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def source_commit() -> str:
    """Return the git commit of the source tree (``+dirty`` when it differs), or ``"unknown"`` outside a checkout."""
    if not (WORKFLOW_FILES / ".git").exists():  # an installed wheel may lie within the checkout of something else
        return "unknown"
    try:
        commit = subprocess.run(
            ["git", "-C", WORKFLOW_FILES, "describe", "--always", "--dirty=+dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit.stdout.strip()


def provenance(*, config: str, seed: int) -> dict[str, Any]:
    """Return what has to travel with an artefact: versions, commit, config hash, seed, date (UTC)."""
    return {
        "entromax": entromax.__version__,
        "commit": source_commit(),
        "config": config,
        "seed": seed,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {name: package_version(name) for name in PACKAGES},
    }
