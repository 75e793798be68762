"""Gather the labels of one element: remove duplicates, list outliers, split, and account for every structure."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from entromax.config.models import DatasetSettings
from entromax.dataset.limits import Limits
from entromax.labels.ledger import COLUMNS
from entromax.runtime import atomic_path, config_hash, provenance, write_json
from entromax.structures import read_structures, write_structures
from entromax.structures.kinds import CHOSEN, ISOLATED

logger = logging.getLogger("entromax.dataset")

ROLES = ("train", "validation", "test", "duplicate", "outlier", "failed", "reference")


class TooManyFailuresError(RuntimeError):
    """More structures than allowed have no label."""


def aggregate_dataset(
    labels: Sequence[str | Path],
    ledgers: Sequence[str | Path],
    *,
    reference_labels: str | Path,
    reference_ledger: str | Path,
    settings: DatasetSettings,
    max_failed_fraction: float,
    seed: int,
    train: str | Path,
    validation: str | Path,
    test: str | Path,
    manifest: str | Path,
    summary: str | Path,
) -> pd.DataFrame:
    """Write training, validation and test set, a manifest of every structure, and a summary.

    The manifest has the columns of the ledgers and ``role`` (``ROLES``), ``rule`` (why a structure is no training
    data), ``energy_above_atom`` and ``energy_above_lowest`` [eV/atom]. The free atom is part of the training set: it
    fixes the zero of energy. The reference crystals are kept out of it, they are what the potentials are judged by.

    What active learning has chosen (``config_type`` among ``CHOSEN``) is trained on, never tested on, and changes the
    role of no other structure: the errors of its iterations are those on one and the same test set.

    Args:
        labels: label files of all shards (extended XYZ).
        ledgers: ledgers of all shards (parquet), in the same order.
        reference_labels: labels of the free atom and of the crystals.
        reference_ledger: their ledger.
        settings: outlier rules and split.
        max_failed_fraction: largest part of the library structures that may lack a label.
        seed: of the split.
        train: output, training set.
        validation: output, validation set.
        test: output, test set.
        manifest: output, parquet.
        summary: output, JSON.

    Returns:
        The manifest.

    Raises:
        TooManyFailuresError: the quorum is not met.
        ValueError: labels of different settings, no free atom, or nothing left to train on.
    """
    library = _unique([atoms for path in labels for atoms in read_structures(path)])
    references = read_structures(reference_labels)
    atom = _free_atom(references, reference_labels)
    _require_one_setting([*library.values(), *references])
    shards = pd.concat([read_ledger(path) for path in ledgers], ignore_index=True)
    _require_quorum(shards, max_failed_fraction, ledgers)
    table = _manifest(shards, read_ledger(reference_ledger), atom)
    rules = _outliers(table, _limits(table, settings, atom))
    table.loc[rules.index, "role"] = "outlier"
    table.loc[rules.index, "rule"] = rules
    _split(table, settings, seed)
    parts = {role: [library[sid] for sid in table.loc[table["role"] == role, "sid"]] for role in ROLES[:3]}
    if not parts["train"]:
        raise ValueError(f"{train}: no structure is left to train on: {_counts(table)}; relax the limits in `dataset`")
    table.loc[table["config_type"] == ISOLATED, "role"] = "train"
    parts["train"].insert(0, atom)
    for path, role in ((train, "train"), (validation, "validation"), (test, "test")):
        write_structures(path, parts[role])
    with atomic_path(manifest) as temporary:
        table.to_parquet(temporary, index=False)
    write_json(summary, _summary(table, settings, seed))
    logger.info("%s", _counts(table))
    return table


def read_ledger(path: str | Path) -> pd.DataFrame:
    """Return a ledger with all columns; those that an earlier version did not write are empty."""
    return pd.read_parquet(path).reindex(columns=list(COLUMNS))


def _unique(structures: Sequence[Atoms]) -> dict[str, Atoms]:
    """Return structures by sid; of equal ones the first."""
    unique: dict[str, Atoms] = {}
    for atoms in structures:
        unique.setdefault(str(atoms.info["sid"]), atoms)
    return unique


def _free_atom(references: Sequence[Atoms], path: str | Path) -> Atoms:
    atoms = [structure for structure in references if structure.info.get("config_type") == ISOLATED]
    if len(atoms) != 1:
        raise ValueError(f"{path}: holds {len(atoms)} free atoms (config_type={ISOLATED}) where one belongs")
    return atoms[0]


def _require_one_setting(structures: Sequence[Atoms]) -> None:
    found = sorted({str(atoms.info.get("settings")) for atoms in structures})
    if len(found) > 1:
        raise ValueError(
            f"labels of {len(found)} different reference settings ({', '.join(found)}) cannot be one data set: "
            "delete the label files of the old settings and run again; the label store keeps all labels"
        )


def _manifest(library: pd.DataFrame, references: pd.DataFrame, atom: Atoms) -> pd.DataFrame:
    """Return all structures with their energies and the roles that are known before outliers and split."""
    library = library.assign(role="", rule="")
    library.loc[library["state"] != "converged", "role"] = "failed"
    repeated = library.duplicated("sid", keep="first") & (library["role"] == "")
    library.loc[repeated, ["role", "rule"]] = ["duplicate", "same content hash as an earlier structure"]
    references = references.assign(role="reference", rule="")
    references.loc[references["state"] != "converged", "role"] = "failed"
    table = pd.concat([library, references], ignore_index=True)
    table["energy_above_atom"] = table["energy"] - float(atom.info["REF_energy"])
    bulk = (table["state"] == "converged") & ~table["config_type"].isin((ISOLATED, *CHOSEN))
    table["energy_above_lowest"] = table["energy"] - table.loc[bulk, "energy"].min()
    return table


def _require_quorum(library: pd.DataFrame, allowed: float, ledgers: Sequence[str | Path]) -> None:
    if library.empty:
        raise ValueError(f"{', '.join(map(str, ledgers))}: no structure in these ledgers")
    failed = library[library["state"] != "converged"]
    fraction = len(failed) / len(library)
    if fraction > allowed:
        states = ", ".join(f"{count} {state}" for state, count in failed["state"].value_counts().items())
        raise TooManyFailuresError(
            f"{len(failed)} of {len(library)} structures ({fraction:.0%}) have no label ({states}), more than "
            f"labels.max_failed_fraction = {allowed:g} allows. Most frequent reason: {failed['reason'].mode()[0]!r}. "
            f"Look at the ledgers in {Path(ledgers[0]).parent}, `entromax retry` what can be cured, or raise the limit"
        )


def _limits(table: pd.DataFrame, settings: DatasetSettings, atom: Atoms) -> Limits:
    bulk = table[(table["state"] == "converged") & ~table["config_type"].isin((ISOLATED, *CHOSEN))]
    lowest = bulk.loc[bulk["energy"] == bulk["energy"].min()].iloc[0]
    return Limits.of(settings, float(atom.info["REF_energy"]) - float(lowest["energy"]), float(lowest["volume"]))


def _outliers(table: pd.DataFrame, limits: Limits) -> "pd.Series[str]":
    """Return the rule that each outlier breaks, by row; a structure that breaks several is listed under all."""
    columns = {
        "max_energy": ("energy_above_lowest", limits.energy, "eV/atom above the lowest"),
        "max_force": ("max_force", limits.force, "eV/Å"),
        "max_pressure": ("pressure", limits.pressure, "GPa"),
    }
    rules: dict[int, str] = {}
    for row, values in table[table["role"] == ""].iterrows():
        broken = [
            f"{rule}: {values[column]:.1f} {unit}, the limit is {limit:.1f}"
            for rule, (column, limit, unit) in columns.items()
            if abs(values[column]) > limit
        ]
        if values["changed_physics"]:
            broken.append(f"changed_physics: {values['changed_physics']}")
        if broken:
            rules[int(str(row))] = "; ".join(broken)
    return pd.Series(rules, dtype="str")


def _split(table: pd.DataFrame, settings: DatasetSettings, seed: int) -> None:
    """Assign train, validation and test, by structure; depends on the sids and the seed, not on the order of files."""
    table.loc[(table["role"] == "") & table["config_type"].isin(CHOSEN), "role"] = "train"
    rows = table[table["role"] == ""].sort_values("sid").index.to_numpy()
    shuffled = rows[np.random.default_rng(seed).permutation(len(rows))]
    n_test, n_validation = (round(part * len(rows)) for part in (settings.test_fraction, settings.validation_fraction))
    table.loc[shuffled[:n_test], "role"] = "test"
    table.loc[shuffled[n_test : n_test + n_validation], "role"] = "validation"
    table.loc[shuffled[n_test + n_validation :], "role"] = "train"


def _counts(table: pd.DataFrame) -> str:
    return ", ".join(f"{count} {role or 'unused'}" for role, count in table["role"].value_counts().items())


def _summary(table: pd.DataFrame, settings: DatasetSettings, seed: int) -> dict[str, Any]:
    labelled = table[table["role"].isin(ROLES[:3]) & (table["config_type"] != ISOLATED)]
    atom = table[table["config_type"] == ISOLATED]
    ranges = {
        column: [float(labelled[column].min()), float(labelled[column].median()), float(labelled[column].max())]
        for column in ("energy_above_atom", "energy_above_lowest", "max_force", "pressure", "volume", "atoms")
    }
    return {
        "element": str(table["element"].iloc[0]),
        "settings": str(table.loc[table["settings"] != "", "settings"].iloc[0]),
        "structures": len(table),
        "environments": int(labelled["atoms"].sum()),
        "roles": {role: int((table["role"] == role).sum()) for role in ROLES},
        "states": {str(state): int(count) for state, count in table["state"].value_counts().items()},
        "seconds": float(table["seconds"].sum()),
        "isolated_atom_energy": float(atom["energy"].iloc[0]),
        "min_median_max": ranges,
        "provenance": provenance(config=config_hash(settings.model_dump(mode="json")), seed=seed),
    }
