"""The documentation site is built from the pages as they stand, and no link in it is dead."""

from pathlib import Path

import pytest

from docs.make.site import build, dead_links


@pytest.mark.slow
def test_site_is_complete(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="needs the extra docs")
    build(tmp_path)
    assert dead_links(tmp_path) == []
    commands, python = (tmp_path / "docs" / name for name in ("commands.html", "python.html"))
    assert "--print-completion" in commands.read_text() and "load_potential" in python.read_text()
    (tmp_path / "docs/gallery.html").unlink()
    assert dead_links(tmp_path), "a page that is gone is missed"
