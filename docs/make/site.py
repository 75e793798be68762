"""The documentation as a site: builds site/ with Sphinx and looks for dead links in what it has built.

    python -m docs.make.site

Open site/index.html; nothing is fetched from elsewhere, and the search works from the disk. `check` in a browser is a
part of `python -m docs.make.people site`. Needs the extra `docs`.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from benchmarks.common import ROOT

SITE = ROOT / "site"
WORD = "entropy"
"""What the search is asked for; a dozen pages have it."""
START = (
    '<!DOCTYPE html><meta http-equiv="refresh" content="0; url=docs/index.html"><a href="docs/index.html">entromax</a>'
)
BROWSER = """<!DOCTYPE html><html><body><iframe id="page" width="{width}" height="800"></iframe><script>
const frame = document.getElementById("page");
const load = (url) => new Promise((done) => {{ frame.onload = done; frame.src = url; }});
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {{
  const found = {{wide: [], broken: []}};
  for (const url of {pages}) {{
    await load(url);
    const page = frame.contentDocument;
    if (page.documentElement.scrollWidth > page.documentElement.clientWidth) found.wide.push(url);
    for (const image of page.images) if (!image.complete || !image.naturalWidth) found.broken.push(image.src);
  }}
  await load("{search}");
  await wait(2000);
  found.hits = frame.contentDocument.querySelectorAll("#search-results li").length;
  document.body.textContent = JSON.stringify(found);
}})();
</script></body></html>
"""


def build(site: Path = SITE) -> None:
    """Build the site; a link to a page or heading that is not there stops it.

    Raises:
        CalledProcessError: Sphinx has found something wrong, and said it.
    """
    with tempfile.TemporaryDirectory() as doctrees:
        options = ["--fail-on-warning", "--keep-going", "--quiet", "-c", "docs", "-d", doctrees]
        subprocess.run([sys.executable, "-m", "sphinx", *options, ".", str(site)], cwd=ROOT, check=True)
    (site / "index.html").write_text(START + "\n")


class Page(HTMLParser):
    """The links and the anchors of one page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what leads somewhere, and where one can be led."""
        for name, value in attrs:
            if name in ("href", "src") and value and not urlsplit(value).scheme:
                self.links.append(value)
            elif name == "id" and value:
                self.anchors.add(value)


def dead_links(site: Path = SITE) -> list[str]:
    """Return ``page: link`` of every link within a site that leads nowhere."""
    pages = {path: Page(path) for path in site.rglob("*.html")}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].anchors if target in pages else None
            missing_anchor = parts.fragment and anchors is not None and unquote(parts.fragment) not in anchors
            if not target.exists() or missing_anchor:
                dead.append(f"{path.relative_to(site)}: {link}")
    return dead


def browse(width: int, site: Path = SITE) -> dict[str, Any]:
    """Return what headless Chromium sees in a window of some width.

    Returns:
        ``console``: lines of its console; ``wide``: pages wider than the window; ``broken``: pictures not drawn;
        ``hits``: pages that the search finds for ``WORD``.

    Raises:
        SystemExit: there is no Chromium.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("chromium is missing: apt-get install chromium")
    pages = [path.as_uri() for path in sorted(site.rglob("*.html")) if path != site / "index.html"]
    search = f"{(site / 'search.html').as_uri()}?q={WORD}"
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    with tempfile.TemporaryDirectory() as folder:
        around = Path(folder, "around.html")
        around.write_text(BROWSER.format(width=width, pages=json.dumps(pages), search=search))
        command = [chromium, *options, "--allow-file-access-from-files", "--virtual-time-budget=600000"]
        run = subprocess.run([*command, around.as_uri()], capture_output=True, text=True, timeout=500, check=True)
    found = re.search(r"<body>(\{.*\})</body>", run.stdout)
    if found is None:
        raise RuntimeError(f"the browser did not come to the end: {run.stderr[-2000:]}")
    return {"console": [line for line in run.stderr.splitlines() if "CONSOLE" in line], **json.loads(found.group(1))}


def main() -> None:
    """Build and check."""
    build()
    if dead := dead_links():
        raise SystemExit("dead links:\n" + "\n".join(dead))
    print(f"{SITE / 'index.html'}: {len(list(SITE.rglob('*.html')))} pages, no dead link")


if __name__ == "__main__":
    main()
