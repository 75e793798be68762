"""Tables in README.md and the pages of docs/, each between marks of its own."""

import json
from pathlib import Path
from typing import Any

from entromax.runtime import atomic_path


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file holds; nothing when it is not there (yet)."""
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def write_table(page: Path, name: str, table: str) -> None:
    """Put a table between the marks ``<!-- name: ... -->`` and ``<!-- /name -->`` of a page.

    Raises:
        ValueError: the page has no such marks.
    """
    lines = page.read_text().split("\n")
    opening = next((k for k, line in enumerate(lines) if line.startswith(f"<!-- {name}:")), None)
    if opening is None or f"<!-- /{name} -->" not in lines:
        raise ValueError(f"{page} has no marks '<!-- {name}: ... -->' and '<!-- /{name} -->'")
    closing = lines.index(f"<!-- /{name} -->")
    with atomic_path(page) as temporary:
        temporary.write_text("\n".join([*lines[: opening + 1], table, *lines[closing:]]))
