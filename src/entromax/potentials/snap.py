"""Spectral neighbour analysis potential: linear or quadratic in the SNAP bispectrum, over a ZBL repulsion."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from ase.data import atomic_numbers
from pydantic import Field

from entromax.config.models.base import Positive
from entromax.config.models.potentials import LinearSettings
from entromax.features.bispectrum import bispectrum_triples
from entromax.potentials.base import Family, FitData, FitError, split_free_atom

if TYPE_CHECKING:
    from entromax.potentials.snap_model import SnapModel

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
    lammps_package = "ML-SNAP"
    lammps_gpu = "snap/kk, with KOKKOS: lmp -k on g 1 -sf kk -pk kokkos newton on neigh half -in in.lammps"

    def fit(self, data: FitData, settings: SnapSettings, folder: Path) -> dict[str, Any]:
        """Fit structure by structure; see ``Family.fit``."""
        from entromax.potentials.linear import NormalEquations
        from entromax.potentials.snap_model import MODEL, SnapCalculator
        from entromax.potentials.uncertainty import calibration

        atom, bulk = split_free_atom(data.train)
        model = untrained(settings, data, e0=float(atom.info["REF_energy"]))
        columns = model.coefficients.size
        equations = NormalEquations(columns, settings.folds)
        lowest = min(float(atoms.info["REF_energy"]) / len(atoms) for atoms in bulk)
        folds = np.random.default_rng(data.seed).permutation(len(bulk)) % settings.folds
        for index, (atoms, fold) in enumerate(zip(bulk, folds, strict=True), start=1):
            equations.add(*weighted_rows(atoms, model, settings, lowest), int(fold))
            if index % max(len(bulk) // 10, 1) == 0:
                logger.info("design matrix: %d of %d structures", index, len(bulk))
        solved = equations.solve()
        model = replace(model, coefficients=solved.coefficients, deviations=solved.deviations)
        checked = calibration(data.validation, SnapCalculator(model))
        if checked is not None:
            model = replace(model, scales=(checked["energy"]["scale"], checked["forces"]["scale"]))
        model.save(folder / MODEL)
        model.write_lammps(folder)
        return {
            "coefficients": columns,
            "free_atom_error": float(model.coefficients[0]),
            "rows": solved.rows,
            "ridge": solved.ridge,
            "left_out_errors": {f"{ridge:.0e}": score for ridge, score in solved.scores.items()},
            "members": len(solved.deviations),
            "calibration": checked,
        }

    def load(self, folder: Path) -> BaseCalculator:
        """Return the calculator; see ``Family.load``. It answers ``energy_std`` and ``forces_std``."""
        from entromax.potentials.snap_model import MODEL, SnapCalculator, SnapModel

        return SnapCalculator(SnapModel.load(folder / MODEL))

    def export(self, folder: Path, element: str) -> str | None:
        """Return commands for LAMMPS with the package ML-SNAP; see ``Family.export``."""
        from entromax.potentials.snap_model import MODEL, SnapModel

        return SnapModel.load(folder / MODEL).commands()


def untrained(settings: SnapSettings, data: FitData, e0: float) -> "SnapModel":
    """Return the model with all coefficients zero: free atoms and ZBL."""
    from entromax.potentials.snap_model import SnapModel

    dim = len(bispectrum_triples(settings.twojmax))
    columns = 1 + dim + (dim * (dim + 1) // 2 if settings.quadratic else 0)
    return SnapModel(
        element=data.element,
        cutoff=settings.cutoff * data.d_nn,
        twojmax=settings.twojmax,
        quadratic=settings.quadratic,
        e0=e0,
        zbl=None if settings.zbl is None else (settings.zbl[0] * data.d_nn, settings.zbl[1] * data.d_nn),
        coefficients=np.zeros(columns),
        deviations=np.zeros((settings.folds, columns)),
    )


def weighted_rows(
    atoms: Atoms, model: "SnapModel", settings: SnapSettings, lowest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows [1 + 3 N + 6, p] and targets of one structure, multiplied with the square roots of their weights.

    Targets are energy per atom, forces and stress above those of free atoms and ZBL. All weights of a structure fall
    with its energy E above the lowest one as exp(-E / energy_scale) (METHOD section 8). Without ``REF_stress`` there
    are no rows for it.

    Args:
        atoms: with ``REF_`` keys.
        model: cutoffs, free atom and ZBL.
        settings: weights.
        lowest: energy of the lowest structure [eV/atom].

    Raises:
        FitError: the structure holds another element.
    """
    from entromax.potentials.lammps_run import snap_rows
    from entromax.potentials.zbl import Zbl, zbl_of

    n = len(atoms)
    if set(atoms.get_chemical_symbols()) != {model.element}:
        raise FitError(
            f"structure {atoms.info.get('sid')} is {atoms.get_chemical_formula()}, SNAP of {model.element} only"
        )
    of_energy, of_forces, of_stress = snap_rows(atoms, model.compute_arguments(), model.cutoff)
    energy = float(atoms.info["REF_energy"]) - n * model.e0
    forces = np.array(atoms.arrays["REF_forces"], dtype=float)
    stress = np.array(atoms.info.get("REF_stress", []), dtype=float)
    if model.zbl is not None:
        base = zbl_of(atoms, Zbl(atomic_numbers[model.element], *model.zbl))
        energy, forces = energy - base[0], forces - base[1]
        stress = stress - base[2] if stress.size else stress
    weight = np.exp(-(float(atoms.info["REF_energy"]) / n - lowest) / settings.energy_scale)
    parts: Sequence[tuple[float, np.ndarray, np.ndarray]] = (
        (settings.energy_weight, of_energy[None] / n, np.array([energy / n])),
        (settings.force_weight, of_forces.reshape(3 * n, -1), forces.ravel()),
        (settings.stress_weight, of_stress, stress),
    )
    used = [(np.sqrt(weight * w), rows, target) for w, rows, target in parts if w > 0 and target.size]
    constant = np.zeros((sum(len(rows) for _, rows, _ in used), 1))
    if settings.constant and settings.energy_weight > 0:
        constant[0] = used[0][0]
    return (
        np.hstack([constant, np.concatenate([root * rows for root, rows, _ in used])]),
        np.concatenate([root * target for root, _, target in used]),
    )


FAMILY = SnapFamily()
