"""The contract of a family of potentials."""

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from entromax.config.models import PotentialSettings
from entromax.contracts.requirements import (
    BrokenContractError,
    check_derivatives,
    check_entry,
    check_light,
    check_settings,
    require,
    require_close,
    rotate_stress,
    turned,
)
from entromax.potentials import load_potential, train_potential
from entromax.potentials.base import CARD, FitError, family_available
from entromax.potentials.linear import ENERGY
from entromax.potentials.posterior import Posterior
from entromax.registry import FAMILIES
from entromax.structures import write_structures
from entromax.structures.kinds import is_isolated, without_free_atoms


def check_family(
    settings: PotentialSettings,
    train: Sequence[Atoms],
    validation: Sequence[Atoms],
    *,
    element: str,
    d_nn: float,
    repeat: bool = True,
    free_atom_tolerance: float = 1e-3,
) -> None:
    """Check a family: facts, settings, a fit, its way to the disk and back, what is invariant, error bars, refusals.

    Args:
        settings: settings of the family, small enough to fit in seconds; for a plug-in those that name its file.
        train: structures with ``REF_`` keys [eV, eV/Å, eV/Å^3], exactly one of them a free atom.
        validation: structures likewise, without a free atom; families with error bars need some.
        element: chemical symbol.
        d_nn: nearest-neighbour distance [Å].
        repeat: fit twice, to see that the same seed gives the same potential.
        free_atom_tolerance: largest error of the energy of the free atom [eV].

    Raises:
        BrokenContractError: with the promise that is not kept.
    """
    outer = FAMILIES[settings.family]
    family, own = outer.resolve(settings)
    check_entry(family, FAMILIES)
    check_settings(family, own, FAMILIES)
    check_light(family)
    require(family_available(settings) is None, f"{family.name}: is not available: {family_available(settings)}")
    with tempfile.TemporaryDirectory(prefix="entromax-") as name:
        folder = Path(name)
        write_structures(folder / "train.extxyz", train)
        write_structures(folder / "validation.extxyz", validation)

        def fit(target: str, training: str = "train.extxyz") -> None:
            train_potential(
                folder / training,
                folder / "validation.extxyz",
                potential=folder / target,
                element=element,
                d_nn=d_nn,
                settings=settings,
                seed=1,
            )

        fit("first")
        card = json.loads((folder / "first" / CARD).read_text())
        require(card["family"] == outer.name and card["training_structures"] == len(train), f"{CARD} tells the fit")
        require(
            card["lammps"] is None or element in card["lammps"] or "pair_style" in card["lammps"], "LAMMPS commands"
        )
        bulk = without_free_atoms(train)
        before = _energies(load_potential(folder / "first"), bulk)
        shutil.move(folder / "first", folder / "moved")
        calculator = load_potential(folder / "moved")
        require_close(_energies(calculator, bulk), before, 1e-10, "a potential is the same in another folder [eV/atom]")
        if repeat:
            fit("second")
            again = _energies(load_potential(folder / "second"), bulk)
            require_close(again, before, 1e-6, "the same seed gives the same potential [eV/atom]")
        _check_accuracy(calculator, bulk)
        _check_calculator(calculator, bulk)
        free = next(atoms for atoms in train if is_isolated(atoms))
        energy = _bare(free, calculator).get_potential_energy()
        require_close(
            energy, free.info["REF_energy"], free_atom_tolerance, "free atom has the energy of its label [eV]"
        )
        _check_error_bars(calculator, bulk[0], outer.has_error_bars(settings))
        if outer.linear:
            _check_posterior(Posterior.load(folder / "moved", bulk), bulk[:3])
        write_structures(folder / "no_atom.extxyz", bulk)
        try:
            fit("third", "no_atom.extxyz")
        except FitError as error:
            require("free atom" in str(error), f"FitError without a free atom must say so, not {error}")
            require(not (folder / "third").exists(), "a failed fit leaves a folder under its final name")
        else:
            raise BrokenContractError("a training set without a free atom is refused by a FitError")


def _check_posterior(posterior: Posterior, structures: list[Atoms]) -> None:
    rows, _, kinds = posterior.rows(structures)
    variances = (rows[kinds == ENERGY] ** 2).sum(axis=1)
    require(bool((variances > 0).all()), f"a linear family has a design: variances are {variances}")


def _bare(atoms: Atoms, calculator: BaseCalculator) -> Atoms:
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc, calculator=calculator)


def _energies(calculator: BaseCalculator, structures: Sequence[Atoms]) -> np.ndarray:
    return np.array([_bare(atoms, calculator).get_potential_energy() / len(atoms) for atoms in structures])


def _check_accuracy(calculator: BaseCalculator, structures: Sequence[Atoms]) -> None:
    """Labels of the training set are met better than by their mean: units and signs are right."""
    labels = np.array([atoms.info["REF_energy"] / len(atoms) for atoms in structures])
    spread = float(labels.std())
    rmse = float(np.sqrt(np.mean((_energies(calculator, structures) - labels) ** 2)))
    require(rmse < 0.7 * spread, f"energies of the training set: RMSE {rmse:.3g}, spread {spread:.3g} eV/atom")
    found = [(_bare(atoms, calculator), atoms) for atoms in structures]
    pairs = {
        "forces": [(copy.get_forces().ravel(), atoms.arrays["REF_forces"].ravel()) for copy, atoms in found],
        "stresses": [(copy.get_stress(), np.asarray(atoms.info["REF_stress"])) for copy, atoms in found],
    }
    for name, both in pairs.items():
        mine, labelled = (np.concatenate(part) for part in zip(*both, strict=True))
        correlation = float(np.corrcoef(mine, labelled)[0, 1])
        require(
            correlation > 0.7, f"{name} of the training set correlate by {correlation:.2f} only; unit, sign, order?"
        )


def _check_calculator(calculator: BaseCalculator, structures: Sequence[Atoms]) -> None:
    """Check derivatives and invariances on the training structure with the largest forces."""
    largest = max(structures, key=lambda atoms: float(np.abs(atoms.arrays["REF_forces"]).max()))
    atoms = _bare(largest, calculator)
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
    require(forces.shape == (len(atoms), 3) and stress.shape == (6,), "forces are [N, 3], stress is [6]")
    scale = max(float(np.abs(forces).max()), 1.0)
    pressure = max(float(np.abs(stress).max()), 0.01)
    check_derivatives(
        lambda structure: float(_bare(structure, calculator).get_potential_energy()),
        atoms,
        forces,
        stress,
        step=1e-3,
        force_tolerance=1e-3 * scale,
        stress_tolerance=1e-3 * pressure,
    )
    copy, matrix = turned(_bare(largest, calculator))
    copy = _bare(copy, calculator)
    require_close(copy.get_potential_energy(), energy, 1e-5 * len(atoms), "rotation changes no energy [eV]")
    require_close(copy.get_forces(), forces @ matrix, 1e-4 * scale, "forces turn with the crystal [eV/Å]")
    require_close(copy.get_stress(), rotate_stress(stress, matrix), 1e-4 * pressure, "stress turns with it [eV/Å^3]")
    order = np.arange(len(atoms))[::-1]
    swapped = _bare(_bare(largest, calculator)[order], calculator)
    require_close(swapped.get_forces(), forces[order], 1e-5 * scale, "forces stand in the order of the atoms [eV/Å]")
    double = _bare(_bare(largest, calculator) * (2, 1, 1), calculator)
    require_close(double.get_potential_energy(), 2 * energy, 1e-5 * len(atoms), "energy is extensive [eV]")


def _check_error_bars(calculator: BaseCalculator, atoms: Atoms, promised: bool) -> None:
    offered = {"energy_std", "forces_std"} <= set(calculator.implemented_properties)
    require(offered == promised, f"error_bars is {promised}, but the calculator offers them: {offered}")
    if promised:
        bare = _bare(atoms, calculator)
        bar = calculator.get_property("energy_std", bare)
        bars = calculator.get_property("forces_std", bare)
        require(np.isfinite(bar) and bar > 0, f"energy_std is {bar}, not a positive number [eV]")
        require(
            np.shape(bars) == (len(atoms), 3) and (np.asarray(bars) >= 0).all(), "forces_std is [N, 3], not negative"
        )
