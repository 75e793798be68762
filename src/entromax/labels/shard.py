"""The job that labels one shard of structures."""

import logging
from pathlib import Path

import pandas as pd

from entromax.config.models import LabelSettings, ReferenceSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.ledger import write_outputs
from entromax.labels.run import label_structures
from entromax.structures import read_structures

logger = logging.getLogger("entromax.labels")


def label_shard(
    structures: str | Path,
    *,
    labels: str | Path,
    ledger: str | Path,
    element: str,
    d_nn: float,
    reference: ReferenceSettings,
    limits: LabelSettings,
    budget: LabelBudget,
) -> pd.DataFrame:
    """Label one shard; every structure ends in one typed state, a failing structure never stops the shard.

    Args:
        structures: shard, extended XYZ [Å] with ``sid``, ``element`` in the info.
        labels: output, the converged labels (extended XYZ, ``REF_`` keys).
        ledger: output, one row per structure (parquet, ``ledger.COLUMNS``).
        element: chemical symbol.
        d_nn: nearest-neighbour distance of the element [Å].
        reference: settings of the engine.
        limits: what is rejected, how long and how often an attempt is made.
        budget: label store, workers and time of the job.

    Returns:
        The ledger.

    Raises:
        EngineUnavailableError: the engine cannot work here.
        OutOfTimeError: stopped before the wall time; run the job again, the labels so far are in the store.
    """
    records = label_structures(
        read_structures(structures),
        element=element,
        d_nn=d_nn,
        reference=reference,
        limits=limits,
        budget=budget,
    )
    table = write_outputs(records, labels, ledger)
    logger.info("%s: %s", structures, describe_states(table))
    return table


def describe_states(ledger: pd.DataFrame) -> str:
    """Return a sentence such as ``48 converged, 2 rejected``."""
    counts = ledger["state"].value_counts()
    return ", ".join(f"{count} {state}" for state, count in counts.items()) or "no structures"
