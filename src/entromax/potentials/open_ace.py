"""Atomic cluster expansion, linear: the functions of python-ace from code of this package, free for any use."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from ase.calculators.calculator import BaseCalculator
from pydantic import Field

from entromax.potentials.ace import AceFamily, AceSettings
from entromax.potentials.base import Family, FitData, split_free_atom
from entromax.potentials.core import Core
from entromax.structures.geometry import right_handed
from entromax.structures.kinds import ISOLATED

if TYPE_CHECKING:
    from entromax.potentials.linear import Design
    from entromax.potentials.open_ace_model import OpenAceDesign, OpenAceModel

INPUTS = 200
"""Cluster functions, the smoothest, that hidden units see."""
BETTER = 0.75
"""Hidden units are worth a potential that LAMMPS cannot run where left-out errors fall below this part."""


class OpenAceSettings(AceSettings):
    """Linear atomic cluster expansion over a ZBL repulsion, with the functions of python-ace but without it."""

    family: Literal["open_ace"] = "open_ace"  # type: ignore[assignment]
    hidden_units: int = Field(
        0,
        ge=0,
        le=10000,
        description="Gaussian units at training environments, nonlinear in the functions; not for LAMMPS. With them "
        "expected errors grow with E above the lowest label of like volume",
    )
    hidden_if: Literal["wanted", "better"] = Field(
        "wanted",
        description="better: the fit without hidden units, which LAMMPS can run, is kept unless units bring the errors "
        "of left-out library structures down by a quarter",
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
        from entromax.potentials.open_ace_model import LAMMPS, MODEL

        fits = {}
        for units in units_tried(settings, data):
            tried = settings.model_copy(update={"hidden_units": units})
            fits[units] = fit_cutoffs(data, tried, partial(untrained_design, tried, data), flexible=units > 0)
        scores = {units: solved.score for units, (_, _, solved, _) in fits.items()}
        kept = worth_it(scores)
        cutoff, design, solved, _ = fits[kept]
        model = design.fitted(solved)
        model.save(folder / MODEL)
        if not kept:
            model.write_lammps(folder / LAMMPS)
        choice = {"hidden_units": kept, "left_out_scores": {str(units): score for units, score in scores.items()}}
        return {"functions": model.coefficients.size, "cutoff": cutoff, **choice, **solved.facts()}

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


def units_tried(settings: OpenAceSettings, data: FitData) -> list[int]:
    """Return the numbers of hidden units to fit with; none where too few structures could judge."""
    from entromax.potentials.cutoffs import fair_judges
    from entromax.potentials.linear import FEWEST

    if settings.hidden_if == "wanted" or not settings.hidden_units:
        return [settings.hidden_units]
    judged = fair_judges(split_free_atom(data.train)[1], FEWEST) is not None
    return [0, settings.hidden_units] if judged else [0]


def worth_it(scores: Mapping[int, float]) -> int:
    """Return the number of hidden units to keep, given the left-out score with each: fewest unless most are BETTER."""
    fewest, most = min(scores), max(scores)
    return most if scores[most] < BETTER * scores[fewest] else fewest


def untrained_design(settings: OpenAceSettings, data: FitData, cutoff: float, e0: float) -> "OpenAceDesign":
    """Return the design of ``untrained``."""
    from entromax.potentials.open_ace_model import OpenAceDesign

    return OpenAceDesign(untrained(settings, data, cutoff, e0))


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
