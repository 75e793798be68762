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
from entromax.potentials.linear import Design, assemble, kinds_of_rows
from entromax.potentials.weights import above_labels, expected_errors, heights
from entromax.registry import FAMILIES
from entromax.structures.geometry import right_handed


class Posterior:
    """Posterior of a linear fit, not calibrated."""

    def __init__(
        self,
        train: Sequence[Atoms],
        design: Design,
        settings: LinearSettings,
        *,
        anchors: Sequence[Anchor],
        noise: LabelNoise,
        ridge: float,
        flexible: bool = False,
    ) -> None:
        """Make the equations of the fit once more.

        Args:
            train: what was fitted, without the free atom, in right-handed cells.
            design: of the family.
            settings: of the potential.
            anchors: see ``short_range_anchors``.
            noise: standard deviations of the labels.
            ridge: strength of the regularisation that the fit chose.
            flexible: see ``fit_cutoffs``.
        """
        self._train, self._design, self._settings, self._noise = train, design, settings, noise
        self._flexible = flexible
        volumes = np.array([atoms.get_volume() / len(atoms) for atoms in train])
        equations, sizes, _ = assemble(train, design, self.errors(volumes, heights(train)), anchors)
        self._scale = design.scale(sizes)
        matrix = equations.moment() / np.outer(self._scale, self._scale)
        self._factor = cholesky(matrix + ridge * np.eye(len(matrix)), lower=True)

    @classmethod
    def load(cls, potential: Path, train: Sequence[Atoms]) -> "Posterior":
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
            flexible=bool(card["facts"].get("hidden_units")),
        )

    def errors(self, volumes: np.ndarray, energies: np.ndarray) -> np.ndarray:
        """Return the errors [N, 3] that the fit expects of labels; see ``expected_errors``.

        Args:
            volumes: [N] [Å^3/atom].
            energies: [N] above the lowest label, labelled or predicted [eV/atom].
        """
        above = above_labels(volumes, energies, self._train) if self._flexible else energies
        return expected_errors(np.maximum(above, 0.0), self._settings.errors, self._settings.height, self._noise)

    def rows(self, structures: Sequence[Atoms]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return predictions for structures in right-handed cells, as rows whose products are their covariance.

        Returns:
            Rows [R, p] of the energy per atom [eV], forces [eV/Å] and stress [eV/Å^3] of each structure in turn; index
            [R] of the structure of each; its kind [R]: ``linear.ENERGY``, ``FORCES`` or ``STRESS``.
        """
        parts = [self._design.rows(labelled_zero(atoms))[0] for atoms in structures]
        owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        kinds = [kinds_of_rows(atoms, part) for atoms, part in zip(structures, parts, strict=True)]
        half = solve_triangular(self._factor, (np.concatenate(parts) / self._scale).T, lower=True, overwrite_b=True)
        return np.ascontiguousarray(half.T), owners, np.concatenate(kinds)


def labelled_zero(atoms: Atoms) -> Atoms:
    """Return a structure whose labels are all zero: rows do not depend on what they are."""
    labelled = atoms.copy()
    labelled.info |= {"REF_energy": 0.0, "REF_stress": np.zeros(6)}
    labelled.arrays["REF_forces"] = np.zeros((len(atoms), 3))
    return labelled
