"""The contract of an engine."""

import pickle
import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms

from entromax.config.models import ReferenceSettings
from entromax.contracts.requirements import (
    check_derivatives,
    check_entry,
    check_light,
    check_settings,
    require,
    require_close,
    rotate_stress,
    turned,
)
from entromax.labels.engines import engine_available, numerical_settings, physics_hash, preload, resolve
from entromax.labels.engines.base import Engine, EngineUnavailableError, Label
from entromax.registry import ENGINES
from entromax.structures.kinds import ISOLATED


def check_engine(
    settings: ReferenceSettings,
    atoms: Atoms,
    *,
    step: float = 1e-3,
    tolerance: float = 1e-4,
    stress_tolerance: float = 1e-5,
    rotation: bool = True,
) -> None:
    """Check an engine: facts, settings, what its hash says, and labels of a structure and of a free atom.

    Some 25 labels are made: take a small cell and cheap settings. A DFT engine needs tolerances to match: its forces
    are as good as its self-consistency, and its stress is that of a basis which does not grow with the cell.

    Args:
        settings: settings of the engine; for a plug-in those that name its file.
        atoms: a crystal without symmetry, of two atoms at least, of one element [Å].
        step: displacement of the finite differences [Å], and a tenth of it as strain.
        tolerance: largest error of forces [eV/Å] and, of equivalent structures, of energies per atom [eV].
        stress_tolerance: largest error of a component of the stress [eV/Å^3].
        rotation: whether a rotated crystal is labelled, too.

    Raises:
        BrokenContractError: with the promise that is not kept.
    """
    outer, (engine, own) = ENGINES[settings.engine], resolve(settings)
    _check_facts(engine, own, settings)
    require(engine_available(settings) is None, f"{engine.name}: is not available: {engine_available(settings)}")
    preload(settings)
    with tempfile.TemporaryDirectory(prefix="entromax-") as folder:

        def label(structure: Atoms) -> Label:
            label_: Label = outer.label(structure, settings, 0, Path(folder) / "text")
            return label_

        before = atoms.copy()
        first = label(atoms)
        require(atoms == before and atoms.info == before.info, "labelling changes the structure that it is given")
        _check_shapes(first, atoms)
        check_derivatives(
            lambda structure: label(structure).energy,
            atoms,
            first.forces,
            first.stress,
            step=step,
            force_tolerance=tolerance,
            stress_tolerance=stress_tolerance,
        )
        order = np.arange(len(atoms))[::-1]
        swapped = label(atoms[order])
        require_close(swapped.energy / len(atoms), first.energy / len(atoms), tolerance, "order of atoms: energy [eV]")
        require_close(swapped.forces, first.forces[order], tolerance, "forces stand in the order of the atoms [eV/Å]")
        if rotation:
            copy, matrix = turned(atoms)
            rotated = label(copy)
            require_close(rotated.energy / len(atoms), first.energy / len(atoms), tolerance, "rotation: energy [eV]")
            require_close(rotated.forces, first.forces @ matrix, tolerance, "rotation: forces turn with it [eV/Å]")
            expected = rotate_stress(first.stress, matrix)
            require_close(rotated.stress, expected, stress_tolerance, "rotation: stress turns with it [eV/Å^3]")
        _check_free_atom(label(_free_atom(atoms)), tolerance)
        require(pickle.loads(pickle.dumps(settings)) == settings, "settings do not survive the way to a worker")
        _check_refusal(outer, settings, Path(folder))


def _check_facts(engine: Engine, own: ReferenceSettings, settings: ReferenceSettings) -> None:
    check_entry(engine, ENGINES)
    check_settings(engine, own, ENGINES)
    check_light(engine)
    require(own.describe(), f"{type(own).__name__}.describe() says nothing; the report needs a phrase")
    require(engine.rungs and not engine.rungs[0].changed_physics, "the first rung is the engine as configured")
    names = [rung.name for rung in engine.rungs]
    require(len(set(names)) == len(names), f"rungs: two have the same name: {names}")
    fields = set(type(own).model_fields)
    for kind, keys in (("numerical", engine.numerical), ("files", engine.files)):
        require(keys <= fields, f"{kind}: {sorted(keys - fields)} are no settings of {engine.name}")
    digest = physics_hash(settings)
    require(len(digest) == 12 and digest[0].isalpha(), f"physics_hash gives {digest!r}, not 12 characters")
    again = type(settings).model_validate(settings.model_dump(mode="json"))
    require(physics_hash(again) == digest, "physics_hash differs for equal settings")
    require(set(numerical_settings(settings)) == set(engine.numerical), "numerical_settings are those it names")


def _check_shapes(label: Label, atoms: Atoms) -> None:
    require(isinstance(label.energy, float) and np.isfinite(label.energy), "energy is a finite float")
    require(np.shape(label.forces) == (len(atoms), 3), f"forces have the shape {np.shape(label.forces)}, not [N, 3]")
    require(np.shape(label.stress) == (6,), f"stress has the shape {np.shape(label.stress)}, not [6]")
    require(np.abs(label.forces).max() > 0, "a structure without symmetry feels no force")


def _free_atom(atoms: Atoms) -> Atoms:
    cell = np.diag([9.0, 9.3, 9.6])
    free = Atoms(atoms.get_chemical_symbols()[:1], positions=[cell.sum(axis=0) / 2], cell=cell, pbc=True)
    free.info["config_type"] = ISOLATED
    return free


def _check_free_atom(label: Label, tolerance: float) -> None:
    require(np.isfinite(label.energy), "free atom: energy is finite")
    require_close(label.stress, np.zeros(6), 0.0, "free atom: its stress is zero by definition")
    require_close(label.forces, np.zeros((1, 3)), max(tolerance, 0.02), "free atom: no force [eV/Å]")


def _check_refusal(outer: Engine, settings: ReferenceSettings, folder: Path) -> None:
    """Astatine, which hardly any engine can treat: a label or an error of the engine's kind, and with words."""
    strange = Atoms("At2", positions=[[0, 0, 0], [1.6, 1.7, 1.8]], cell=[4.4, 4.5, 4.6], pbc=True)
    try:
        outer.label(strange, settings, 0, folder / "strange")
    except EngineUnavailableError as error:
        require(len(str(error)) > 10, "EngineUnavailableError says what to do")
    except Exception as error:  # any is caught by the worker, but it must say something
        require(str(error), f"{type(error).__name__} without a message, for an element that it cannot treat")
