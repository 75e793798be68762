"""What the iterations of active learning have brought: errors on one test set, and how unsure the committee was."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from entromax.active.committee import Committee
from entromax.potentials import load_potential
from entromax.potentials.base import split_free_atom
from entromax.runtime import atomic_path
from entromax.structures import read_structures
from entromax.validation.errors import predict, summarise

ORIGINS = ("relaxed", "distorted", "vacancy", "library", "dynamics")
"""Where chosen structures come from, see ``Search.survey``."""
MEASURES = ("energy_rmse", "energy_mae", "force_rmse", "force_mae")


def compare_iterations(
    *,
    potentials: Sequence[str | Path],
    train: Sequence[str | Path],
    test: str | Path,
    candidates: Sequence[str | Path],
    runs: Sequence[str | Path],
    batches: Sequence[Sequence[str | Path]],
    curve: str | Path,
) -> pd.DataFrame:
    """Write and return one row per fit: before the first batch, after it, and so on.

    Columns: ``batches`` in the training set, ``labels`` of it; on the test set, which is that of all fits,
    ``energy_rmse``, ``energy_mae`` [meV/atom], ``force_rmse``, ``force_mae`` [eV/Å], ``test_bar``: mean calibrated
    error bar [meV/atom]. Of the search with this fit (empty for the last one): ``candidates`` inside the bounds, their
    ``bar_mean`` and ``bar_max`` [meV/atom], ``chosen_<origin>`` (numbers), ``chosen_bar`` (mean),
    ``batch_energy_rmse``, ``batch_force_rmse``: errors on the labels of the chosen ones, before they were trained on;
    ``runs`` of dynamics and those that stayed ``physical``.

    Args:
        potentials: folders, N + 1.
        train: their training sets.
        test: test set.
        candidates: tables of ``select_structures``, N.
        runs: tables of its dynamics, N.
        batches: label files of each batch, N lists.
        curve: CSV written.
    """
    held_out, rows = read_structures(test), []
    for k, (potential, training) in enumerate(zip(potentials, train, strict=True)):
        _, bulk = split_free_atom(read_structures(training))
        committee = Committee.load(potential, training)
        bars = [1000 * committee.opinion(atoms).bar for atoms in held_out]
        row: dict[str, Any] = {"batches": k, "labels": len(bulk)} | _errors(potential, held_out, MEASURES)
        row["test_bar"] = sum(bars) / len(bars) if bars else None
        if k < len(candidates):
            row |= _search(pd.read_csv(candidates[k], keep_default_na=False, na_values={"rank": [""]}))
            labelled = [atoms for path in batches[k] for atoms in read_structures(path)]
            found = _errors(potential, labelled, ("energy_rmse", "force_rmse"))
            row |= {f"batch_{name}": value for name, value in found.items()}
            made = pd.read_csv(runs[k])["state"]
            row |= {"runs": len(made), "physical": int(made.isin(("physical", "conserved")).sum())}
        rows.append(row)
    table = pd.DataFrame(rows)
    with atomic_path(curve) as temporary:
        table.to_csv(temporary, index=False)
    return table


def _errors(potential: str | Path, labelled: Sequence[Any], measures: Sequence[str]) -> dict[str, float | None]:
    table, _ = predict(labelled, load_potential(potential), "")
    found = summarise(table) if len(table) else {}
    return {name: found.get(name) for name in measures}


def _search(table: pd.DataFrame) -> dict[str, Any]:
    usable, chosen = table[table["excluded"] == ""], table[table["rank"].notna()]
    return {
        "candidates": len(usable),
        "bar_mean": 1000 * float(usable["bar"].mean()),
        "bar_max": 1000 * float(usable["bar"].max()),
        **{f"chosen_{origin}": int((chosen["origin"] == origin).sum()) for origin in ORIGINS},
        "chosen_bar": 1000 * float(chosen["bar"].mean()),
    }
