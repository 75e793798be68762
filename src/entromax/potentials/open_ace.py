"""Atomic cluster expansion, linear: the functions of python-ace from code of this package, free for any use."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from ase.calculators.calculator import BaseCalculator
from pydantic import Field

from entromax.potentials.ace import AceFamily, AceSettings
from entromax.potentials.base import Family, FitData
from entromax.potentials.core import Core
from entromax.structures.geometry import right_handed
from entromax.structures.kinds import ISOLATED

if TYPE_CHECKING:
    from entromax.potentials.linear import Design
    from entromax.potentials.open_ace_model import OpenAceModel

INPUTS = 200
"""Cluster functions, the smoothest, that hidden units see."""


class OpenAceSettings(AceSettings):
    """Linear atomic cluster expansion over a ZBL repulsion, with the functions of python-ace but without it."""

    family: Literal["open_ace"] = "open_ace"  # type: ignore[assignment]
    hidden_units: int = Field(
        0,
        ge=0,
        le=10000,
        description="Gaussian units at training environments, nonlinear in the functions; not for LAMMPS",
    )


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
            data,
            settings,
            lambda cutoff, e0: OpenAceDesign(untrained(settings, data, cutoff, e0=e0)),
            flexible=settings.hidden_units > 0,
        )
        model = design.fitted(solved)
        model.save(folder / MODEL)
        if not model.layer.size:
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
    from entromax.potentials.hidden_layer import HiddenLayer
    from entromax.potentials.open_ace_model import OpenAceModel

    size = len(cluster_functions(settings.n_max, settings.l_max, settings.functions))
    model = OpenAceModel(
        element=data.element,
        cutoff=cutoff * data.d_nn,
        n_max=tuple(settings.n_max),
        l_max=tuple(settings.l_max),
        e0=e0,
        zbl=Core.of(data.element, settings.zbl, data.d_nn).zbl,
        coefficients=np.zeros(size),
        deviations=np.zeros((settings.members, size)),
    )
    if not settings.hidden_units:
        return model
    bulk = [right_handed(atoms) for atoms in data.train if atoms.info.get("config_type") != ISOLATED]
    inputs = min(size, INPUTS)
    descriptors = np.concatenate([model.basis.projections(atoms)[:, :inputs] for atoms in bulk])
    layer = HiddenLayer.at_environments(descriptors, model.basis.degrees()[:inputs], settings.hidden_units, data.seed)
    return replace(
        model,
        coefficients=np.zeros(size + layer.size),
        deviations=np.zeros((settings.members, size + layer.size)),
        centres=layer.centres,
        input_scales=layer.scales,
    )


FAMILY = OpenAceFamily()
