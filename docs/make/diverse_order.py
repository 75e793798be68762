"""Store the diverse order of a version of the shipped library beside it, once.

    python -m docs.make.diverse_order

Every prefix has the most different environments (``entropy.ordering.diverse_order``). Greedy choices in floating point
may differ from machine to machine, so what is shipped is the result. An order that is there is never written again.
"""

import logging
import time

from benchmarks.entropy.library import normalisation
from docs.make.pack_library import SEED
from entromax.config.models import LibrarySettings
from entromax.entropy.ordering import diverse_order
from entromax.entropy.rounds import structure_blocks
from entromax.features import build
from entromax.runtime import provenance
from entromax.structures.shipped import FOLDER, read_library, write_order


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    settings = LibrarySettings(source="made", reference_structures=1024)
    library = read_library()
    state, _ = normalisation(settings)
    started = time.process_time()
    blocks, strata = structure_blocks(library.select((1, 32)), state, build(settings.features))
    order = diverse_order(blocks, strata, state)
    about = {
        "cpu_s": round(time.process_time() - started, 1),
        "made": provenance(config="docs/make/diverse_order.py", seed=SEED),
    }
    path = write_order("diverse", order, library, about, FOLDER)
    print(f"{path}: {len(order)} structures, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
