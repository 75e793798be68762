"""Put the parts of a library together, order them, and write the version that is shipped.

    python docs/make/pack_library.py 1 results/library_v1_small results/library_v1_large

Each part is the results folder of a campaign of config/library/. Of one crystal in several cells the smallest stays;
cells longer than 12 d_nn are left out. The order is random, with the same shares of each stratum of v*, of perfect
crystals and of cells of at most eight atoms in every prefix. A version is written once: what is shipped never changes.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from entromax.config.elements import CRYSTALS
from entromax.config.models import LibrarySettings
from entromax.entropy.ordering import SAME, proportional_order
from entromax.entropy.rounds import reference_sample, structure_blocks
from entromax.entropy.selection import distinct
from entromax.entropy.strata import DatasetState
from entromax.features import build
from entromax.runtime import provenance
from entromax.structures import read_structures
from entromax.structures.shipped import write_library

SEED = 1
SMALL = 8
"""Atoms of the largest cell of the tier for workstations."""
LONGEST = 12.0
"""Longest edge of a cell [d_nn]: one in 200 is a needle, whose many k-points tell little."""
LICENCE = "CC-BY-4.0"


def joined(parts: list[Path]) -> list[Atoms]:
    """Return the distinct structures of all parts in the order in which to label them."""
    settings = LibrarySettings(source="made", reference_structures=1024)
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "state.npz")
        reference_sample(settings, seed=SEED, structures=Path(folder, "random.extxyz"), state=state)
        empty = DatasetState.load(state)
    read = (atoms for part in parts for atoms in read_structures(part / "library/library.extxyz"))
    found = sorted((atoms for atoms in read if atoms.cell.lengths().max() <= LONGEST), key=len)
    blocks, strata = structure_blocks(found, empty, build(settings.features))
    kept = distinct(blocks, strata, SAME)
    structures = [found[k] for k in kept]
    crystals = np.array([atoms.info["seed_kind"] in (*CRYSTALS, "perfect") for atoms in structures])
    large = np.array([len(atoms) > SMALL for atoms in structures])
    order = proportional_order(4 * strata[kept] + 2 * crystals + large, SEED)
    return [structures[k] for k in order]


def cpu_seconds(part: Path) -> float:
    """Return the CPU seconds of all jobs that made a part, from Snakemake's benchmark files."""
    tables = [pd.read_csv(path, sep="\t") for path in (part / "benchmarks").rglob("*.tsv")]
    return float(sum(table["cpu_time"].sum() for table in tables))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", type=int)
    parser.add_argument("parts", type=Path, nargs="+", help="results folders of the campaigns that made them")
    arguments = parser.parse_args()
    structures = joined(arguments.parts)
    origins = [json.loads((part / "provenance.json").read_text()) for part in arguments.parts]
    about = {
        "version": arguments.version,
        "licence": LICENCE,
        "made": [
            {
                "recipe": f"config/library/v{arguments.version}_{part.name.rsplit('_', 1)[-1]}.yaml",
                "cpu_s": cpu_seconds(part),
            }
            | {key: origin[key] for key in ("commit", "config", "seed", "date")}
            for part, origin in zip(arguments.parts, origins, strict=True)
        ],
        "packed": provenance(config="docs/make/pack_library.py", seed=SEED),
        "tiers": {f"1-{size}": sum(len(atoms) <= size for atoms in structures) for size in (4, SMALL, 16, 32)},
    }
    path = write_library(structures, about)
    print(f"{path}: {len(structures)} structures, {path.stat().st_size / 1e6:.2f} MB, {about['tiers']}")


if __name__ == "__main__":
    main()
