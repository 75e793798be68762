"""Atomic cluster expansion, linear: the functions of python-ace from code of this package, free for any use."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from ase.calculators.calculator import BaseCalculator

from entromax.potentials.ace import AceSettings
from entromax.potentials.anchors import short_range_anchors
from entromax.potentials.base import Family, FitData, FitError, split_free_atom
from entromax.potentials.core import Core
from entromax.potentials.weights import expected_errors, heights

if TYPE_CHECKING:
    from entromax.potentials.open_ace_model import OpenAceModel

logger = logging.getLogger("entromax.potentials")


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

    def fit(self, data: FitData, settings: OpenAceSettings, folder: Path) -> dict[str, Any]:
        """Fit with every cutoff; see ``Family.fit``."""
        from entromax.potentials.linear import fit_linear, shortest
        from entromax.potentials.open_ace_model import LAMMPS, MODEL, OpenAceDesign

        atom, bulk = split_free_atom(data.train)
        if strange := {symbol for atoms in bulk for symbol in atoms.symbols} - {data.element}:
            raise FitError(f"training set: holds {', '.join(sorted(strange))}; this is a potential of {data.element}")
        anchors = short_range_anchors(bulk, data.element, data.d_nn, data.seed)
        models, fits = {}, {}
        for cutoff in settings.cutoffs:
            models[cutoff] = untrained(settings, data, cutoff, e0=float(atom.info["REF_energy"]))
            logger.info("cutoff %g d_nn: %d functions", cutoff, models[cutoff].coefficients.size)
            fits[cutoff] = fit_linear(
                bulk,
                OpenAceDesign(models[cutoff]),
                errors=expected_errors(heights(bulk), settings.errors, settings.height, data.noise),
                anchors=anchors,
                members=settings.members,
                seed=data.seed,
            )
        cutoff = shortest(fits)
        solved = fits[cutoff]
        model = replace(
            models[cutoff], coefficients=solved.coefficients, deviations=solved.deviations, scales=solved.scales
        )
        model.save(folder / MODEL)
        model.write_lammps(folder / LAMMPS)
        return {"functions": model.coefficients.size, "cutoff": cutoff, **solved.facts()}

    def load(self, folder: Path) -> BaseCalculator:
        """Return the calculator: ``energy_std`` and ``forces_std``, too; see ``Family.load``."""
        from entromax.potentials.open_ace_model import MODEL, OpenAceCalculator, OpenAceModel

        return OpenAceCalculator(OpenAceModel.load(folder / MODEL))

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
