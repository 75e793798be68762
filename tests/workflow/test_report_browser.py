"""The reports in a real browser: nothing on the console, nothing wider than the window, structures drawn, printable."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REPORTS = ("report.html", "Al/report.html")
PROBE = """<!DOCTYPE html><html><body><iframe id="page" width="{width}" height="800" src="{page}"></iframe><script>
document.getElementById("page").onload = (event) => {{
  const page = event.target.contentDocument;
  document.body.dataset.overflow = page.documentElement.scrollWidth - page.documentElement.clientWidth;
  document.body.dataset.broken = [...page.images].filter((image) => !image.naturalWidth).length;
  document.body.dataset.blank = [...page.querySelectorAll(".viewer canvas")].filter(
    (canvas) => !canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)).length;
  document.body.dataset.viewers = page.querySelectorAll(".viewer canvas").length;
}};
</script></body></html>
"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the apt package chromium")


def browse(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page in headless Chromium."""
    command = [str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    return subprocess.run([*command, *options, url], capture_output=True, text=True, timeout=120, check=True)


def probe(page: Path, folder: Path, width: int) -> dict[str, int]:
    """Return what a page looks like in a window of some width, measured by a page around it."""
    around = folder / "probe.html"
    around.write_text(PROBE.format(width=width, page=page.as_uri()))
    run = browse(around.as_uri(), "--allow-file-access-from-files", "--virtual-time-budget=20000", "--dump-dom")
    assert "CONSOLE" not in run.stderr, run.stderr
    body = re.search(r"<body[^>]*>", run.stdout)
    assert body is not None
    return {name: int(value) for name, value in re.findall(r'data-(\w+)="(-?\d+)"', body.group())}


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("report", REPORTS)
def test_report_fits_its_window_and_draws_everything(
    report: str, width: int, emt_campaign: Path, tmp_path: Path
) -> None:
    found = probe(emt_campaign / "results" / report, tmp_path, width)
    assert found["overflow"] <= 0
    assert found["broken"] == 0
    assert found["blank"] == 0
    assert found["viewers"] == (1 if report == "Al/report.html" else 0)


def test_report_prints(emt_campaign: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "report.pdf"
    browse((emt_campaign / "results/Al/report.html").as_uri(), f"--print-to-pdf={pdf}")
    assert pdf.read_bytes()[:5] == b"%PDF-"
    assert pdf.stat().st_size > 50_000
