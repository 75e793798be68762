"""Spectral neighbour analysis potential: linear or quadratic in the SNAP bispectrum, over a ZBL repulsion."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from pydantic import Field

from entromax.config.models.base import Positive
from entromax.config.models.potentials import LinearSettings
from entromax.features.bispectrum import bispectrum_triples
from entromax.potentials.anchors import short_range_anchors
from entromax.potentials.base import Family, FitData, FitError, split_free_atom
from entromax.potentials.core import Core
from entromax.potentials.weights import expected_errors, heights

if TYPE_CHECKING:
    from entromax.potentials.snap_model import SnapModel

SMOOTHNESS = 2
"""Power of the degree by which the prior holds functions back."""
logger = logging.getLogger("entromax.potentials")


class SnapSettings(LinearSettings):
    """Spectral neighbour analysis potential, linear or quadratic in the bispectrum, over a ZBL repulsion."""

    family: Literal["snap"] = "snap"
    twojmax: int = Field(8, ge=2, le=10, description="twice the largest angular momentum of the bispectrum")
    quadratic: bool = Field(False, description="products of two components, too")
    constant: bool = Field(
        True, description="fit the zero of energy, too; false: free atoms keep theirs exactly, at a price in accuracy"
    )
    zbl: list[Positive] | None = Field(
        [0.6, 0.95],
        min_length=2,
        max_length=2,
        description="radii between which the ZBL repulsion goes to zero [d_nn]; null: no ZBL",
    )


class SnapFamily(Family[SnapSettings]):
    """SNAP [Thompson et al., J. Comput. Phys. 285, 316 (2015)], quadratic [Wood & Thompson, J. Chem. Phys. 148 (2018)].

    LAMMPS (GPL-2) makes the design matrix; the fitted potential runs with and without it.
    """

    name = "snap"
    settings = SnapSettings
    citation = (
        "A. P. Thompson et al., J. Comput. Phys. 285, 316 (2015); quadratic: M. A. Wood and A. P. Thompson, "
        "J. Chem. Phys. 148, 241721 (2018)."
    )
    licence = "GPL-2.0 (LAMMPS)"
    requires = "lammps"
    remedy = "install lammps and mpich (see envs/)"
    error_bars = True

    def fit(self, data: FitData, settings: SnapSettings, folder: Path) -> dict[str, Any]:
        """Fit with every cutoff; see ``Family.fit``."""
        from entromax.potentials.linear import fit_linear, shortest
        from entromax.potentials.snap_model import MODEL

        atom, bulk = split_free_atom(data.train)
        if strange := {symbol for atoms in bulk for symbol in atoms.symbols} - {data.element}:
            raise FitError(f"training set: holds {', '.join(sorted(strange))}; this is a potential of {data.element}")
        anchors = short_range_anchors(bulk, data.element, data.d_nn, data.seed)
        designs, fits = {}, {}
        for cutoff in settings.cutoffs:
            designs[cutoff] = SnapDesign.untrained(settings, data, cutoff, e0=float(atom.info["REF_energy"]))
            fits[cutoff] = fit_linear(
                bulk,
                designs[cutoff],
                errors=expected_errors(heights(bulk), settings.errors, settings.height, data.noise),
                anchors=anchors,
                members=settings.members,
                seed=data.seed,
            )
        cutoff = shortest(fits)
        solved = fits[cutoff]
        model = replace(
            designs[cutoff].model,
            coefficients=solved.coefficients,
            deviations=solved.deviations,
            scales=solved.scales,
        )
        model.save(folder / MODEL)
        model.write_lammps(folder)
        return {
            "coefficients": model.coefficients.size,
            "free_atom_error": float(model.coefficients[0]),
            "cutoff": cutoff,
            **solved.facts(),
        }

    def load(self, folder: Path) -> BaseCalculator:
        """Return the calculator; see ``Family.load``. It answers ``energy_std`` and ``forces_std``."""
        from entromax.potentials.snap_model import MODEL, SnapCalculator, SnapModel

        return SnapCalculator(SnapModel.load(folder / MODEL))

    def export(self, folder: Path, element: str) -> str | None:
        """Return commands for LAMMPS with the package ML-SNAP; see ``Family.export``."""
        from entromax.potentials.snap_model import MODEL, SnapModel

        return SnapModel.load(folder / MODEL).commands()


@dataclass(frozen=True)
class SnapDesign:
    """Structures as rows of LAMMPS, above free atoms and ZBL; see ``linear.Design``."""

    model: "SnapModel"
    constant: bool

    @classmethod
    def untrained(cls, settings: SnapSettings, data: FitData, cutoff: float, e0: float) -> "SnapDesign":
        """Return the design with a cutoff [d_nn] and the energy of the free atom [eV]."""
        from entromax.potentials.snap_model import SnapModel

        dim = len(bispectrum_triples(settings.twojmax))
        columns = 1 + dim + (dim * (dim + 1) // 2 if settings.quadratic else 0)
        model = SnapModel(
            element=data.element,
            cutoff=cutoff * data.d_nn,
            twojmax=settings.twojmax,
            quadratic=settings.quadratic,
            e0=e0,
            zbl=Core.of(data.element, settings.zbl, data.d_nn).zbl,
            coefficients=np.zeros(columns),
            deviations=np.zeros((settings.members, columns)),
        )
        return cls(model, settings.constant)

    @property
    def growth(self) -> np.ndarray:
        """(1 + degree)^2: the degree of a component is j1 + j2 + j, that of a product the sum of both."""
        degrees = np.array(bispectrum_triples(self.model.twojmax)).sum(axis=1) / 2
        if self.model.quadratic:
            first, second = np.triu_indices(len(degrees))
            degrees = np.concatenate([degrees, degrees[first] + degrees[second]])
        return np.concatenate([[1.0], (1 + degrees) ** SMOOTHNESS])

    def rows(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and targets of a labelled structure; without ``REF_stress`` there are none for it."""
        from entromax.potentials.lammps_run import snap_rows

        n = len(atoms)
        of_energy, of_forces, of_stress = snap_rows(atoms, self.model.compute_arguments(), self.model.cutoff)
        energy, forces, stress = self.model.core.repulsion(atoms)
        parts = [
            (of_energy[None] / n, np.array([float(atoms.info["REF_energy"]) - energy]) / n - self.model.e0),
            (of_forces.reshape(3 * n, -1), (atoms.arrays["REF_forces"] - forces).ravel()),
        ]
        if "REF_stress" in atoms.info:
            parts.append((of_stress, np.asarray(atoms.info["REF_stress"], dtype=float) - stress))
        rows = np.concatenate([part for part, _ in parts])
        constant = np.zeros((len(rows), 1))
        constant[0] = self.constant
        return np.hstack([constant, rows]), np.concatenate([target for _, target in parts])

    def energy(self, atoms: Atoms) -> tuple[np.ndarray, float]:
        """Return the row of the energy per atom and the repulsion below it [eV/atom]."""
        from entromax.potentials.lammps_run import snap_rows

        row = snap_rows(atoms, self.model.compute_arguments(), self.model.cutoff)[0] / len(atoms)
        return np.concatenate([[float(self.constant)], row]), self.model.core.repulsion(atoms)[0] / len(atoms)


FAMILY = SnapFamily()
