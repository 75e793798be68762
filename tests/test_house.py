"""The house is in order: format, lint, types, sizes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON_FILES = [path for folder in ("src", "scripts", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]

COMMANDS = {
    "ruff check": ["ruff", "check"],
    "ruff format": ["ruff", "format", "--check"],
    "snakefmt": ["snakefmt", "--check", "Snakefile", "workflow"],
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


def test_scripts_are_thin() -> None:
    assert not {path.name: length(path) for path in (ROOT / "scripts").glob("*.py") if length(path) > 20}


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
    "active": {"config", "structures", "features", "labels", "dataset", "potentials", "validation"},
}


@pytest.mark.parametrize("package", IMPORTS_ALLOWED)
def test_imports_run_one_way(package: str) -> None:
    allowed = IMPORTS_ALLOWED[package] | {package, "registry", "runtime"}
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
