"""Supported regime: inside which volumes, energies, distances and temperatures the errors of the table hold."""

from collections.abc import Sequence

import pandas as pd

from entromax.report.kit import Block, Cell, Section, Table, number
from entromax.report.results import ElementResults, PotentialResults, read_csv
from entromax.validation.regime import TABLE, inside, read_regime


def section(results: ElementResults) -> Section:
    """Return the section with one box for every potential whose errors are known."""
    blocks = [block for one in results.potentials for block in _box(one, results.prefix(one))]
    return Section(
        "regime",
        "Supported regime",
        "The errors below hold for structures that lie inside these limits. Outside, nothing is known. Distances are "
        "between the strangest atom of a structure and the nearest environment of the training set, in standard "
        "deviations of a feature; 95 % of the held-out structures lie within the largest one. "
        "For structures of your own, entromax check POTENTIAL STRUCTURES says whether they lie inside.",
        blocks,
    )


def _box(potential: PotentialResults, prefix: str) -> list[Block]:
    known = read_regime(potential.folder)
    if known is None:
        return []
    table = read_csv(potential.folder / TABLE)
    held_out = table[table["split"].isin(["validation", "test"])]
    within = inside(held_out, known)
    lowest, highest = known.energy
    rows: list[Sequence[Cell | str]] = [
        ("volume", f"{number(known.volume[0])} to {number(known.volume[1])} Å³/atom"),
        ("energy above the lowest crystal or structure", f"up to {number(highest - lowest)} eV/atom"),
        ("distance to the training set", f"up to {number(known.distance)} σ"),
        *(("temperature of dynamics", text) for text in _survived(potential.runs)),
        ("errors inside", _errors(held_out[within])),
        ("errors outside", _errors(held_out[~within])),
    ]
    return [Block(table=Table((f"{prefix}supported regime", "limits"), rows, wide=(1,)))]


def _survived(runs: pd.DataFrame) -> list[str]:
    """Return, for every compression, the hottest temperature up to which all runs stayed physical."""
    lines = []
    hot = runs[runs["kind"] == "hot"] if len(runs) else runs
    for compression, part in hot.groupby("compression", sort=False) if len(hot) else []:
        good = part.groupby("temperature")["state"].apply(lambda states: set(states) <= {"physical"}).sort_index()
        passed = good.index[good.cummin()]
        limit = f"up to {passed.max():g} K" if len(passed) else f"none: fails at {good.index.min():g} K"
        lines.append(f"{limit} at V/V₀ = {compression:g}")
    return lines


def _errors(table: pd.DataFrame) -> str:
    """Return the RMSE of energies and forces of held-out structures."""
    if table.empty:
        return "no held-out structure"
    energy = float((table["energy_error"] ** 2).mean() ** 0.5)
    force = float((table["force_rmse"] ** 2 * table["n_atoms"]).sum() / table["n_atoms"].sum()) ** 0.5
    return f"{number(energy)} meV/atom, {number(force)} eV/Å ({len(table)} held-out structures, RMSE)"
