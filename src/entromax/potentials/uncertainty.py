"""Error bars against true errors: how to scale them, and what they are worth afterwards."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from scipy.stats import norm, spearmanr

from entromax.structures.geometry import bare
from entromax.structures.kinds import without_free_atoms

LEVELS = (0.5, 0.6827, 0.8, 0.9, 0.9545)
"""Nominal probabilities of the intervals whose coverage is counted; the second one sets the scale."""


def errors_and_bars(
    structures: Sequence[Atoms], calculator: BaseCalculator
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return true errors and predicted standard deviations, free atoms left out.

    Args:
        structures: with ``REF_energy`` and ``REF_forces``.
        calculator: answers ``energy_std`` and ``forces_std`` (see ``Family.load``).

    Returns:
        ``energy``: one per structure [eV/atom]; ``forces``: one per component [eV/Å].
    """
    energy, forces = [], []
    for atoms in without_free_atoms(structures):
        calculator.calculate(bare(atoms), ["energy", "forces", "energy_std", "forces_std"], ["positions"])
        results = calculator.results
        energy.append(np.array([results["energy"] - atoms.info["REF_energy"], results["energy_std"]]) / len(atoms))
        forces.append(np.stack([results["forces"] - atoms.arrays["REF_forces"], results["forces_std"]]).reshape(2, -1))
    if not energy:
        return {}
    (error, bar), (force_error, force_bar) = np.array(energy).T, np.concatenate(forces, axis=1)
    # Components that symmetry makes vanish have neither error nor bar.
    alive = force_bar > 1e-9
    return {"energy": (error, bar), "forces": (force_error[alive], force_bar[alive])}


def judge_bars(errors: np.ndarray, bars: np.ndarray) -> dict[str, Any]:
    """Return what error bars are worth.

    Args:
        errors: true errors.
        bars: predicted standard deviations, positive.

    Returns:
        ``n``; ``rmse``; ``mean_bar``; ``spearman``: rank correlation of absolute error and bar, None below 3;
        ``coverage``: by nominal probability of a normal distribution, the part of the errors inside; ``scale``: the
        factor on the bars that makes the coverage of the interval of one standard deviation right.
    """
    ratio = np.abs(errors) / bars
    rank = float(spearmanr(np.abs(errors), bars).statistic) if len(errors) > 2 else None
    return {
        "n": len(errors),
        "rmse": float(np.sqrt(np.mean(errors**2))),
        "mean_bar": float(bars.mean()),
        "spearman": rank,
        "coverage": {f"{level:g}": float(np.mean(ratio <= norm.ppf(0.5 + level / 2))) for level in LEVELS},
        "scale": float(np.quantile(ratio, LEVELS[1])),
    }


def calibration(structures: Sequence[Atoms], calculator: BaseCalculator) -> dict[str, dict[str, Any]] | None:
    """Return :func:`judge_bars` of energies [eV/atom] and forces [eV/Å]; None without structures."""
    found = errors_and_bars(structures, calculator)
    return {name: judge_bars(*pair) for name, pair in found.items()} or None
