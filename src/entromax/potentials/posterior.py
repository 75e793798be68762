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
from entromax.potentials.anchors import Anchor, short_range_anchors
from entromax.potentials.base import CARD, Family
from entromax.potentials.jobs import of_pools
from entromax.potentials.linear import ENERGY, Design, assemble
from entromax.potentials.weights import expected_errors, heights
from entromax.registry import FAMILIES
from entromax.structures.geometry import right_handed


class EnergyPosterior:
    """Posterior of the energies of a linear fit, not calibrated."""

    def __init__(
        self,
        train: Sequence[Atoms],
        design: Design,
        settings: LinearSettings,
        *,
        anchors: Sequence[Anchor],
        noise: LabelNoise,
        ridge: float,
    ) -> None:
        """Make the equations of the fit once more.

        Args:
            train: what was fitted, without the free atom, in right-handed cells.
            design: of the family.
            settings: of the potential.
            anchors: see ``short_range_anchors``.
            noise: standard deviations of the labels.
            ridge: strength of the regularisation that the fit chose.
        """
        self._design, self._settings, self._noise = design, settings, noise
        errors = expected_errors(heights(train), settings.errors, settings.height, noise)
        equations, sizes, _ = assemble(train, design, errors, anchors)
        self._scale = design.scale(sizes)
        matrix = equations.moment() / np.outer(self._scale, self._scale)
        self._factor = cholesky(matrix + ridge * np.eye(len(matrix)), lower=True)

    @classmethod
    def load(cls, potential: Path, train: Sequence[Atoms]) -> "EnergyPosterior":
        """Return the posterior of a fitted potential whose family is ``linear``.

        Args:
            potential: its folder.
            train: its training set, without the free atom.
        """
        card = json.loads((potential / CARD).read_text())
        family: Family[Any] = FAMILIES[card["family"]]
        settings: LinearSettings = family.settings.model_validate(card["settings"])
        known = [right_handed(atoms) for atoms in of_pools(train, settings.pools)]
        return cls(
            known,
            family.design(potential, settings),
            settings,
            anchors=short_range_anchors(known, card["element"], card["d_nn"], card["provenance"]["seed"]),
            noise=LabelNoise.model_validate(card["label_noise"]),
            ridge=card["facts"]["ridge"],
        )

    def errors(self, heights: np.ndarray) -> np.ndarray:
        """Return the errors [N] that the fit expects of energies at these heights [eV/atom]."""
        errors = expected_errors(heights, self._settings.errors, self._settings.height, self._noise)
        return np.asarray(errors[:, ENERGY])

    def covariance(self, structures: Sequence[Atoms]) -> np.ndarray:
        """Return the covariance [S, S] of the predicted energies [eV^2/atom^2] of structures in right-handed cells."""
        rows = np.array([self._design.energy(atoms)[0] for atoms in structures]) / self._scale
        half = solve_triangular(self._factor, rows.T, lower=True)
        return np.asarray(half.T @ half)
