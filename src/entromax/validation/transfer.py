"""Transfer: potentials fitted on the library and on a conventional set, each tested on both (METHOD section 9.2).

[MZ22] found that potentials of a diverse set transfer to the test set of an expert, and not the other way round. For
that to be a fair question both training sets have the same number of labels, from the same engine and settings, and
the same family with the same settings is fitted to both; what the labels cost is stated beside.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from entromax.potentials import load_potential
from entromax.runtime import atomic_path, write_json
from entromax.structures import read_structures, write_structures
from entromax.structures.kinds import CHOSEN, ISOLATED
from entromax.validation.errors import predict, summarise

SETS = {"entropy": "a", "conventional": "b"}
"""The two sets, and their letters in ``transfer.json``."""
MEASURES = ("energy_rmse", "energy_mae", "force_rmse", "force_mae")
COSTS = ("seconds", "cpu_seconds")
"""What a label has cost: time that passed, CPU time [s]."""
NOT_COUNTED = (ISOLATED, *CHOSEN)
"""Structures that are in no comparison: the free atom, and what active learning has chosen, which is in neither set."""


def pair_training_sets(
    training: Mapping[str, str | Path],
    manifests: Mapping[str, str | Path],
    *,
    percents: Sequence[int],
    outputs: Mapping[tuple[str, int], str | Path],
    summary: str | Path,
) -> pd.DataFrame:
    """Write training sets of equal numbers of labels: of both sets the first n, n a part of the smaller set.

    The first n of the library are its most informative n, the first n of the conventional set hold all its kinds.
    The free atom, which fixes the zero of energy, is in all of them and is not counted.

    Args:
        training: training set of each of ``SETS``, in its order (extended XYZ).
        manifests: manifest of each, which knows what a label has cost (parquet).
        percents: parts of the smaller set [%].
        outputs: file to write for each set and percent.
        summary: CSV written: ``training``, ``percent``, ``labels``, ``training_atoms``, ``seconds`` (time that the
            labels took to pass, on a busy machine more than they need), ``cpu_seconds`` (of all their processes; NaN
            when the store does not know it).

    Returns:
        The summary.

    Raises:
        ValueError: a set has no training structure, or a part would be empty.
    """
    structures = {name: read_structures(path) for name, path in training.items()}
    smallest = min(_count(own) for own in structures.values())
    rows = []
    for name, own in structures.items():
        # Ledgers of older campaigns know no CPU time.
        known = pd.read_parquet(manifests[name]).drop_duplicates("sid").set_index("sid").reindex(columns=list(COSTS))
        free = [atoms for atoms in own if atoms.info.get("config_type") == ISOLATED]
        bulk = [atoms for atoms in own if atoms.info.get("config_type") not in NOT_COUNTED]
        for percent in percents:
            chosen = bulk[: smallest * percent // 100]
            if not chosen:
                raise ValueError(
                    f"{percent} % of {smallest} training structures are none: raise validation.transfer.structures, "
                    "or lower validation.transfer.percents"
                )
            write_structures(outputs[name, percent], free + chosen)
            cost = known.loc[[atoms.info["sid"] for atoms in chosen]].astype(float).sum(skipna=False)
            row = {"training": name, "percent": percent, "labels": len(chosen)}
            rows.append(row | {"training_atoms": sum(map(len, chosen)), **{key: float(cost[key]) for key in COSTS}})
    table = pd.DataFrame(rows)
    with atomic_path(summary) as temporary:
        table.to_csv(temporary, index=False)
    return table


def _count(structures: Sequence[Any]) -> int:
    return sum(atoms.info.get("config_type") not in NOT_COUNTED for atoms in structures)


def validate_transfer(
    potentials: Mapping[tuple[str, int], str | Path],
    tests: Mapping[str, str | Path],
    *,
    sets: str | Path,
    curve: str | Path,
    structures: str | Path,
    metrics: str | Path,
) -> dict[str, Any]:
    """Test every potential on both held-out sets.

    Args:
        potentials: folder of the potential fitted to each set and percent.
        tests: held-out set of each of ``SETS`` (extended XYZ), seen by no potential.
        sets: summary of :func:`pair_training_sets`.
        curve: CSV written: one row per potential and test set, with the numbers of ``summarise``.
        structures: CSV written: one row per potential, test set and structure, with its errors.
        metrics: JSON written, see :func:`two_by_two`.

    Returns:
        What was written to ``metrics``.
    """
    known: dict[tuple[str, int], dict[Any, Any]] = {
        (row["training"], row["percent"]): {"cpu_seconds": np.nan} | row for row in pd.read_csv(sets).to_dict("records")
    }
    held_out = {name: read_structures(path) for name, path in tests.items()}
    rows, tables = [], []
    for (name, percent), folder in potentials.items():
        calculator = load_potential(folder)
        for test, labelled in held_out.items():
            table, _ = predict(labelled, calculator, test)
            rows.append(known[name, percent] | {"tested_on": test} | summarise(table))
            tables.append(table.assign(training=name, percent=percent, tested_on=test))
    learned = pd.DataFrame(rows)
    for path, frame in ((curve, learned), (structures, pd.concat(tables, ignore_index=True))):
        with atomic_path(path) as temporary:
            frame.to_csv(temporary, index=False)
    result = two_by_two(learned)
    write_json(metrics, result)
    return result


def two_by_two(curve: pd.DataFrame) -> dict[str, Any]:
    """Return errors of the potentials of the whole training sets on both test sets, and what follows from them.

    Args:
        curve: learning curve of :func:`validate_transfer`.

    Returns:
        ``a_on_a``, ``a_on_b``, ``b_on_a``, ``b_on_b`` (a: entropy set, b: conventional set; trained on the first,
        tested on the second): energies [meV/atom], forces [eV/Å], ``structures``, ``not_finite``; ``n_labels`` of each
        side; ``label_seconds`` and ``label_cpu_s`` (None: not known) of each; ``away_over_home`` for each test set:
        error of the potential that comes from the other set over that of the one from the same set.
    """
    whole = curve[curve["percent"] == curve["percent"].max()].set_index(["training", "tested_on"])
    cells = {
        f"{SETS[trained]}_on_{SETS[tested]}": {
            **{key: _plain(whole.loc[(trained, tested), key]) for key in MEASURES},
            **{key: int(whole.loc[(trained, tested), key]) for key in ("structures", "not_finite")},
        }
        for trained in SETS
        for tested in SETS
    }
    first = whole.groupby(level="training").first()
    ratios = {
        home: {key: _ratio(cells[f"{away}_on_{home}"][key], cells[f"{home}_on_{home}"][key]) for key in MEASURES}
        for home, away in (("a", "b"), ("b", "a"))
    }
    return {
        "a": "entropy-maximised set",
        "b": "conventional set",
        "units": {"energy": "meV/atom", "force": "eV/Å", "label_seconds": "s", "label_cpu_s": "s"},
        "n_labels": int(first["labels"].min()),
        "n_atoms": {SETS[name]: int(first.loc[name, "training_atoms"]) for name in SETS},
        "label_seconds": {SETS[name]: round(float(first.loc[name, "seconds"]), 1) for name in SETS},
        "label_cpu_s": {SETS[name]: _plain(first.loc[name, "cpu_seconds"]) for name in SETS},
        **cells,
        "away_over_home": {f"on_{home}": ratio for home, ratio in ratios.items()},
    }


def _plain(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
