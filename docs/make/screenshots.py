"""Pictures of a report in headless Chromium, for the docs: docs/pictures/<name>_1280.png and <name>_400.png.

    python -m docs.make.screenshots results/Al/report.html [--name report] [--heights 2400 2400]

The page stands in a frame of 1280 and of 400 pixels; the picture ends at the given height. Needs chromium and pillow
(both come with ./test).
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.common import PICTURES
from entromax.runtime import atomic_path

WIDTHS = (1280, 400)
COLOURS = 256
"""Of the palette: a page of text and diagrams needs no more, and the file is a third as large."""
FRAME = '<!DOCTYPE html><body style="margin:0"><iframe style="border:0" width="{width}" height="{height}" src="{page}">'


def photograph(page: Path, width: int, height: int, picture: Path) -> None:
    """Write the top of a page, ``width`` x ``height`` pixels, to ``picture``."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("chromium is missing: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        frame, raw = Path(folder, "frame.html"), Path(folder, "raw.png")
        frame.write_text(FRAME.format(width=width, height=height, page=page.resolve().as_uri()))
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--virtual-time-budget=20000",
        ]
        size = f"--window-size={max(width, 500)},{height + 200}"  # no window is narrower than 500, and its bar counts
        command = [chromium, *options, "--allow-file-access-from-files", size, f"--screenshot={raw}", frame.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        image = Image.open(raw).convert("RGB").crop((0, 0, width, height))
    with atomic_path(picture) as temporary:
        image.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            temporary, format="PNG", optimize=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--name", default="report", help="how the names of the pictures begin")
    parser.add_argument("--heights", type=int, nargs=2, default=[2400, 2400], help="pixels, of the wide and the narrow")
    arguments = parser.parse_args()
    for width, height in zip(WIDTHS, arguments.heights, strict=True):
        photograph(arguments.report, width, height, PICTURES / f"{arguments.name}_{width}.png")


if __name__ == "__main__":
    main()
