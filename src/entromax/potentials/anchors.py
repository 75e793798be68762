"""Structures of very short distances that cost no label: they bind a fit where no label reaches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import bulk

from entromax.potentials.core import Core
from entromax.structures.geometry import bare, right_handed, shortest_distance

CRYSTALS = ("fcc", "bcc", "sc", "diamond")
CELLS = 10
"""Training cells that are compressed beside the crystals."""
PAIRS = (0.4, 0.5, 0.6)
"""Closest pairs of the anchors [d_nn]."""
REACH = (0.8, 1.2)
"""Radii between which the bare ZBL energy of an anchor is switched off [d_nn]: beyond them atoms bind."""
FACTOR = 3.0
"""Expected error over energy: ZBL knows the size of the repulsion of condensed matter, not more."""


@dataclass(frozen=True)
class Anchor:
    """A compressed cell and its energy.

    Attributes:
        atoms: in a right-handed cell.
        energy: above free atoms [eV/atom].
        error: expected [eV/atom].
    """

    atoms: Atoms
    energy: float
    error: float


def short_range_anchors(structures: Sequence[Atoms], element: str, d_nn: float, seed: int) -> list[Anchor]:
    """Return crystals and training cells whose closest pairs are 0.4, 0.5 and 0.6 d_nn, with their bare ZBL energy.

    Args:
        structures: training set, without the free atom.
        element: chemical symbol.
        d_nn: nearest-neighbour distance [Å].
        seed: of the choice of training cells.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(structures), min(CELLS, len(structures)), replace=False)
    starts = [bulk(element, name, a=4.0) for name in CRYSTALS] + [structures[index] for index in chosen]
    core = Core.of(element, REACH, d_nn)
    anchors = []
    for start in starts:
        closest = shortest_distance(start)
        for pair in PAIRS:
            atoms = right_handed(bare(start))
            atoms.set_cell(atoms.cell.array * (pair * d_nn / closest), scale_atoms=True)
            energy = core.repulsion(atoms)[0] / len(atoms)
            anchors.append(Anchor(atoms, energy, FACTOR * max(energy, 1.0)))
    return anchors
