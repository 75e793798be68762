"""The figures of a campaign, drawn from its files: one function per rule."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from entromax.config.models import ElementSettings, LibrarySettings
from entromax.dataset.aggregate import ACTIVE
from entromax.entropy.diversity import compare_diversity
from entromax.entropy.reach import common_crystals, ground_states, measure_reach
from entromax.entropy.rounds import structure_blocks
from entromax.entropy.strata import DatasetState
from entromax.features import build, evaluate
from entromax.report.figures_labels import plot_energy_volume, plot_seconds, plot_states
from entromax.report.figures_library import (
    describe,
    plot_coverage,
    plot_gallery,
    plot_growth,
    plot_histogram,
    plot_prefix,
    plot_reach,
)
from entromax.report.figures_validation import (
    plot_binned_errors,
    plot_energy_parity,
    plot_errors_by_distance,
    plot_force_parity,
    plot_ground_state,
    plot_robustness,
)
from entromax.report.figures_validation import plot_eos as plot_eos_curves
from entromax.report.results import read_ledgers
from entromax.runtime import atomic_path
from entromax.structures import crystal, read_structures
from entromax.structures.crystals import TOUCHING

Files = Mapping[str, str | Path]


def plot_errors(files: Files) -> None:
    """Draw the errors of a potential.

    Args:
        files: read ``structures``, ``bins`` (CSV) and ``forces`` (parquet) of ``validate_errors``; write
            ``energy_parity``, ``force_parity``, ``binned`` and ``by_distance`` (PNG).
    """
    plot_energy_parity(pd.read_csv(files["structures"]), files["energy_parity"])
    plot_force_parity(pd.read_parquet(files["forces"]), files["force_parity"])
    bins = pd.read_csv(files["bins"])
    plot_binned_errors(bins, files["binned"])
    plot_errors_by_distance(bins, files["by_distance"])


def plot_eos(files: Files, *, ground_state: str) -> None:
    """Draw E(V).

    Args:
        files: read ``curves`` (CSV) of ``validate_eos``; write ``crystals`` and ``ground_state`` (PNG). The data of
            ``crystals`` are ``curves``: give both the same name.
        ground_state: name of the ground-state crystal.
    """
    curves = pd.read_csv(files["curves"])
    plot_eos_curves(curves, files["crystals"])
    plot_ground_state(curves, files["ground_state"], ground_state=ground_state)


def plot_dynamics(files: Files) -> None:
    """Draw the robustness map: read ``runs`` (CSV) of ``validate_robustness``, write ``map`` (PNG, same name)."""
    plot_robustness(pd.read_csv(files["runs"]), files["map"])


def plot_labels(ledgers: Sequence[str | Path], figures: Files, *, element: str) -> None:
    """Draw the labels of one element.

    Args:
        ledgers: parquet ledgers of all shards and of the reference.
        figures: PNG files to write: ``states``, ``seconds``, ``energy_volume``.
        element: chemical symbol.
    """
    everything = read_ledgers([Path(path) for path in ledgers])
    chosen = everything[everything["config_type"].isin(("library", ACTIVE))]
    plot_states({element: chosen}, figures["states"])
    plot_seconds(chosen, figures["seconds"])
    labelled = everything[(everything["state"] == "converged") & (everything["config_type"] != "isolated_atom")]
    cloud = labelled[["sid", "config_type", "volume", "energy"]].copy()
    cloud["energy"] -= cloud["energy"].min()
    plot_energy_volume(cloud, figures["energy_volume"])


def plot_library(
    *,
    library: str | Path,
    random: str | Path,
    state: str | Path,
    table: str | Path,
    traces: Sequence[str | Path],
    settings: LibrarySettings,
    elements: Mapping[str, ElementSettings],
    labelled: int,
    figures: Files,
) -> None:
    """Draw the library.

    Args:
        library: ordered library, extended XYZ in reduced units.
        random: random reference structures, extended XYZ in reduced units.
        state: entropy state of round 0, which holds the normalisation.
        table: library.csv of ``order_library``.
        traces: CSV of every batch, named ``round_<r>/batch_<b>.csv``.
        settings: of the library.
        elements: of the campaign; their ground states are looked for in the library.
        labelled: structures labelled per element.
        figures: files to write: ``growth``, ``prefix``, ``coverage``, ``reach``, ``volume``, ``atoms``, ``nearest``,
            ``gallery`` (PNG) and ``diversity`` (CSV of ``compare_diversity``).
    """
    chosen, reference = read_structures(library), read_structures(random)
    rows = {"random": reference, "maximised": chosen}
    descriptor, start = build(settings.features), DatasetState.load(state)
    with atomic_path(figures["diversity"]) as temporary:
        compare_diversity(rows, start, settings).to_csv(temporary, index=False)
    order = pd.read_csv(table)
    sizes = {
        number: settings.structures_per_batch + int((order["round"] < number).sum())
        for number in range(1, settings.rounds + 1)
    }
    blocks, strata = structure_blocks(reference, start, descriptor)
    shuffled = np.random.default_rng(0).permutation(len(reference))
    random_h = {}
    for number, size in sizes.items():
        first = shuffled[:size]
        random_h[number] = start.without_data().add([blocks[k] for k in first], strata[first]).h()
    plot_growth(read_traces(traces), figures["growth"], random_h=random_h)
    plot_prefix(order, figures["prefix"], labelled=labelled)
    q = {name: evaluate(structures, descriptor) for name, structures in rows.items()}
    mean, scale = q["random"].mean(axis=0), q["random"].std(axis=0)
    perfect = {name: evaluate([crystal(name, "X", volume)], descriptor)[0] for name, volume in TOUCHING.items()}
    plot_coverage(
        {name: (own - mean) / scale for name, own in q.items()},
        {name: (own - mean) / scale for name, own in perfect.items()},
        figures["coverage"],
    )
    crystals = ground_states(elements) + common_crystals()
    reached = [measure_reach(crystals, own, start, settings).assign(set=name) for name, own in rows.items()]
    plot_reach(pd.concat(reached, ignore_index=True), figures["reach"])
    shapes = pd.concat([describe(structures, name) for name, structures in rows.items()], ignore_index=True)
    plot_histogram(shapes, "volume", "volume per atom v* [d_nn³]", figures["volume"])
    plot_histogram(shapes, "atoms", "atoms in the cell", figures["atoms"])
    plot_histogram(shapes, "nearest", "closest pair [d_nn]", figures["nearest"])
    plot_gallery(chosen, figures["gallery"])


def read_traces(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Return the traces of all batches under each other, with columns round and batch from their paths.

    Raises:
        ValueError: a path is not of the form ``round_<r>/batch_<b>.csv``.
    """
    frames = []
    for path in paths:
        found = re.search(r"round_(\d+)/batch_(\d+)\.csv$", str(path))
        if found is None:
            raise ValueError(f"{path}: the trace of a batch is named round_<r>/batch_<b>.csv")
        frame = pd.read_csv(path)
        frame.insert(0, "batch", int(found[2]))
        frame.insert(0, "round", int(found[1]))
        frames.append(frame)
    return (
        pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["round", "batch", "step", "h_nats"])
    )
