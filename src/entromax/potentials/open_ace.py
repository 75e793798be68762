"""Atomic cluster expansion, linear: the functions of python-ace from code of this package, free for any use."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from ase.calculators.calculator import BaseCalculator

from entromax.potentials.ace import AceFamily, AceSettings
from entromax.potentials.base import Family, FitData
from entromax.potentials.core import Core

if TYPE_CHECKING:
    from entromax.potentials.linear import Design
    from entromax.potentials.open_ace_model import OpenAceModel


class OpenAceSettings(AceSettings):
    """Linear atomic cluster expansion over a ZBL repulsion, with the functions of python-ace but without it."""

    family: Literal["open_ace"] = "open_ace"  # type: ignore[assignment]


class OpenAceFamily(Family[OpenAceSettings]):
    """Linear ACE [Drautz, Phys. Rev. B 99, 014104 (2019)], written for this package: no licence stands in its way."""

    name = "open_ace"
    settings = OpenAceSettings
    citation = (
        "R. Drautz, Phys. Rev. B 99, 014104 (2019) and 102, 024104 (2020); radial functions: E. Kocer, J. K. Mason and "
        "H. Erturk, J. Chem. Phys. 150, 154102 (2019)."
    )
    error_bars = True
    linear = True
    lammps_package, lammps_gpu = AceFamily.lammps_package, AceFamily.lammps_gpu

    def fit(self, data: FitData, settings: OpenAceSettings, folder: Path) -> dict[str, Any]:
        """Fit with every cutoff; see ``Family.fit``."""
        from entromax.potentials.cutoffs import fit_cutoffs
        from entromax.potentials.open_ace_model import LAMMPS, MODEL, OpenAceDesign

        cutoff, design, solved, _ = fit_cutoffs(
            data, settings, lambda cutoff, e0: OpenAceDesign(untrained(settings, data, cutoff, e0=e0))
        )
        model = replace(
            design.model, coefficients=solved.coefficients, deviations=solved.deviations, scales=solved.scales
        )
        model.save(folder / MODEL)
        model.write_lammps(folder / LAMMPS)
        return {"functions": model.coefficients.size, "cutoff": cutoff, **solved.facts()}

    def load(self, folder: Path) -> BaseCalculator:
        """Return the calculator: ``energy_std`` and ``forces_std``, too; see ``Family.load``."""
        from entromax.potentials.open_ace_model import MODEL, OpenAceCalculator, OpenAceModel

        return OpenAceCalculator(OpenAceModel.load(folder / MODEL))

    def design(self, folder: Path, settings: OpenAceSettings) -> "Design":
        """Return the rows of structures in a fitted potential; see ``Family.design``."""
        from entromax.potentials.open_ace_model import MODEL, OpenAceDesign, OpenAceModel

        return OpenAceDesign(OpenAceModel.load(folder / MODEL))

    def export(self, folder: Path, element: str) -> str | None:
        """Return commands for LAMMPS with the package ML-PACE; see ``Family.export``."""
        from entromax.potentials.open_ace_model import MODEL, OpenAceModel

        return OpenAceModel.load(folder / MODEL).commands()


def untrained(settings: OpenAceSettings, data: FitData, cutoff: float, e0: float) -> "OpenAceModel":
    """Return the model with a cutoff [d_nn], the energy of the free atom [eV], and all coefficients zero."""
    from entromax.potentials.cluster_functions import cluster_functions
    from entromax.potentials.open_ace_model import OpenAceModel

    size = len(cluster_functions(settings.n_max, settings.l_max, settings.functions))
    return OpenAceModel(
        element=data.element,
        cutoff=cutoff * data.d_nn,
        n_max=tuple(settings.n_max),
        l_max=tuple(settings.l_max),
        e0=e0,
        zbl=Core.of(data.element, settings.zbl, data.d_nn).zbl,
        coefficients=np.zeros(size),
        deviations=np.zeros((settings.members, size)),
    )


FAMILY = OpenAceFamily()
