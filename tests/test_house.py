"""The house is in order: format, lint, types, sizes."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCKED_PLATFORMS = ("Linux-aarch64", "Darwin-arm64")
FOLDERS = ("benchmarks", "docs", "envs", "examples", "scripts", "src", "tests")
PYTHON_FILES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]

COMMANDS = {
    "ruff check": ["ruff", "check"],
    "ruff format": ["ruff", "format", "--check"],
    "snakefmt": ["snakefmt", "--check", "workflow"],
    "snakemake lint": ["snakemake", "--lint"],
    "mypy": ["mypy"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_tool_finds_nothing(name: str) -> None:
    tool, *options = COMMANDS[name]
    run = subprocess.run([Path(sys.executable).with_name(tool), *options], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def length(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_file_is_too_long() -> None:
    assert not {path.name: length(path) for path in PYTHON_FILES if length(path) > 400}


def test_no_function_is_too_long() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in PYTHON_FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert not {name: lines for name, lines in lengths.items() if lines > 80}


def test_scripts_are_thin() -> None:
    assert not {path.name: length(path) for path in (ROOT / "scripts").glob("*.py") if length(path) > 20}


def test_nothing_is_imported_across_the_path() -> None:
    others = [path for path in PYTHON_FILES if path != Path(__file__)]
    assert not [str(path) for path in others if "sys.path.insert" in path.read_text()]


def test_the_index_of_the_benchmarks_has_every_script() -> None:
    index = (ROOT / "benchmarks/README.md").read_text()
    scripts = [path for folder in ("benchmarks", "docs/make") for path in (ROOT / folder).rglob("*.py")]
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("benchmarks.")
        for path in scripts
        if "__main__" in path.read_text()
    }
    assert names and not {name for name in names if f"`{name}`" not in index}


def test_common_rules_are_short() -> None:
    assert length(ROOT / "workflow/rules/common.smk") < 100


def test_every_rule_calls_the_script_of_its_name() -> None:
    scripts = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    rules = {
        line.split()[1].rstrip(":")
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for line in path.read_text().splitlines()
        if line.startswith("rule ")
    }
    assert rules == scripts


IMPORTS_ALLOWED = {
    "config": set(),
    "structures": {"config"},
    "features": {"config", "structures"},
    "entropy": {"config", "structures", "features"},
    "labels": {"config", "structures"},
    "dataset": {"config", "structures", "labels"},
    "potentials": {"config", "structures", "features", "labels", "dataset"},
    "validation": {"config", "structures", "features", "labels", "dataset", "potentials"},
    "elements": {"config", "structures", "labels", "validation"},
    "active": {"config", "structures", "features", "labels", "dataset", "potentials", "validation"},
}


@pytest.mark.parametrize("package", IMPORTS_ALLOWED)
def test_imports_run_one_way(package: str) -> None:
    allowed = IMPORTS_ALLOWED[package] | {package, "registry", "runtime", "layout"}
    for path in (ROOT / "src/entromax" / package).rglob("*.py"):
        for line in path.read_text().splitlines():
            words = line.split()
            if len(words) > 1 and words[0] in ("from", "import") and words[1].startswith("entromax."):
                assert words[1].split(".")[1] in allowed, f"{path.relative_to(ROOT)}: {line}"


@pytest.mark.parametrize("path", sorted((ROOT / "docs/results").glob("*.json")), ids=lambda path: path.name)
def test_quoted_figures_are_json_that_every_program_reads(path: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(f"{path.name}: {word} is no JSON")

    assert json.loads(path.read_text(), parse_constant=refuse)


def pins(path: Path) -> dict[str, Version]:
    """Return the versions by package that a lock file holds; it holds nothing else, such as the address of an index."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    requirements = [Requirement(line) for line in lines]
    assert [f"{r.name}{r.specifier}" for r in requirements] == lines
    return {canonicalize_name(r.name): Version(str(r.specifier).removeprefix("==")) for r in requirements}


@pytest.mark.parametrize("platform", LOCKED_PLATFORMS)
def test_every_lock_holds_what_the_project_needs_there_in_the_tested_versions(platform: str) -> None:
    tested = pins(ROOT / "envs/requirements.lock")
    found = pins(ROOT / f"envs/requirements.{platform}.lock")
    assert not {name for name, version in found.items() if tested.get(name, version) != version}
    system, machine = platform.split("-")
    there = {"sys_platform": system.lower(), "platform_system": system, "platform_machine": machine, "extra": ""}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    wanted = [Requirement(line) for line in [*project["dependencies"], *extras] if not line.startswith("entromax[")]
    needed = {canonicalize_name(r.name) for r in wanted if r.marker is None or r.marker.evaluate(there)}
    assert needed <= found.keys()
    assert ("quippy-ase" in found) == (platform != "Linux-aarch64")


def test_the_conda_file_holds_what_the_project_needs_in_the_tested_versions() -> None:
    """Conda itself cannot be had here: what its file asks for is all that is held."""
    *by_conda, by_pip = yaml.safe_load((ROOT / "envs/entromax.yaml").read_text())["dependencies"]
    found = {canonicalize_name(r.name): Version(str(r.specifier)[2:]) for r in map(Requirement, by_pip["pip"])}
    assert found.items() <= pins(ROOT / "envs/requirements.lock").items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert needed <= found.keys() | {name.split()[0] for name in by_conda}
