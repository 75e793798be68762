"""The three jobs of a library that grows in rounds: reference sample, batch, merge (METHOD section 5).

All randomness comes from a seed sequence keyed by (seed, round, batch), all outputs are written atomically: a job that
is run again gives the same files.
"""

import logging
import os
from collections.abc import Sequence
from itertools import compress
from pathlib import Path

import numpy as np
import torch
from ase import Atoms

from entromax.config.models import CellSettings, FeatureSettings, LibrarySettings
from entromax.entropy.optimiser import maximise
from entromax.entropy.seeding import relaxed_seeds
from entromax.entropy.selection import accept
from entromax.entropy.state import EntropyState
from entromax.entropy.strata import DatasetState, log_edges
from entromax.features import Features, build, evaluate, fuse
from entromax.runtime import atomic_path, config_hash, write_json
from entromax.structures.constraints import allowed
from entromax.structures.geometry import reduced_volume
from entromax.structures.identity import with_sid
from entromax.structures.io import read_structures, write_structures

logger = logging.getLogger("entromax.entropy")


def feature_hash(settings: FeatureSettings) -> str:
    """Return 12 hex digits that identify the features."""
    return config_hash(settings.model_dump())


def structure_blocks(
    structures: Sequence[Atoms], state: DatasetState, features: Features
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the normalised rows and the stratum of each structure."""
    if not structures:
        return [], np.empty(0, dtype=int)
    volumes = np.array([reduced_volume(atoms) for atoms in structures])
    sizes = np.array([len(atoms) for atoms in structures])
    return state.blocks(evaluate(structures, features, small=True), sizes, volumes), state.stratum(volumes)


def reference_sample(settings: LibrarySettings, *, seed: int, structures: str | Path, state: str | Path) -> None:
    """Draw random relaxed structures and write them and the empty state that they normalise.

    They fix mean and scale of the features, once for all rounds, and are the random set that the library is compared
    with.

    Args:
        settings: of the library.
        seed: seed of the campaign.
        structures: written, the random structures.
        state: written, the state before round 1.

    Raises:
        ValueError: the settings allow no structures, or features that do not vary.
    """
    features = build(settings.features)
    edges = log_edges(settings.cells.volume, settings.entropy.strata)
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0, 0]))
    sample, parts = [], []
    for cells, count in _per_stratum(settings.cells, edges, settings.reference_structures):
        own = relaxed_seeds(count, cells, rng, settings.optimiser.relax_steps)
        parts.append(
            EntropyState.from_reference(
                evaluate(own, features),
                np.array([len(atoms) for atoms in own]),
                settings.entropy.eps,
                settings.entropy.rows,
                feature_hash(settings.features),
            )
        )
        sample += [with_sid(atoms) for atoms in own]
    write_structures(structures, sample)
    DatasetState(edges, tuple(parts)).save(state)
    logger.info("normalised by %d random structures in %d strata of v*", len(sample), len(parts))


def maximise_batch(
    settings: LibrarySettings,
    *,
    state: str | Path,
    seed: int,
    round: int,
    batch: int,
    structures: str | Path,
    trace: str | Path,
) -> None:
    """Grow one batch of candidates against the state of the round before.

    Args:
        settings: of the library.
        state: state that the round starts from.
        seed: seed of the campaign.
        round: number of the round, from 1.
        batch: number of the batch in the round.
        structures: written, the candidates; info: ``sid``, ``round``, ``batch``, ``index`` (of the seed),
            ``seed_kind``, ``v_star``.
        trace: written, table of steps (csv).

    Raises:
        ValueError: the state belongs to other features, or the settings allow no structures.
    """
    start = load_state(state, settings)
    device = choose_device(settings.optimiser.device, settings.optimiser.gpu_share)
    features = build(settings.features, getattr(torch, settings.optimiser.precision), device)
    if settings.optimiser.compile:
        fuse(features)
    rng = np.random.default_rng(np.random.SeedSequence([seed, round, batch]))
    seeds = []
    for cells, count in _per_stratum(settings.cells, start.edges, settings.structures_per_batch):
        seeds += relaxed_seeds(count, cells, rng, settings.optimiser.relax_steps, settings.seeds, device)
    logger.info("round %d batch %d: %d seeds, %d atoms", round, batch, len(seeds), sum(map(len, seeds)))
    result = maximise(seeds, start, features, settings, device)
    finished = [with_sid(atoms) for atoms in result.structures]
    for atoms, parent in zip(finished, result.parents, strict=True):
        atoms.info |= {"round": round, "batch": batch, "index": parent, "seed_kind": seeds[parent].info["seed_kind"]}
        atoms.info["v_star"] = round_volume(atoms)
    # Again, on what is stored: rounding may have touched a bound.
    finished = list(compress(finished, allowed(finished, settings.cells)))
    write_structures(structures, finished)
    with atomic_path(trace) as temporary:
        result.trace.to_csv(temporary, index=False)
    logger.info("%d candidates", len(finished))


def merge_round(
    settings: LibrarySettings,
    *,
    state: str | Path,
    candidates: Sequence[str | Path],
    structures: str | Path,
    new_state: str | Path,
    summary: str | Path,
) -> None:
    """Choose greedily among the candidates of a round, by gain in the entropy of the joint dataset.

    Duplicates and structures that bring less than ``library.entropy.worth`` are dropped. The cost does not depend on
    the size of the dataset so far.

    Args:
        settings: of the library.
        state: state that the round started from.
        candidates: files of the batches.
        structures: written, the accepted structures, best first in each stratum; info gains ``gain_nats``.
        new_state: written, the state with them.
        summary: written, numbers of the round (JSON).

    Raises:
        ValueError: the state belongs to other features.
    """
    start = load_state(state, settings)
    read = [atoms for path in candidates for atoms in read_structures(path)]
    unique = list({atoms.info["sid"]: atoms for atoms in reversed(read)}.values())[::-1]
    wish, share = settings.optimiser.device, settings.optimiser.gpu_share
    device = choose_device("auto" if wish == "cuda" else wish, share)  # merges may run where there is no GPU
    blocks, strata = structure_blocks(unique, start, build(settings.features, device=device))
    order, gains, end = accept(blocks, strata, start, settings.entropy.worth)
    accepted = [unique[k] for k in order]
    for atoms, gain in zip(accepted, gains, strict=True):
        atoms.info["gain_nats"] = gain
    counts = [
        {"candidates": int((strata == k).sum()), "accepted": new.structures - old.structures, "H_after": new.h()}
        for k, (old, new) in enumerate(zip(start.parts, end.parts, strict=True))
    ]
    if not accepted:
        logger.warning(
            "no candidate of this round was accepted: the library has stopped growing; fewer rounds would do"
        )
    write_structures(structures, accepted)
    end.save(new_state)
    write_json(
        summary,
        {
            "candidates": len(read),
            "duplicates": len(read) - len(unique),
            "accepted": len(accepted),
            "structures": end.structures,
            "rows": end.n,
            "H_before": start.h(),
            "H_after": end.h(),
            "edges": end.edges.tolist(),
            "strata": counts,
        },
    )
    logger.info("%d of %d accepted, H %.3f -> %.3f nats", len(accepted), len(read), start.h(), end.h())


def choose_device(name: str, share: float = 1.0) -> torch.device:
    """Return the device and log what was found and chosen; reductions on a GPU are made deterministic.

    Args:
        name: ``auto``, ``cpu`` or ``cuda``.
        share: part of the memory of a GPU that this process may take.

    Raises:
        ValueError: cuda is asked for and there is none.
    """
    found = found_gpu()
    if name == "cuda" and found is None:
        raise ValueError("library.optimiser.device is cuda but torch finds no GPU: set it to auto or cpu")
    if name == "cpu" or found is None:
        seen = "no GPU that torch can use" if found is None else f"{found}, not asked for"
        threads = torch.get_num_threads()
        logger.info("device %s: found %s; chose the CPU, %d thread%s", name, seen, threads, "s" * (threads > 1))
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is reproducible only with this
    torch.use_deterministic_algorithms(True)
    torch.cuda.set_per_process_memory_fraction(share)
    logger.info("device %s: found and chose %s, %g of it for this batch", name, found, share)
    return torch.device("cuda")


def found_gpu() -> str | None:
    """Return name and memory of the GPU that torch would use, None without one."""
    if not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info()
    return f"{torch.cuda.get_device_name()}, {free / 1e9:.0f} of {total / 1e9:.0f} GB free"


def round_volume(atoms: Atoms) -> float:
    """Return v* with 6 decimals, for tables."""
    return float(np.round(reduced_volume(atoms), 6))


def _per_stratum(cells: CellSettings, edges: np.ndarray, total: int) -> list[tuple[CellSettings, int]]:
    """Return the bounds of each stratum and its share of ``total``; the first ones get what does not divide."""
    count = len(edges) - 1
    return [
        (
            cells.model_copy(update={"volume": [float(edges[k]), float(edges[k + 1])]}),
            total // count + (k < total % count),
        )
        for k in range(count)
    ]


def load_state(path: str | Path, settings: LibrarySettings) -> DatasetState:
    """Read a state and check that it was made with the features of the settings.

    Raises:
        ValueError: it was not.
    """
    state = DatasetState.load(path)
    if state.feature_hash != feature_hash(settings.features):
        raise ValueError(
            f"{path}: made with other features than library.features; delete the folder of the library and start again"
        )
    return state
