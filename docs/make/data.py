"""Keep labels and batches of a campaign in the repository: packs, batches, and the table of data/README.md.

    python -m docs.make.data results/eight_elements --store label_store
    python -m docs.make.data                               # the table alone

What the packs hold already stays in them.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from docs.make.pages import write_table
from entromax.active.batches import batch_file, elements_given, write_batches
from entromax.config import validated
from entromax.config.elements import CRYSTALS
from entromax.config.models import ReferenceSettings
from entromax.labels.engines import physics_hash
from entromax.labels.packs import write_pack
from entromax.labels.store import LabelStore
from entromax.layout import CampaignFolder
from entromax.progress import load_results
from entromax.structures import read_structures

DATA = Path("data")


def keep(results: Path, store: Path) -> None:
    """Write the packs and batches of all elements of a campaign."""
    campaign = load_results(results)
    for symbol, element in campaign.elements.items():
        settings = physics_hash(element.reference)
        known = LabelStore(store, symbol, settings, [DATA / "labels"])
        if records := known.records():
            write_pack(DATA / "labels", records, element.reference.model_dump(mode="json"))
        folder = CampaignFolder(results).element(symbol)
        batches = {
            number: [atoms for path in folder.active(number).structure_files for atoms in read_structures(path)]
            for number in range(1, campaign.active.iterations + 1)
        }
        if any(batches.values()) and not elements_given(campaign.active.batches, [symbol]):
            write_batches(DATA / "batches", symbol, batches)


def table() -> str:
    """Return the table of all packs and batches."""
    rows = [
        "| element | engine and settings | labels by kind | batches | CPU h | kB |",
        "|---|---|---|---|---|---|",
    ]
    for path in sorted((DATA / "labels").glob("*/*.json")):
        about = json.loads(path.read_text())
        reference = validated(ReferenceSettings, about["settings"])
        counts: Counter[str] = Counter()
        for kind, count in about["kinds"].items():
            counts["reference crystal" if kind in CRYSTALS else kind] += count
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        batches = batch_file(DATA / "batches", about["element"])
        numbers = Counter(atoms.info["batch"] for atoms in read_structures(batches)) if batches.exists() else {}
        chosen = " + ".join(str(numbers[k]) for k in sorted(numbers)) or "–"
        rows.append(
            f"| {about['element']} | {' '.join(about['engines'])}; {reference.describe()} (`{path.stem}`) | {kinds} | "
            f"{chosen} | {about['cpu_hours']:.1f} | {about['bytes'] / 1000:.0f} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Keep what the command line names and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", nargs="*", type=Path, help="folders of campaigns")
    parser.add_argument("--store", type=Path, default=Path("label_store"))
    options = parser.parse_args()
    for results in options.results:
        keep(results, options.store)
    write_table(DATA / "README.md", "labels", table())


if __name__ == "__main__":
    main()
