"""Ledger: one row per structure, in whatever state it ended."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from entromax.labels.record import Record
from entromax.runtime import atomic_path
from entromax.structures import write_structures

EV_PER_A3_IN_GPA = 160.21766
COLUMNS = {
    "sid": "str",
    "library_sid": "str",
    "element": "str",
    "config_type": "str",
    "state": "str",
    "reason": "str",
    "attempts": "int64",
    "seconds": "float64",
    "cpu_seconds": "float64",
    "atoms": "int64",
    "volume": "float64",
    "energy": "float64",
    "max_force": "float64",
    "pressure": "float64",
    "iterations": "float64",
    "rung": "str",
    "changed_physics": "str",
    "settings": "str",
    "engine": "str",
    "host": "str",
}
"""Columns and types. Units: seconds (passed) and cpu_seconds (of all processes of the label) s, volume Å^3/atom, energy
eV/atom (total), max_force eV/Å, pressure GPa; numbers that a structure does not have are NaN."""


def ledger_table(records: Sequence[Record]) -> pd.DataFrame:
    """Return the ledger of the records; see ``COLUMNS``."""
    rows = [_row(record) for record in records]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _row(record: Record) -> dict[str, object]:
    count = max(1, len(record.numbers))
    last = record.attempts[-1] if record.attempts else None
    stress = np.full(6, np.nan) if record.stress is None else np.array(record.stress)
    return {
        "sid": record.sid,
        "library_sid": record.library_sid,
        "element": record.element,
        "config_type": record.config_type,
        "state": record.state,
        "reason": record.reason,
        "attempts": len(record.attempts),
        "seconds": record.seconds,
        "cpu_seconds": np.nan if record.cpu_seconds is None else record.cpu_seconds,
        "atoms": len(record.numbers),
        "volume": abs(np.linalg.det(record.cell)) / count,
        "energy": np.nan if record.energy is None else record.energy / count,
        "max_force": np.nan if record.max_force is None else record.max_force,
        "pressure": -stress[:3].mean() * EV_PER_A3_IN_GPA,
        "iterations": np.nan if last is None or last.iterations is None else last.iterations,
        "rung": "" if last is None else last.name,
        "changed_physics": record.changed_physics,
        "settings": record.settings,
        "engine": record.engine,
        "host": record.host,
    }


def write_outputs(records: Sequence[Record], labels: str | Path, ledger: str | Path) -> pd.DataFrame:
    """Write the converged labels (extended XYZ) and the ledger of all structures (parquet); return the ledger."""
    table = ledger_table(records)
    write_structures(labels, [record.atoms() for record in records if record.state == "converged"])
    with atomic_path(ledger) as temporary:
        table.to_parquet(temporary, index=False)
    return table
