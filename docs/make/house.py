"""The house in figures: docs/results/house.json.

    python -m docs.make.house [--test-s SECONDS] [--quick-s SECONDS]

Sizes, words and arrows are counted here. How long `./test` and `./test quick` take on a machine that is set up is
given by whoever ran them (wall time); without it these stay null.
"""

import argparse
import ast
import re
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, ROOT
from docs.make.arrows import count_arrows
from entromax.registry import ENGINES, FAMILIES, FEATURES, PROPERTIES
from entromax.runtime import provenance, write_json
from tests.oracle.test_one_file import HOMES
from tests.test_house import PYTHON_FILES, length

BEFORE = {"commit_before": "5044ea7", "before": 66}
"""Arrows between the files of report/ before it was sorted by topic; docs/make/arrows.py tells how they are counted."""


def report_arrows() -> dict[str, Any]:
    """Return the arrows between the files of report/ before and after, and those between its folders."""
    after = count_arrows(ROOT / "src/entromax/report")
    return {**BEFORE, "after": after["files"], "after_between_folders": after["folders"]}


def longest_file() -> dict[str, Any]:
    """Return the longest Python file."""
    path = max(PYTHON_FILES, key=length)
    return {"file": str(path.relative_to(ROOT)), "lines": length(path)}


def longest_function() -> dict[str, Any]:
    """Return the longest function of all Python files, docstring included."""
    functions = (
        {"file": str(path.relative_to(ROOT)), "function": node.name, "lines": node.end_lineno - node.lineno + 1}
        for path in PYTHON_FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno
    )
    return max(functions, key=lambda one: one["lines"])


def files_touched() -> dict[str, int]:
    """Return how many files of src/ a new entry of each kind adds or changes.

    tests/oracle/test_one_file.py adds each for real, and fails when anything else in src/ has to change.
    """
    kinds = {"engine": ENGINES, "feature set": FEATURES, "family": FAMILIES, "property": PROPERTIES}
    folders = {kind: registry.package.removeprefix("entromax.").replace(".", "/") for kind, registry in kinds.items()}
    return {kind: list(HOMES.values()).count(folder) for kind, folder in folders.items()}


def words(page: Path) -> int:
    """Return the words that a reader of a page sees outside tables, pictures and blocks of code."""
    text = re.sub(r"```.*?```|<!--.*?-->", "", page.read_text(), flags=re.DOTALL)
    text = "\n".join(line for line in text.split("\n") if not line.startswith("|"))
    text = re.sub(r"!\[[^]]*\]\([^)]*\)", "", text)
    return len(re.sub(r"\]\([^)]*\)", "]", text).split())


def main() -> None:
    """Count and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test-s", type=float, help="wall time of ./test [s]")
    parser.add_argument("--quick-s", type=float, help="wall time of ./test quick [s]")
    options = parser.parse_args()
    house = {
        "report_arrows": report_arrows(),
        "files_touched": files_touched(),
        "longest_function": longest_function(),
        "longest_file": longest_file(),
        "readme_words": words(ROOT / "README.md"),
        "test_s": options.test_s,
        "quick_s": options.quick_s,
        "provenance": provenance(config="docs/make/house.py", seed=0),
    }
    write_json(RESULTS / "house.json", house)


if __name__ == "__main__":
    main()
