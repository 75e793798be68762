"""How entromax comes to those who use it: the site in a browser, an installation, one without internet.

`python -m docs.make.people site|install|offline` runs these and writes what they return to docs/results/people.json.
``install`` and ``offline`` get a folder that does not exist, fill it with virtual environments of some GB, and need a
network; ``offline`` needs to be root besides. Their seconds are wall time: ``load`` says how busy the machine was.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT
from docs.make.screenshots import WIDTHS
from docs.make.site import SITE, browse, build, dead_links

FIRST_LABEL = "results/Al/labels/shard_1.extxyz"
ALONE = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
"""Environment without the packages of the one who measures."""


def run(*command: str | Path, folder: Path, **environment: str) -> float:
    """Run a command in a folder; return its wall time [s]."""
    begin = time.monotonic()
    subprocess.run(list(map(str, command)), cwd=folder, env=ALONE | environment, check=True)
    return time.monotonic() - begin


def megabytes(folder: Path) -> int:
    """Return the disk that a folder takes [MB]."""
    return int(subprocess.run(["du", "-sm", folder], check=True, capture_output=True, text=True).stdout.split()[0])


def load() -> float:
    """Return how many processes wanted a core in the last 15 minutes."""
    return round(os.getloadavg()[2], 1)


def new_folder(inputs: Sequence[str]) -> Path:
    """Make the folder that is named.

    Raises:
        SystemExit: none or several are named, or it exists.
    """
    if len(inputs) != 1 or Path(inputs[0]).exists():
        raise SystemExit(f"name one folder that does not exist yet, not {' '.join(inputs) or 'none'}")
    folder = Path(inputs[0]).resolve()
    folder.mkdir(parents=True)
    return folder


def site(_: Sequence[str]) -> dict[str, Any]:
    """Return pages, dead links, and what a browser has to complain about at each width."""
    begin = time.process_time(), os.times().children_user
    build()
    seconds = time.process_time() - begin[0] + os.times().children_user - begin[1]
    seen = {str(width): browse(width) for width in WIDTHS}
    for width, found in seen.items():
        print(width, found)
    counted = {
        width: {key: value if isinstance(value, int) else len(value) for key, value in found.items()}
        for width, found in seen.items()
    }
    pages = len(list(SITE.rglob("*.html")))
    return {"pages": pages, "megabytes": megabytes(SITE), "build_cpu_s": round(seconds, 1)} | {
        "dead_links": len(dead_links()),
        "browser": counted,
        "load": load(),
    }


def install(inputs: Sequence[str]) -> dict[str, Any]:
    """Return the wall times from `pip install` of the wheel to the first label of the quickstart, a GPAW label."""
    folder = new_folder(inputs)
    wheels, venv, campaign = folder / "wheel", folder / "venv", folder / "campaign"
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels, ROOT, folder=folder)
    (wheel,) = wheels.glob("*.whl")
    begin = time.monotonic()
    run(sys.executable, "-m", "venv", venv, folder=folder)
    lock, siteconfig = ROOT / "envs/requirements.lock", str(ROOT / "envs/gpaw_siteconfig.py")
    pip = (venv / "bin/pip", "install", "--quiet", "--constraint", lock, wheel)
    installed = run(*pip, folder=folder, GPAW_CONFIG=siteconfig)
    run(venv / "bin/entromax", "init", campaign, folder=folder)
    command = ["snakemake", "--profile", "profiles/local", "--quiet", "all", "--", FIRST_LABEL]
    path = os.pathsep.join([str(venv / "bin"), os.environ["PATH"]])
    with subprocess.Popen(command, cwd=campaign, env=ALONE | {"PATH": path}) as campaign_run:
        while not any(file.stat().st_size for file in campaign.glob("label_store/**/*.jsonl")):
            if campaign_run.poll() is not None:
                raise RuntimeError("the campaign ended before its first label")
            time.sleep(0.2)
        seconds = time.monotonic() - begin
        campaign_run.kill()  # its jobs end with it
    return {"wheel_megabytes": round(wheel.stat().st_size / 1e6, 1), "environment_megabytes": megabytes(venv)} | {
        "pip_install_s": round(installed),
        "first_label_s": round(seconds),
        "load": load(),
    }


def offline(inputs: Sequence[str]) -> dict[str, Any]:
    """Return size and wall times of a set-up from wheels, the second half in a network namespace without a network."""
    folder = new_folder(inputs)
    login, node, wheels = folder / "login", folder / "node", folder / "wheels"
    for copy in (login, node):
        tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
        for name in tracked.stdout.splitlines():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    gathered = run("./setup", "--download", wheels, folder=login)
    set_up = run("unshare", "-n", "./setup", "--offline", wheels, folder=node)
    plan = run("unshare", "-n", "./run", "--dry-run", "--quiet", "all", folder=node)
    return {"wheels": len(list(wheels.iterdir())), "wheels_megabytes": megabytes(wheels)} | {
        "download_s": round(gathered),
        "offline_setup_s": round(set_up),
        "offline_plan_s": round(plan, 1),
        "load": load(),
    }
