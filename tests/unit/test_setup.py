"""`./setup`: what it refuses, and a set-up from wheels where there is no network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BACKEND = """
import zipfile

def wheel(name, folder, files, requires=""):
    info = f"{name}-1.dist-info"
    files = {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1\\n{requires}"}
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[f"{info}/RECORD"] = "".join(f"{path},,\\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(f"{folder}/{name}-1-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}-1-py3-none-any.whl"

def build_editable(folder, *_):
    return wheel("campaign", folder, {}, "Requires-Dist: tiny\\n")
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose project needs one package, ``tiny``."""
    folder = tmp_path / "checkout"
    (folder / "envs").mkdir(parents=True)
    for name in ("setup", "envs/setup.sh", "envs/gpaw_siteconfig.py"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "envs/requirements.lock").write_text("tiny==1\n")
    (folder / "backend.py").write_text(BACKEND)
    system = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (folder / "pyproject.toml").write_text(system + '[project]\nname = "campaign"\nversion = "1"\n')
    return folder


def run(checkout: Path, *options: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": sys.executable}
    return subprocess.run(
        [*before, checkout / "setup", *options],
        cwd=checkout.parent, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


REFUSED = {
    "an unknown extra": (["quik"], "'quik' is no choice"),
    "no folder": (["--offline"], "--offline needs a folder"),
    "both": (["--download", "a", "--offline", "b"], "--download and --offline exclude each other"),
    "a folder without wheels": (["test", "--offline", "empty"], "empty holds no wheels; make them with --download"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_use_is_refused_in_one_line(name: str, checkout: Path) -> None:
    options, words = REFUSED[name]
    found = run(checkout, *options)
    assert found.returncode == 2 and words in found.stderr and len(found.stderr.splitlines()) == 1
    assert not (checkout / ".venv").exists()


def test_the_plugin_for_lammps_wants_a_source_of_lammps(tmp_path: Path) -> None:
    command = [ROOT / "envs/lammps_pace.sh", tmp_path, tmp_path / "plugins"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2 and "src/ML-PACE" in found.stderr and len(found.stderr.splitlines()) == 1
    assert not (tmp_path / "plugins").exists()


def make_wheel(checkout: Path) -> None:
    """Put version 1 of ``tiny`` into the folder ``wheels``."""
    (checkout / "wheels").mkdir()
    make = "import backend; backend.wheel('tiny', 'wheels', {'tiny.py': ''})"
    subprocess.run([sys.executable, "-c", make], cwd=checkout, check=True)


@pytest.mark.slow
def test_the_lock_of_the_platform_wins(checkout: Path) -> None:
    make_wheel(checkout)
    kind = os.uname()
    (checkout / "envs/requirements.lock").rename(checkout / f"envs/requirements.{kind.sysname}-{kind.machine}.lock")
    (checkout / "envs/requirements.lock").write_text("tiny==2\n")
    found = run(checkout, "--offline", "checkout/wheels")
    assert "GPAW misses a library" in found.stderr, "all of the lock of the platform is installed"


@pytest.mark.slow
def test_set_up_from_wheels_without_a_network(checkout: Path) -> None:
    """Where a library of GPAW is missing, it ends with the packages to ask for; a second call goes on from there."""
    alone = ("unshare", "--net")
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no network namespace of one's own is allowed here")
    stamp, python = (checkout / name for name in (".venv/entromax.stamp", ".venv/bin/python"))
    make_wheel(checkout)
    found = run(checkout, "--offline", "checkout/wheels", before=alone)
    assert found.returncode == 1 and "apt-get install g++ libxc-dev" in found.stderr and not stamp.exists()
    where = subprocess.run(
        [python, "-c", "import tiny; print(tiny.__file__)"], check=True, capture_output=True, text=True
    )
    Path(where.stdout.strip()).with_name("_gpaw.py").touch()
    found = run(checkout, "--offline", "checkout/wheels", before=alone)
    assert found.returncode == 0 and stamp.exists(), found.stdout + found.stderr
    assert run(checkout, before=alone).stdout == "", "it stays offline and has nothing left to do"
