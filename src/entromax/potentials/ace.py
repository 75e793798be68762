"""Atomic cluster expansion, linear: basis and active set of python-ace, fitted by regularised least squares."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from pydantic import Field, model_validator

from entromax.config.models.potentials import LinearSettings
from entromax.potentials.base import Family, FitData, FitError
from entromax.structures.geometry import deformed

if TYPE_CHECKING:
    from entromax.potentials.ace_model import AceBasis
    from entromax.potentials.linear import Design

RATTLE, STRAIN = 0.02, 0.01
"""Displacements [d_nn] and strains [1] of the copies that fill up the active set."""
BLOCK = 4
"""Environments, in units of the number of functions, that join the search for the active set at once."""


class AceSettings(LinearSettings):
    """Linear atomic cluster expansion over a ZBL repulsion, by python-ace (licensed for non-commercial use only)."""

    family: Literal["ace"] = "ace"
    functions: int = Field(500, ge=10, le=5000, description="basis functions")
    n_max: list[Annotated[int, Field(ge=1, le=30)]] = Field(
        [15, 6, 4, 3], min_length=1, max_length=6, description="radial functions by order, pairs first"
    )
    l_max: list[Annotated[int, Field(ge=0, le=10)]] = Field(
        [0, 5, 4, 2], min_length=1, max_length=6, description="largest angular momentum by order; 0 for pairs"
    )

    @model_validator(mode="after")
    def _possible(self) -> "AceSettings":
        if len(self.n_max) != len(self.l_max) or self.l_max[0] != 0:
            raise ValueError(f"l_max: {self.l_max} must begin with 0 and have as many entries as n_max {self.n_max}")
        return self


class AceFamily(Family[AceSettings]):
    """Linear ACE [Drautz, Phys. Rev. B 99, 014104 (2019)]; python-ace is licensed for non-commercial use only."""

    name = "ace"
    settings = AceSettings
    citation = (
        "R. Drautz, Phys. Rev. B 99, 014104 (2019); Y. Lysogorskiy et al., npj Comput. Mater. 7, 97 (2021). python-ace "
        "is licensed for non-commercial use."
    )
    licence = "academic, non-commercial (python-ace)"
    requires = "pyace"
    remedy = "pip install entromax[ace]"
    error_bars = True
    linear = True
    lammps_package = "ML-PACE"
    lammps_gpu = "pace/kk, with KOKKOS: lmp -k on g 1 -sf kk -pk kokkos newton on neigh half -in in.lammps"

    def fit(self, data: FitData, settings: AceSettings, folder: Path) -> dict[str, Any]:
        """Fit with every cutoff; see ``Family.fit``."""
        from entromax.potentials.ace_model import ACTIVE_SET, MODEL, AceDesign
        from entromax.potentials.cutoffs import fit_cutoffs

        cutoff, design, solved, bulk = fit_cutoffs(
            data, settings, lambda cutoff, e0: AceDesign.untrained(settings, data, cutoff, e0=e0)
        )
        basis = design.basis
        basis.basis.basis_coeffs = solved.coefficients.tolist()
        write_basis(basis.basis, design.model.e0, folder)
        known = surroundings(bulk, 2 * basis.size, RATTLE * data.d_nn, data.seed)
        write_active_set(basis, known, data.element, folder / ACTIVE_SET)
        replace(design.model, deviations=solved.deviations, scales=solved.scales).save(folder / MODEL)
        return {"functions": basis.size, "environments": sum(map(len, bulk)), "cutoff": cutoff, **solved.facts()}

    def load(self, folder: Path) -> BaseCalculator:
        """Return the calculator: ``energy_std``, ``forces_std``, ``extrapolation`` too; see ``Family.load``."""
        from entromax.potentials.ace_model import AceCalculator

        return AceCalculator(folder)

    def design(self, folder: Path, settings: AceSettings) -> "Design":
        """Return the rows of structures in a fitted potential; see ``Family.design``."""
        from entromax.potentials.ace_model import BASIS, MODEL, AceBasis, AceDesign, AceModel, import_pyace

        basis = AceBasis(import_pyace().PyACECalculator(str(folder / BASIS)).basis)
        return AceDesign(basis, AceModel.load(folder / MODEL))

    def export(self, folder: Path, element: str) -> str | None:
        """Return commands for LAMMPS with the package ML-PACE; see ``Family.export``."""
        from entromax.potentials.ace_model import MODEL, AceModel

        return AceModel.load(folder / MODEL).commands()


def write_basis(basis: Any, e0: float, folder: Path) -> None:
    """Write the fitted basis for pyace and, with the energy of the free atom [eV], for LAMMPS."""
    from entromax.potentials.ace_model import BASIS, LAMMPS

    basis.save(str(folder / BASIS))
    basis.to_ACECTildeBasisSet().save_yaml(str(folder / LAMMPS))
    text = (folder / LAMMPS).read_text()
    if text.count("E0: [0]") != 1:
        raise FitError(f"{folder / LAMMPS}: has no `E0: [0]` to hold the energy of the free atom; which python-ace?")
    (folder / LAMMPS).write_text(text.replace("E0: [0]", f"E0: [{e0!r}]"))


def surroundings(structures: Sequence[Atoms], environments: int, width: float, seed: int) -> list[Atoms]:
    """Return the structures and as many strained copies, rattled by ``width`` [Å], as make up the environments.

    MaxVol wants more environments than there are functions.
    """
    rng, found = np.random.default_rng(seed), list(structures)
    while sum(map(len, found)) < environments:
        for atoms in structures:
            copy = deformed(atoms, np.eye(3) + rng.normal(0, STRAIN, (3, 3)))
            copy.positions += rng.normal(0, width, copy.positions.shape)
            found.append(copy)
    return found


def write_active_set(basis: "AceBasis", structures: Iterable[Atoms], element: str, path: Path) -> None:
    """Find the environments that span the training data (MaxVol) block by block, and write their inverse.

    Raises:
        FitError: the environments are too much alike.
    """
    from entromax.potentials.ace_model import import_pyace

    learning = import_pyace("pyace.activelearning")
    active, waiting = np.zeros((0, basis.size)), []
    remaining = list(structures)
    for index, atoms in enumerate(remaining, start=1):
        waiting.append(basis.projections(atoms))
        if index == len(remaining) or sum(map(len, waiting)) >= BLOCK * basis.size:
            found = learning.compute_active_set({0: np.concatenate([active, *waiting])})
            active, waiting = found[0], []
    inverse = learning.compute_A_active_inverse({0: active})
    with path.open("wb") as file:
        np.savez(file, **{element: inverse[0]})


FAMILY = AceFamily()
