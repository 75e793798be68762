"""Atomic cluster expansion, linear: basis and active set of python-ace, fitted by regularised least squares."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from pydantic import Field, model_validator

from entromax.config.models.potentials import LinearSettings
from entromax.potentials.base import Family, FitData, FitError, split_free_atom
from entromax.structures.geometry import right_handed

if TYPE_CHECKING:
    from entromax.potentials.ace_model import AceBasis, AceModel

logger = logging.getLogger("entromax.potentials")

BLOCK = 4
"""Environments, in units of the number of functions, that join the search for the active set at once."""


class AceSettings(LinearSettings):
    """Linear atomic cluster expansion over a ZBL repulsion, by python-ace (licensed for non-commercial use only)."""

    family: Literal["ace"] = "ace"
    functions: int = Field(
        500, ge=10, le=5000, description="basis functions; at most half of the training environments are used"
    )
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
    lammps_package = "ML-PACE"
    lammps_gpu = "pace/kk, with KOKKOS: lmp -k on g 1 -sf kk -pk kokkos newton on neigh half -in in.lammps"

    def fit(self, data: FitData, settings: AceSettings, folder: Path) -> dict[str, Any]:
        """Fit structure by structure; see ``Family.fit``."""
        from entromax.potentials.ace_model import ACTIVE_SET, MODEL, AceBasis, AceCalculator, AceModel
        from entromax.potentials.linear import NormalEquations
        from entromax.potentials.uncertainty import calibration

        atom, bulk = split_free_atom(data.train)
        if strange := {symbol for atoms in bulk for symbol in atoms.symbols} - {data.element}:
            raise FitError(f"training set: holds {', '.join(sorted(strange))}; this is a potential of {data.element}")
        bulk = [right_handed(atoms) for atoms in bulk]
        environments = sum(map(len, bulk))
        basis = AceBasis(new_basis(settings, data, min(settings.functions, environments // 2)))
        logger.info("%d basis functions, %d environments", basis.size, environments)
        model = AceModel(
            element=data.element,
            e0=float(atom.info["REF_energy"]),
            zbl=None if settings.zbl is None else (settings.zbl[0] * data.d_nn, settings.zbl[1] * data.d_nn),
            deviations=np.zeros((settings.folds, basis.size)),
        )
        equations = NormalEquations(basis.size, settings.folds)
        lowest = min(float(atoms.info["REF_energy"]) / len(atoms) for atoms in bulk)
        folds = np.random.default_rng(data.seed).permutation(len(bulk)) % settings.folds
        for index, (atoms, fold) in enumerate(zip(bulk, folds, strict=True), start=1):
            equations.add(*weighted_rows(atoms, basis, model, settings, lowest), int(fold))
            if index % max(len(bulk) // 10, 1) == 0:
                logger.info("design matrix: %d of %d structures", index, len(bulk))
        solved = equations.solve()
        basis.basis.basis_coeffs = solved.coefficients.tolist()
        write_basis(basis.basis, model.e0, folder)
        write_active_set(basis, bulk, data.element, folder / ACTIVE_SET)
        model = replace(model, deviations=solved.deviations)
        model.save(folder / MODEL)
        checked = calibration(data.validation, AceCalculator(folder))
        if checked is not None:
            replace(model, scales=(checked["energy"]["scale"], checked["forces"]["scale"])).save(folder / MODEL)
        return {
            "functions": basis.size,
            "environments": environments,
            "rows": solved.rows,
            "ridge": solved.ridge,
            "left_out_errors": {f"{ridge:.0e}": score for ridge, score in solved.scores.items()},
            "members": len(solved.deviations),
            "calibration": checked,
        }

    def load(self, folder: Path) -> BaseCalculator:
        """Return the calculator: ``energy_std``, ``forces_std``, ``extrapolation`` too; see ``Family.load``."""
        from entromax.potentials.ace_model import AceCalculator

        return AceCalculator(folder)

    def export(self, folder: Path, element: str) -> str | None:
        """Return commands for LAMMPS with the package ML-PACE; see ``Family.export``."""
        from entromax.potentials.ace_model import MODEL, AceModel

        return AceModel.load(folder / MODEL).commands()


def new_basis(settings: AceSettings, data: FitData, functions: int) -> Any:
    """Return ``pyace.ACEBBasisSet`` with the first ``functions`` of the B functions that the settings span."""
    from entromax.potentials.ace_model import import_pyace

    pyace = import_pyace()
    specification = {
        "deltaSplineBins": 0.001,
        "elements": [data.element],
        "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "fs_parameters": [1, 1], "ndensity": 1}},
        "bonds": {
            "ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": settings.cutoff * data.d_nn, "dcut": 0.01}
        },
        "functions": {
            "number_of_functions_per_element": functions,
            "ALL": {"nradmax_by_orders": settings.n_max, "lmax_by_orders": settings.l_max},
        },
    }
    return pyace.ACEBBasisSet(pyace.create_multispecies_basis_config(specification))


def weighted_rows(
    atoms: Atoms, basis: "AceBasis", model: "AceModel", settings: AceSettings, lowest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows [1 + 3 N + 6, p] and targets of one structure, multiplied with the square roots of their weights.

    Targets are energy per atom, forces and stress above those of free atoms and ZBL. All weights of a structure fall
    with its energy E above ``lowest`` [eV/atom] as exp(-E / energy_scale) (METHOD section 8).
    """
    n = len(atoms)
    of_energy, of_forces, of_stress = basis.rows(atoms)
    energy, forces, stress = model.repulsion(atoms)
    rows = [of_energy[None] / n, of_forces.reshape(3 * n, -1), of_stress]
    targets = [
        np.array([float(atoms.info["REF_energy"]) - energy]) / n - model.e0,
        (atoms.arrays["REF_forces"] - forces).ravel(),
        np.asarray(atoms.info["REF_stress"], dtype=float) - stress,
    ]
    weight = np.exp(-(float(atoms.info["REF_energy"]) / n - lowest) / settings.energy_scale)
    roots = [np.sqrt(weight * w) for w in (settings.energy_weight, settings.force_weight, settings.stress_weight)]
    return (
        np.concatenate([root * block for root, block in zip(roots, rows, strict=True)]),
        np.concatenate([root * target for root, target in zip(roots, targets, strict=True)]),
    )


def write_basis(basis: Any, e0: float, folder: Path) -> None:
    """Write the fitted basis for pyace and, with the energy of the free atom [eV], for LAMMPS."""
    from entromax.potentials.ace_model import BASIS, LAMMPS

    basis.save(str(folder / BASIS))
    basis.to_ACECTildeBasisSet().save_yaml(str(folder / LAMMPS))
    text = (folder / LAMMPS).read_text()
    if text.count("E0: [0]") != 1:
        raise FitError(f"{folder / LAMMPS}: has no `E0: [0]` to hold the energy of the free atom; which python-ace?")
    (folder / LAMMPS).write_text(text.replace("E0: [0]", f"E0: [{e0!r}]"))


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
