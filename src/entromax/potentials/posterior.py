"""What a fitted linear potential says about errors that go together: the covariance of its predictions."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from scipy.linalg import cholesky, solve_triangular

from entromax.config.models import LabelNoise
from entromax.config.models.potentials import LinearSettings
from entromax.potentials.anchors import short_range_anchors
from entromax.potentials.base import CARD, Family
from entromax.potentials.jobs import of_pools
from entromax.potentials.linear import assemble
from entromax.potentials.weights import expected_errors, heights
from entromax.registry import FAMILIES
from entromax.structures.geometry import right_handed


class EnergyPosterior:
    """Posterior of the energies of a fit whose family is ``linear``, not calibrated."""

    def __init__(self, potential: Path, train: Sequence[Atoms]) -> None:
        """Make the equations of the fit once more.

        Args:
            potential: folder of the fitted potential.
            train: what it was fitted to, without the free atom.
        """
        card = json.loads((potential / CARD).read_text())
        family: Family[Any] = FAMILIES[card["family"]]
        self._settings: LinearSettings = family.settings.model_validate(card["settings"])
        self._noise = LabelNoise.model_validate(card["label_noise"])
        self._design = family.design(potential, self._settings)
        known = [right_handed(atoms) for atoms in of_pools(train, self._settings.pools)]
        anchors = short_range_anchors(known, card["element"], card["d_nn"], card["provenance"]["seed"])
        equations, self._scale, _ = assemble(known, self._design, self.errors(heights(known)), anchors)
        matrix = equations.moment() / np.outer(self._scale, self._scale)
        self._factor = cholesky(matrix + card["facts"]["ridge"] * np.eye(len(matrix)), lower=True)

    def errors(self, heights: np.ndarray) -> np.ndarray:
        """Return the errors [N, 3] that the fit expects of labels at these heights, see ``expected_errors``."""
        return expected_errors(heights, self._settings.errors, self._settings.height, self._noise)

    def covariance(self, structures: Sequence[Atoms]) -> np.ndarray:
        """Return the covariance [S, S] of the predicted energies [eV^2/atom^2]."""
        rows = np.array([self._design.energy(right_handed(atoms))[0] for atoms in structures]) / self._scale
        half = solve_triangular(self._factor, rows.T, lower=True)
        return np.asarray(half.T @ half)
