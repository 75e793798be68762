"""The shipped library: what it reaches, how good its prefixes are, how diverse it is beside other sets.

    python -m benchmarks.entropy.library --json docs/results/library.json \
        --extra "ASSYST pipeline=pipeline.extxyz" --extra "ASSYST scaled=scaled.extxyz"

    python -m benchmarks.entropy.library --parts diverse orders --json docs/results/library.json

(files of --extra: rivals/symmetric_set.py with 500 crystals). Nothing is optimised here: everything follows from the
files that are shipped, from random cells drawn with the seeds, and from the files of --extra. ``--parts`` measures some
parts anew and leaves the others in the JSON file as they are.

*reach*: ground states of the eight elements and common crystals at five volumes each, in the feature space of all of
it. *prefixes*: entropies of the first n structures of three filters, and H of as many chosen greedily for H from the
same filter, which is what the D-optimal order would give. *diversity*: sets cut to equal numbers of environments, as
in ``benchmarks.entropy.diversity``; the library is cut at random, so its spread is that over its own parts.
*diverse*: the first so many environments of the diverse order by the same judges, and random cells with its numbers of
atoms and volumes. *orders*: both orders of several filters, cut to as many environments.
*quickstart*: checksum of the structures that the quickstart labels, from processes with other numbers of threads and
other instruction sets.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from benchmarks.common import PICTURES, ROOT, campaign_settings
from benchmarks.entropy.diversity import judge, other_sets, summary
from entromax.config.models import LibrarySettings
from entromax.entropy.diversity import BANDWIDTHS, first_rows, quests_entropy
from entromax.entropy.reach import common_crystals, ground_states, measure_reach
from entromax.entropy.rounds import reference_sample, structure_blocks
from entromax.entropy.seeding import matching_random_set
from entromax.entropy.selection import greedy
from entromax.entropy.strata import DatasetState
from entromax.features import build
from entromax.report.topics.library import plot_reach
from entromax.runtime import provenance, write_json
from entromax.structures import read_structures
from entromax.structures.shipped import FOLDER, ShippedLibrary, read_library

SEED = 1
FILTERS = {"1-4 atoms": (1, 4), "1-8 atoms": (1, 8), "1-32 atoms": (1, 32)}
PREFIXES = (100, 300, 1000, 3000)
ENVIRONMENTS = (1357, 4000)
ORDER_FILTERS = (((1, 4), None), ((1, 8), None), ((1, 4), (0.5, 1.6)))
"""Atoms and v* of the filters for which both orders are compared; the last one is that of the quickstart."""
PARTS = ("about", "reach", "prefixes", "quickstart", "diversity", "diverse", "orders")
MOST = 12_000
"""Environments of the largest prefix judged by QUESTS, whose cost grows with the square."""
MACHINES = {
    "this machine": {},
    "1 thread, AVX2": {"OMP_NUM_THREADS": "1", "OPENBLAS_CORETYPE": "Haswell", "ATEN_CPU_CAPABILITY": "avx2"},
    "2 threads, SSE": {"OMP_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Nehalem", "ATEN_CPU_CAPABILITY": "default"},
}
QUICKSTART = """
from entromax.structures import library_structures
for atoms in library_structures("Al", 2.86, volume=(0.5, 1.6), atoms=(1, 4), number=80):
    print(atoms.info["sid"])
"""


def normalisation(settings: LibrarySettings) -> tuple[DatasetState, list[Atoms]]:
    """Return the empty state that random cells of all sizes normalise, and these cells."""
    with tempfile.TemporaryDirectory() as name:
        state, structures = Path(name, "state.npz"), Path(name, "random.extxyz")
        reference_sample(settings, seed=SEED, structures=structures, state=state)
        return DatasetState.load(state), read_structures(structures)


def reach(library: list[Atoms], random: list[Atoms], state: DatasetState, settings: LibrarySettings) -> pd.DataFrame:
    """Return where the judged crystals stand in the feature space of the library and of random cells."""
    symbols = sorted(path.stem for path in (ROOT / "config/elements").glob("*.yaml"))
    crystals = ground_states(campaign_settings({"elements": symbols}).elements)
    crystals += common_crystals(settings.cells.volume)
    sets = {"random": random, "maximised": library}
    tables = [measure_reach(crystals, own, state, settings).assign(set=name) for name, own in sets.items()]
    return pd.concat(tables, ignore_index=True)


def prefixes(shipped: ShippedLibrary, state: DatasetState, settings: LibrarySettings) -> list[dict[str, Any]]:
    """Return entropies of the first structures of every filter."""
    rows = []
    for name, atoms in FILTERS.items():
        structures = shipped.select(atoms)
        blocks, strata = structure_blocks(structures, state, build(settings.features))
        best = _greedy_orders(blocks, strata, state)
        for n in [*(n for n in PREFIXES if n < len(structures)), len(structures)]:
            first = state.add(blocks[:n], strata[:n])
            row = {"filter": name, "n": n, "environments": first.n, "h_nats": first.h()}
            if n < len(structures):
                chosen = np.concatenate([order[: int((strata[:n] == k).sum())] for k, order in enumerate(best)])
                row["h_d_optimal_nats"] = state.add([blocks[k] for k in chosen], strata[chosen]).h()
            if first.n <= MOST:
                quests = quests_entropy(structures[:n])
                row["quests_nats"] = dict(zip(map(str, BANDWIDTHS), quests.tolist(), strict=True))
            rows.append(row)
        print(pd.DataFrame(rows).round(2).to_string(), flush=True)
    return rows


def _greedy_orders(blocks: list[np.ndarray], strata: np.ndarray, state: DatasetState) -> list[np.ndarray]:
    """Return for every stratum its structures in the order of a greedy choice for H, as many as a prefix holds."""
    orders = []
    for index, part in enumerate(state.parts):
        own = np.flatnonzero(strata == index)
        orders.append(own[greedy([blocks[int(k)] for k in own], part, only_positive=False).order])
    return orders


def diversity(
    library: list[Atoms], state: DatasetState, random: list[Atoms], settings: LibrarySettings, options: Any
) -> dict[str, object]:
    """Return the judges' means over the seeds, for every number of environments."""
    extra = {name: read_structures(path) for name, path in (text.split("=", 1) for text in options.extra)}
    result = {}
    for count in ENVIRONMENTS:
        tables = []
        for seed in options.seeds:
            order = np.random.default_rng(seed).permutation(len(library))
            enough = int(np.searchsorted(np.cumsum([len(library[k]) for k in order]), 1.1 * count)) + 1
            own = [library[k] for k in order[:enough]]
            sets = {"library": own, **other_sets(own, settings, seed), **extra}
            tables.append(judge(sets, state, random, settings, seed, count))
        result[str(count)] = summary(pd.concat(tables, ignore_index=True))
        print(
            pd.concat(tables).drop(columns="seed").groupby("set", sort=False).mean().round(2).T.to_string(), flush=True
        )
    return result


def diverse(
    shipped: ShippedLibrary, state: DatasetState, random: list[Atoms], settings: LibrarySettings, options: Any
) -> dict[str, object]:
    """Return the judges' means as :func:`diversity`, for the first structures of the diverse order.

    Seeds are those of the random cells; the order has none, and no spread.
    """
    result = {}
    for count in ENVIRONMENTS:
        own = first_structures(shipped, (1, 32), None, count)
        sets = {"library, diverse order": own}
        for seed in options.seeds:
            rng = np.random.default_rng(seed)
            sets[f"random cells, matching {seed}"] = matching_random_set(
                own, settings.cells, rng, settings.optimiser.relax_steps
            )
        table = judge(sets, state, random, settings, SEED, count)
        table["set"] = table["set"].str.replace(r" \d+$", "", regex=True)
        result[str(count)] = summary(table)
        print(table.drop(columns="seed").groupby("set", sort=False).mean().round(3).T.to_string(), flush=True)
    return result


def orders(state: DatasetState, settings: LibrarySettings) -> list[dict[str, Any]]:
    """Return entropies of both orders for every filter, at equal numbers of environments."""
    cases = product(ORDER_FILTERS, ("labels", "diverse"))
    return [judge_order(order, *chosen, ENVIRONMENTS[0], state, settings) for chosen, order in cases]


def judge_order(
    order: str,
    atoms: tuple[int, int],
    volume: tuple[float, float] | None,
    count: int,
    state: DatasetState,
    settings: LibrarySettings,
) -> dict[str, Any]:
    """Return entropies of the first ``count`` environments of an order, H as the mean over the strata they are in."""
    own = first_structures(read_library(order=order), atoms, volume, count)
    filled = state.add(*first_rows(own, count, state, settings))
    quests = quests_entropy(own, rows=count)
    row = {
        "atoms": atoms,
        "v_star": volume,
        "environments": count,
        "order": order,
        "structures": len(own),
        "h_nats": float(np.mean([part.h() for part in filled.parts if part.n])),
        "quests_nats": dict(zip(map(str, BANDWIDTHS), quests.tolist(), strict=True)),
    }
    print(row, flush=True)
    return row


def first_structures(
    shipped: ShippedLibrary, atoms: tuple[int, int], volume: tuple[float, float] | None, count: int
) -> list[Atoms]:
    """Return the first structures of a filter that have so many atoms together, or a few more."""
    sizes = np.cumsum(shipped.sizes[shipped.chosen(atoms, volume)])
    return shipped.select(atoms, volume, int(np.searchsorted(sizes, count)) + 1)


def quickstart_checksums() -> dict[str, str]:
    """Return the SHA-256 of the sids of the quickstart's structures, by kind of process."""
    sums = {}
    for name, machine in MACHINES.items():
        command = [sys.executable, "-c", QUICKSTART]
        run = subprocess.run(command, env=os.environ | machine, capture_output=True, text=True, check=True)
        sums[name] = hashlib.sha256(run.stdout.strip().encode()).hexdigest()
    return sums


def facts(shipped: ShippedLibrary) -> dict[str, Any]:
    """Return what the library says about itself and its diverse order, and the kinds of its structures."""
    about = dict(shipped.about)
    stored = json.loads((FOLDER / f"order_v{about['version']}_diverse.json").read_text())
    return {
        **{key: about[key] for key in ("version", "structures", "environments", "sha256", "bytes", "tiers", "made")},
        "made_cpu_s": sum(part["cpu_s"] for part in about["made"]),
        "kinds": pd.Series(shipped.kinds).value_counts().to_dict(),
        "diverse_order": {key: stored[key] for key in ("sha256", "bytes", "cpu_s")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of the sets it is compared with")
    parser.add_argument("--extra", action="append", default=[], metavar="NAME=PATH", help="another set, reduced units")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure; default: all")
    parser.add_argument("--json", type=Path, help="write the figures there, and a picture to docs/pictures")
    options = parser.parse_args()
    shipped = read_library()
    settings = LibrarySettings(source="made", reference_structures=1024)
    state, random = normalisation(settings)
    measures: dict[str, Callable[[], Any]] = {
        "about": lambda: facts(shipped),
        "reach": lambda: reach(shipped.select((1, 32)), random, state, settings),
        "prefixes": lambda: prefixes(shipped, state, settings),
        "quickstart": quickstart_checksums,
        "diversity": lambda: diversity(shipped.select((1, 32)), state, random, settings, options),
        "diverse": lambda: diverse(read_library(order="diverse"), state, random, settings, options),
        "orders": lambda: orders(state, settings),
    }
    for part in options.parts:
        found = measures[part]()
        print(part, found, flush=True)
        if options.json:
            write_part(options.json, part, found)


def write_part(path: Path, part: str, found: Any) -> None:
    """Put a part into the JSON file, with its own provenance, and leave the others as they are."""
    figures = json.loads(path.read_text()) if path.is_file() else {}
    if part == "reach":
        plot_reach(found, PICTURES / "reach.png")
        own = found[found["set"] == "maximised"].rename(columns={"nearest": "nearest_sigma"}).drop(columns="set")
        found = own.to_dict("records")
    figures |= found if part == "about" else {"quickstart_sha256" if part == "quickstart" else part: found}
    origin = provenance(config="benchmarks/entropy/library.py", seed=SEED)
    figures.setdefault("provenance", dict(origin)).setdefault("parts", {})[part] = origin
    write_json(path, figures)


if __name__ == "__main__":
    main()
