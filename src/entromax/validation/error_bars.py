"""What the error bars of a potential are worth on structures it has not seen."""

from pathlib import Path

import pandas as pd

from entromax.potentials import load_potential
from entromax.potentials.uncertainty import errors_and_bars, judge_bars
from entromax.runtime import write_json
from entromax.structures.io import read_structures

UNITS = {"energy": "eV/atom", "forces": "eV/Å"}


def validate_error_bars(test: str | Path, potential: str | Path, *, metrics: str | Path) -> pd.DataFrame:
    """Compare the error bars of a potential with its true errors.

    Args:
        test: labelled structures, neither fitted to nor used to scale the bars (extended XYZ).
        potential: folder of a potential whose calculator answers ``energy_std`` and ``forces_std``.
        metrics: JSON written: :func:`entromax.potentials.uncertainty.judge_bars` of energies and forces.

    Returns:
        One row per structure or force component: ``quantity``, ``error``, ``bar`` (eV/atom, eV/Å).

    Raises:
        ValueError: the test set is empty.
    """
    found = errors_and_bars(read_structures(test), load_potential(potential))
    if not found:
        raise ValueError(f"{test}: is empty, error bars cannot be judged; raise dataset.test_fraction")
    write_json(metrics, {"units": UNITS, **{name: judge_bars(*pair) for name, pair in found.items()}})
    return pd.concat(
        [pd.DataFrame({"quantity": name, "error": error, "bar": bar}) for name, (error, bar) in found.items()],
        ignore_index=True,
    )
