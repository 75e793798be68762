"""Elastic constants."""

from collections.abc import Mapping

import numpy as np
from ase import units
from ase.calculators.calculator import BaseCalculator
from ase.optimize import BFGS
from matscipy.elasticity import fit_elastic_constants

from entromax.validation.properties.base import Case, Property, PropertyError, Quantity, Result, equilibrium
from entromax.validation.references import Number, elastic_constants

SYMMETRY = {
    "fcc": "cubic",
    "bcc": "cubic",
    "sc": "cubic",
    "diamond": "cubic",
    "hcp": "hexagonal",
    "graphite": "hexagonal",
    "A7": "trigonal_high",
    "A8": "trigonal_high",
}
"""Symmetry of the elastic constants, in the words of matscipy."""
INDEPENDENT = {
    "cubic": ((1, 1), (1, 2), (4, 4)),
    "hexagonal": ((1, 1), (1, 2), (1, 3), (3, 3), (4, 4)),
    "trigonal_high": ((1, 1), (1, 2), (1, 3), (1, 4), (3, 3), (4, 4)),
}


class Elastic(Property):
    """Elastic constants with relaxed ions: central differences of the stress under strains (matscipy)."""

    name = "elastic"
    title = "Elastic constants"
    explanation = (
        "Central differences of the stress of the relaxed crystal, ions relaxed at every strain. Shear constants of "
        "metals need denser k-points than energies: where reference and published values part, suspect the reference."
    )
    place = 3
    on_card = True

    def calc(self, calculator: BaseCalculator, case: Case) -> Result:
        """Strain the relaxed primitive cell; see ``Property.calc``."""
        atoms = equilibrium(calculator, case)
        symmetry, settings = SYMMETRY[case.ground_state], case.settings
        relaxation = (
            {} if len(atoms) == 1 else {"optimizer": BFGS, "fmax": settings.fmax, "steps": settings.relaxation_steps}
        )
        # Two steps of twice the strain are one strain to either side.
        stiffness, _ = fit_elastic_constants(
            atoms, symmetry, N_steps=2, delta=2 * settings.strain, verbose=False, **relaxation
        )
        stiffness = np.asarray(stiffness) / units.GPa
        if not np.isfinite(stiffness).all():
            raise PropertyError("stresses are not finite")
        quantities = [Quantity(f"C{i}{j}", float(stiffness[i - 1, j - 1]), "GPa") for i, j in INDEPENDENT[symmetry]]
        bulk = float(stiffness[:3, :3].mean())
        quantities.append(Quantity("bulk modulus (Voigt)", bulk, "GPa"))
        softest = float(np.linalg.eigvalsh(stiffness).min())
        # Born's criterion: a crystal is stable when its matrix of elastic constants is positive definite.
        flags = [] if softest > 0 else [f"makes {case.ground_state} mechanically unstable (Born criterion)"]
        return Result("done", quantities=quantities, flags=flags)

    def published(self, case: Case) -> Mapping[str, Number]:
        """Return elastic constants of the ground state."""
        return elastic_constants(case.symbol)


PROPERTY = Elastic()
