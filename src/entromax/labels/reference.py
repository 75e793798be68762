"""The job that labels what everything else is measured against: the free atom and E(V) of the crystals."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from entromax.config.models import ElementSettings, LabelSettings, ReferenceSettings
from entromax.config.models.reference import PlaneWaveSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines import resolve
from entromax.labels.engines.base import kpoint_mesh
from entromax.labels.ledger import write_outputs
from entromax.labels.run import label_structures
from entromax.labels.shard import describe_states
from entromax.structures import eos_structures, with_sid
from entromax.structures.kinds import ISOLATED

logger = logging.getLogger("entromax.labels")

ATOM_BOX = (10.0, 10.3, 10.6)
"""Edges of the box of the free atom [Å]; unequal ones let an open shell break the cubic symmetry."""


def label_reference(
    *,
    labels: str | Path,
    ledger: str | Path,
    element: str,
    settings: ElementSettings,
    limits: LabelSettings,
    budget: LabelBudget,
) -> pd.DataFrame:
    """Label the free atom and the crystals of one element with the engine and the settings of its training set.

    Outputs, arguments and errors are those of ``label_shard``; ``config_type`` is ``isolated_atom`` or the name of
    the crystal.

    Raises:
        RuntimeError: the free atom has no label; nothing can be fitted without it.
    """
    structures = reference_structures(element, settings, limits)
    records = label_structures(
        structures,
        element=element,
        d_nn=settings.d_nn,
        reference=settings.reference,
        limits=limits,
        budget=budget,
    )
    atom = next(record for record in records if record.config_type == ISOLATED)
    if atom.state != "converged":
        raise RuntimeError(
            f"{element}: the free atom has no label ({atom.state}: {atom.reason}); without it no energy has a zero. "
            f"Change elements.{element}.reference, or `entromax retry` it"
        )
    table = write_outputs(records, labels, ledger)
    logger.info("%s reference: %s", element, describe_states(table))
    return table


def reference_structures(element: str, settings: ElementSettings, limits: LabelSettings) -> list[Atoms]:
    """Return the free atom followed by the crystals of ``limits.eos``, each at its volumes.

    All volumes of a crystal share one k-point mesh, the one its smallest cell needs: a mesh that changes along E(V)
    puts steps into it which are as large as the curve is deep.
    """
    atom = Atoms(element, positions=[[0.5 * edge for edge in ATOM_BOX]], cell=ATOM_BOX, pbc=True)
    atom = with_sid(atom)
    atom.info |= {"element": element, "config_type": ISOLATED}
    structures = [atom]
    names = settings.crystals if limits.eos.crystals == "all" else {settings.ground_state: None}
    for name in names:
        chosen = settings.crystals[name]
        points, strain = limits.eos.points, limits.eos.strain
        curve = eos_structures(name, element, chosen.volume, points, strain, chosen.c_over_a, chosen.u)
        for structure in curve:
            structure.info["library_sid"] = ""
        share_mesh(curve, settings.reference)
        structures += curve
    return structures


def share_mesh(structures: Sequence[Atoms], reference: ReferenceSettings) -> None:
    """Write the k-point mesh that is fine enough for all of these cells into each; nothing without k-points."""
    settings = resolve(reference)[1]
    if not isinstance(settings, PlaneWaveSettings):
        return
    mesh = np.max([kpoint_mesh(atoms.cell.array, settings.spacing(len(atoms))) for atoms in structures], axis=0)
    for atoms in structures:
        atoms.info["kpts"] = [int(count) for count in mesh]
