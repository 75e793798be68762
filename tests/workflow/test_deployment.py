"""The workflow away from its checkout: as a module of another one, and in the folder that `entromax init` makes."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import entromax
from entromax.cli import main
from entromax.new_campaign import PARTS
from tests.support.campaigns import EMT, ROOT, count_jobs

OTHER = """
module entromax:
    snakefile: {snakefile!r}
    config: config["potentials_from"]

use rule * from entromax as entromax_*

rule all:
    default_target: True
    input: "summary.txt"

rule summary:
    input: rules.entromax_all.input
    output: "summary.txt"
    shell: "wc -c {{input}} > {{output}}"
"""


def run_in(folder: Path, source: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in a folder, with the package entromax that lies in ``source``."""
    path = os.pathsep.join([str(source), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def plan(folder: Path, *options: str, source: Path = ROOT / "src") -> subprocess.CompletedProcess[str]:
    """Return the dry run of the workflow of a folder."""
    return run_in(folder, source, "snakemake", "--dry-run", "--cores", "1", *options)


def test_another_workflow_takes_it_as_a_module(tmp_path: Path) -> None:
    """Every rule under a prefix, also those made of others; its configuration is one section of the other's."""
    (tmp_path / "Snakefile").write_text(OTHER.format(snakefile=str(ROOT / "workflow/Snakefile")))
    settings = yaml.safe_load(EMT.read_text())
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"potentials_from": settings}))
    run = plan(tmp_path, "--configfile", "mine.yaml")
    jobs = count_jobs(run.stdout)
    expected = {"summary": "1", "entromax_label_shard": "2", "entromax_label_conventional": "2"}
    assert run.returncode == 0 and expected.items() <= jobs.items(), run.stdout + run.stderr


def test_a_module_refuses_its_section_in_one_message(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(OTHER.format(snakefile=str(ROOT / "workflow/Snakefile")))
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"potentials_from": {"elements": ["Al"], "sed": 3}}))
    run = plan(tmp_path, "--configfile", "mine.yaml")
    assert run.returncode != 0 and "mine.yaml: sed (is 3): unknown key; did you mean 'seed'?" in run.stdout + run.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run = run_in(ROOT, ROOT / "src", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    assert run.returncode == 0, run.stderr
    (packed,) = folder.glob("*.whl")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_wheel_carries_every_file_that_the_packages_and_the_workflow_have(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "src", *PARTS], cwd=ROOT, check=True, capture_output=True, text=True)
    names = listed.stdout.split()
    packed = [name.removeprefix("src/") if name.startswith("src/") else f"entromax/campaign/{name}" for name in names]
    assert len(packed) > 250 and not [name for name in packed if not (wheel / name).is_file()]


def test_campaign_of_an_installed_wheel_needs_no_checkout(wheel: Path, tmp_path: Path) -> None:
    """The package is that of the wheel, the workflow its copy in the new folder."""
    run = run_in(tmp_path, wheel, "entromax.cli", "init", "mine")
    assert run.returncode == 0 and "cd mine && snakemake" in run.stdout, run.stderr
    run = plan(tmp_path / "mine", "--profile", "profiles/local", source=wheel)
    text = run.stdout + run.stderr
    assert run.returncode == 0 and str(ROOT) not in text, text
    assert {"take_library": "1", "label_shard": "6", "report_campaign": "1"}.items() <= count_jobs(text).items(), text


def test_init_leaves_a_folder_with_something_in_it_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").touch()
    assert main(["init", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"entromax: {tmp_path}: is not empty; name a new folder\n"
    assert main(["init", str(tmp_path / "notes.txt")]) == 2
    assert "name another folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"entromax {entromax.__version__}\n"


def test_the_shell_completes_commands_and_files(capsys: pytest.CaptureFixture[str]) -> None:
    """Bash itself is asked what it would offer."""
    with pytest.raises(SystemExit, match="0"):
        main(["--print-completion", "bash"])
    script = capsys.readouterr().out
    for words, offered in (("entromax li", "library"), ("entromax check-config pyproj", "pyproject.toml")):
        ask = f"COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}; _shtab_entromax; echo ${{COMPREPLY[@]}}"
        run = subprocess.run(["bash", "-c", script + ask], cwd=ROOT, check=True, capture_output=True, text=True)
        assert run.stdout.split() == [offered]
