"""The documentation site: built from the pages as they stand, without a dead link, and in order in a real browser."""

from pathlib import Path

import pytest

from docs.make.screenshots import WIDTHS
from docs.make.site import browse, build, dead_links

pytest.importorskip("sphinx", reason="needs the extra docs")
pytestmark = pytest.mark.slow
BAD = """<!DOCTYPE html><body><div style="width: 3000px">wide</div><img src="gone.png"><a href="gone.html">x</a>
<script>console.error("something is wrong")</script></body>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build(folder)
    return folder


def test_site_is_complete(site: Path) -> None:
    assert dead_links(site) == []
    for page, words in (("commands", "--print-completion"), ("python", "load_potential"), ("method", "Entropy")):
        assert words in (site / f"docs/{page}.html").read_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_browser_has_nothing_to_complain_about_and_finds_what_is_searched(width: int, site: Path) -> None:
    found = browse(width, site)
    assert found.pop("hits") > 5
    assert found == {"console": [], "wide": [], "broken": []}


def test_a_bad_page_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(BAD)
    (tmp_path / "search.html").write_text("<!DOCTYPE html><body></body>")
    found = browse(400, tmp_path)
    assert [len(found[kind]) for kind in ("wide", "broken")] == [1, 1] and found["hits"] == 0
    assert "something is wrong" in "".join(found["console"])
    assert dead_links(tmp_path) == ["bad.html: gone.png", "bad.html: gone.html"]
