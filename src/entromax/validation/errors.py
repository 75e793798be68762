"""Held-out errors of a potential: energies, forces and stresses, overall and where they arise (METHOD section 9.1)."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator, PropertyNotImplementedError, all_changes

from entromax.config.models import FeatureSettings
from entromax.potentials import load_potential
from entromax.runtime import atomic_path, write_json
from entromax.structures.geometry import bare
from entromax.structures.io import read_structures
from entromax.structures.kinds import kind_of, without_free_atoms
from entromax.validation.distance import distance_to_training

ENERGY_EDGES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, np.inf)
"""Energy above the lowest structure [eV/atom]."""
VOLUME_EDGES = (0.0, 0.65, 0.8, 1.0, 1.4, 2.0, 2.8, np.inf)
"""Reduced volume per atom v* [d_nn^3]; close packing is 0.71."""
ATOM_EDGES = (1, 2, 5, 9, 17, 33, np.inf)
"""Atoms in the cell: 1, 2-4, 5-8, 9-16, 17-32, more."""
DISTANCE_EDGES = (0.0, 0.03, 0.1, 0.2, 0.4, 0.8, np.inf)
"""Distance of the strangest atom to the training set [standard deviations of a feature]."""
DISTANCE = "distance to the training set [σ of a feature]"

FORCE_COLUMNS = ("split", "sid", "reference", "potential")


def predict(structures: Sequence[Atoms], calculator: BaseCalculator, split: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare a potential with the labels of ``structures``; free atoms are left out (they define the zero).

    Args:
        structures: carry ``REF_energy`` [eV], ``REF_forces`` [eV/Å] and, when known, ``REF_stress`` [eV/Å^3].
        calculator: the potential.
        split: name written into the tables.

    Returns:
        One row per structure: energies [eV/atom], ``energy_error`` [meV/atom], ``force_rmse``/``force_mae`` over the
        components [eV/Å], ``stress_rmse``/``stress_mae`` over the components [GPa, NaN without stress], ``finite``;
        and one row per force component (``FORCE_COLUMNS``, eV/Å).
    """
    rows, forces = [], []
    for atoms in without_free_atoms(structures):
        row, components = _compare(atoms, calculator)
        rows.append({"split": split, **row})
        components.insert(0, "sid", row["sid"])
        components.insert(0, "split", split)
        forces.append(components)
    table = pd.DataFrame(rows)
    return table, pd.concat(forces, ignore_index=True) if forces else pd.DataFrame(columns=list(FORCE_COLUMNS))


def _compare(atoms: Atoms, calculator: BaseCalculator) -> tuple[dict[str, Any], pd.DataFrame]:
    n = len(atoms)
    copy = bare(atoms)
    copy.calc = calculator
    # All at once: asked one after the other, some calculators (quippy) would start again each time.
    wanted = [name for name in ("energy", "forces", "stress") if name in calculator.implemented_properties]
    calculator.calculate(copy, wanted, list(all_changes))
    energy = float(copy.get_potential_energy()) / n
    predicted, labelled = copy.get_forces(), atoms.arrays["REF_forces"]
    delta = predicted - labelled
    stress = _stress_error(atoms, copy)
    reference = float(atoms.info["REF_energy"]) / n
    row = {
        "sid": str(atoms.info.get("sid", "")),
        "config_type": kind_of(atoms),
        "n_atoms": n,
        "volume": atoms.get_volume() / n,
        "energy_reference": reference,
        "energy_potential": energy,
        "energy_error": 1000 * (energy - reference),
        "force_max": float(np.linalg.norm(labelled, axis=1).max()),
        "force_rmse": _rms(delta),
        "force_mae": float(np.abs(delta).mean()),
        "stress_rmse": _rms(stress),
        "stress_mae": float(np.abs(stress).mean()),
        "finite": bool(np.isfinite(energy) and np.isfinite(predicted).all()),
    }
    return row, pd.DataFrame({"reference": labelled.ravel(), "potential": predicted.ravel()})


def _stress_error(atoms: Atoms, bare: Atoms) -> np.ndarray:
    """Return the errors of the six components [GPa], NaN when label or potential has no stress."""
    if "REF_stress" not in atoms.info:
        return np.full(6, np.nan)
    try:
        stress = bare.get_stress()
    except PropertyNotImplementedError:
        return np.full(6, np.nan)
    return (stress - np.asarray(atoms.info["REF_stress"], dtype=float)) / units.GPa


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def summarise(table: pd.DataFrame) -> dict[str, Any]:
    """Return RMSE and MAE of a table of :func:`predict`; every structure counts for energy, every atom for forces.

    Structures for which the potential gave no finite number are counted in ``not_finite`` and left out of the means.
    Units: energy meV/atom, force eV/Å, stress GPa. A mean over nothing is None.
    """
    good = table[table["finite"]]
    weight = good["n_atoms"]
    return {
        "structures": len(table),
        "atoms": int(table["n_atoms"].sum()),
        "not_finite": int((~table["finite"].astype(bool)).sum()),
        "energy_rmse": _mean(good["energy_error"] ** 2, root=True),
        "energy_mae": _mean(good["energy_error"].abs()),
        "energy_bias": _mean(good["energy_error"]),
        "force_rmse": _mean(good["force_rmse"] ** 2, weight, root=True),
        "force_mae": _mean(good["force_mae"], weight),
        "stress_rmse": _mean(good["stress_rmse"] ** 2, root=True),
        "stress_mae": _mean(good["stress_mae"]),
    }


def _mean(values: pd.Series, weights: pd.Series | None = None, *, root: bool = False) -> float | None:
    known = values.notna()
    if not known.any():
        return None
    mean = float(np.average(values[known], weights=None if weights is None else weights[known]))
    return float(np.sqrt(mean)) if root else mean


def bin_errors(table: pd.DataFrame, d_nn: float) -> pd.DataFrame:
    """Return the errors of :func:`summarise` by split and by energy, volume, size, distance and kind of structure.

    Args:
        table: from :func:`predict`, all splits; energies are counted from the lowest of all splits. A column
            ``distance`` (to the training set) is a fifth way to bin, where there is one.
        d_nn: nearest-neighbour distance of the ground state [Å]; volumes are binned in units of d_nn^3.
    """
    above = table["energy_reference"] - table["energy_reference"].min()
    columns = {
        "energy above lowest [eV/atom]": (above, ENERGY_EDGES),
        "reduced volume v* [d_nn^3]": (table["volume"] / d_nn**3, VOLUME_EDGES),
        "atoms in the cell": (table["n_atoms"], ATOM_EDGES),
    }
    if "distance" in table:
        columns[DISTANCE] = (table["distance"], DISTANCE_EDGES)
    rows = []
    for split, part in table.groupby("split", sort=False):
        for name, (values, edges) in columns.items():
            for low, high in pairwise(edges):
                inside = part[(values[part.index] >= low) & (values[part.index] < high)]
                label = _bin_label(low, high, whole=edges is ATOM_EDGES)
                if len(inside):
                    rows.append({"split": split, "by": name, "bin": label, "low": low, **summarise(inside)})
        for kind, inside in part.groupby("config_type"):
            rows.append({"split": split, "by": "kind", "bin": kind, "low": np.nan, **summarise(inside)})
    return pd.DataFrame(rows)


def _bin_label(low: float, high: float, *, whole: bool) -> str:
    if not np.isfinite(high):
        return f"≥ {low:g}"
    if not whole:
        return f"{low:g} – {high:g}"
    return f"{low:g}" if high - low == 1 else f"{low:g} – {high - 1:g}"


def validate_errors(
    datasets: Mapping[str, str | Path],
    potential: str | Path,
    *,
    d_nn: float,
    features: FeatureSettings,
    metrics: str | Path,
    structures: str | Path,
    bins: str | Path,
    forces: str | Path,
) -> None:
    """Evaluate a potential on labelled sets and write its errors.

    Args:
        datasets: extended XYZ file of every split, by its name (``train``, ``validation``, ``test``; ``conventional``
            for the held-out part of the conventional set).
        potential: folder of the fitted potential.
        d_nn: nearest-neighbour distance of the ground state [Å].
        features: in whose space the distance to the training set is measured.
        metrics: JSON written: per split the numbers of :func:`summarise`.
        structures: CSV written: one row per structure.
        bins: CSV written: errors by energy, volume, number of atoms, distance to the training set and kind.
        forces: parquet written: every force component, for the parity plot.
    """
    calculator = load_potential(potential)
    labelled = {split: without_free_atoms(read_structures(path)) for split, path in datasets.items()}
    results = [predict(structures_, calculator, split) for split, structures_ in labelled.items()]
    for (rows, _), structures_ in zip(results, labelled.values(), strict=True):
        rows["distance"] = distance_to_training(structures_, labelled["train"], d_nn=d_nn, features=features)
    table = pd.concat([rows for rows, _ in results if len(rows)], ignore_index=True)
    summary = {str(split): summarise(part) for split, part in table.groupby("split", sort=False)}
    with atomic_path(structures) as temporary:
        table.to_csv(temporary, index=False)
    with atomic_path(bins) as temporary:
        bin_errors(table, d_nn).to_csv(temporary, index=False)
    with atomic_path(forces) as temporary:
        pd.concat([rows for _, rows in results if len(rows)], ignore_index=True).to_parquet(temporary, index=False)
    write_json(metrics, {"units": {"energy": "meV/atom", "force": "eV/Å", "stress": "GPa"}, "splits": summary})
