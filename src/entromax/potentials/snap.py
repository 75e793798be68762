"""Spectral neighbour analysis potential: linear or quadratic in the SNAP bispectrum, over a ZBL repulsion."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ase.calculators.calculator import BaseCalculator
from pydantic import Field

from entromax.config.models.base import Positive
from entromax.config.models.potentials import LinearSettings
from entromax.potentials.base import Family, FitData

if TYPE_CHECKING:
    from entromax.potentials.linear import Design


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
    linear = True
    lammps_package = "ML-SNAP"
    lammps_gpu = "snap/kk, with KOKKOS: lmp -k on g 1 -sf kk -pk kokkos newton on neigh half -in in.lammps"

    def fit(self, data: FitData, settings: SnapSettings, folder: Path) -> dict[str, Any]:
        """Fit with every cutoff; see ``Family.fit``."""
        from entromax.potentials.cutoffs import fit_cutoffs
        from entromax.potentials.snap_model import MODEL, SnapDesign

        cutoff, design, solved, _ = fit_cutoffs(
            data, settings, lambda cutoff, e0: SnapDesign.untrained(settings, data, cutoff, e0=e0)
        )
        model = replace(
            design.model,
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

    def design(self, folder: Path, settings: SnapSettings) -> "Design":
        """Return the rows of structures in a fitted potential; see ``Family.design``."""
        from entromax.potentials.snap_model import MODEL, SnapDesign, SnapModel

        return SnapDesign(SnapModel.load(folder / MODEL), settings.constant)

    def export(self, folder: Path, element: str) -> str | None:
        """Return commands for LAMMPS with the package ML-SNAP; see ``Family.export``."""
        from entromax.potentials.snap_model import MODEL, SnapModel

        return SnapModel.load(folder / MODEL).commands()


FAMILY = SnapFamily()
