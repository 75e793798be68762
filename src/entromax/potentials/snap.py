"""Spectral neighbour analysis potential: linear or quadratic in the SNAP bispectrum, over a ZBL repulsion."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ase.calculators.calculator import BaseCalculator
from pydantic import Field

from entromax.config.models.base import Positive
from entromax.config.models.potentials import LinearSettings
from entromax.potentials.anchors import short_range_anchors
from entromax.potentials.base import Family, FitData, FitError, split_free_atom
from entromax.potentials.weights import expected_errors, heights


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
        from entromax.potentials.snap_model import MODEL, SnapDesign

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


FAMILY = SnapFamily()
