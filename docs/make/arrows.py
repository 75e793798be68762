"""Count the import arrows inside a package: how many other files of it its files name.

`python docs/make/arrows.py src/entromax/report` prints them. For an earlier commit:
`git archive 5044ea7 src | tar x -C before`, then the same on that folder.
"""

import ast
import json
import sys
from collections.abc import Container
from pathlib import Path


def imported(path: Path, modules: Container[str]) -> set[str]:
    """Return the dotted names that a file imports: `from a import b` is `a.b` if that is a module, else `a`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in modules else node.module for name in inner}
    return found


def arrows(package: Path) -> set[tuple[Path, Path]]:
    """Return the pairs (importing file, imported file) of a package, relative to it."""
    package = package.resolve()
    top = next(folder for folder in package.parents if not (folder / "__init__.py").is_file())
    modules = {}
    for path in package.rglob("*.py"):
        inside = path.parent if path.name == "__init__.py" else path.with_suffix("")
        modules[".".join(inside.relative_to(top).parts)] = path
    pairs = {(path, modules[name]) for path in modules.values() for name in imported(path, modules) if name in modules}
    return {(one.relative_to(package), other.relative_to(package)) for one, other in pairs if one != other}


def count_arrows(package: Path) -> dict[str, int]:
    """Return the number of arrows between ``files``, between ``folders``, and between ``siblings`` (of one folder)."""
    found = arrows(package)
    folders = {(one.parent, other.parent) for one, other in found}
    return {
        "files": len(found),
        "folders": sum(one != other for one, other in folders),
        "siblings": sum(one.parent == other.parent for one, other in found),
    }


if __name__ == "__main__":
    print(json.dumps(count_arrows(Path(sys.argv[1]))))
