"""A potential made elsewhere: any ASE calculator, from a file or an import path, judged like the others, not fitted."""

import importlib
import importlib.util
import inspect
import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, Calculator, all_changes
from pydantic import Field, model_validator

from entromax.config.models import PotentialSettings
from entromax.potentials.base import Family, FitData, FitError, split_free_atom
from entromax.registry import load_file
from entromax.runtime import write_json
from entromax.structures.geometry import bare

RECORD, COPY, FILES = "external.json", "calculator.py", "files"
"""In the folder of a potential: how it is made, the user's Python file, the user's other files."""
NEEDED = ("energy", "forces", "stress")


class ExternalSettings(PotentialSettings):
    """A potential made elsewhere, such as a foundation model: an ASE calculator that is validated without a fit."""

    family: Literal["external"] = "external"
    calculator: str = Field(
        pattern=r"^.+:[A-Za-z_]\w*$",
        description="function or class that returns the ASE calculator: `file.py:name` (relative to the working "
        "directory) or `package.module:name`",
    )
    arguments: dict[str, Any] = Field({}, description="its keyword arguments")
    files: dict[str, str] = Field(
        {}, description="those of them that are files or folders, such as the model; copied into the potential's folder"
    )
    align: bool = Field(
        True, description="shift energies per atom by the median error on the training set: programs have other zeros"
    )
    citation: str = Field("", description="what to cite for it, in reports")

    @model_validator(mode="after")
    def _distinct(self) -> "ExternalSettings":
        if twice := sorted(set(self.arguments) & set(self.files)):
            raise ValueError(f"files: {', '.join(twice)} stands in arguments, too; write it once")
        if len({Path(path).name for path in self.files.values()}) < len(self.files):
            raise ValueError("files: two have the same name; rename one, their copies lie in one folder")
        return self


class ShiftedCalculator(Calculator):
    """Another calculator's energy, forces and stress, its energy shifted by a constant for every atom."""

    def __init__(self, inner: BaseCalculator, shift: float) -> None:
        """Keep both.

        Args:
            inner: the other calculator.
            shift: [eV/atom].
        """
        super().__init__()
        self.implemented_properties = ["energy", "free_energy", "forces", "stress"]
        self.inner, self.shift = inner, shift

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Fill ``results``; without periodicity in three directions there is no stress."""
        super().calculate(atoms, properties, system_changes)
        wanted = NEEDED if self.atoms.pbc.all() else NEEDED[:2]
        # All at once, and of a copy: asked one after the other, some calculators would start again each time.
        self.inner.calculate(bare(self.atoms), list(wanted), list(all_changes))
        found = self.inner.results
        energy = float(found["energy"]) + len(self.atoms) * self.shift
        self.results = {"energy": energy, "free_energy": energy, **{key: np.array(found[key]) for key in wanted[1:]}}


class ExternalFamily(Family[ExternalSettings]):
    """A calculator that somebody else has made."""

    name = "external"
    settings = ExternalSettings
    citation = "a potential that was not fitted here; cite its authors."

    def cite(self, settings: ExternalSettings) -> str:
        """Return what the user says is to be cited; see ``Family.cite``."""
        return settings.citation or f"{settings.calculator}: {self.citation}"

    def problem(self, settings: ExternalSettings) -> str | None:
        """Return what is wrong with file, module, name or arguments; a module is not imported, which may be slow."""
        for key, path in settings.files.items():
            if not Path(path).exists():
                return f"potentials: files.{key}: there is no {path!r}; paths are relative to the working directory"
        place, name = settings.calculator.rsplit(":", maxsplit=1)
        try:
            if place.endswith(".py"):
                inspect.signature(factory(place, name)).bind(**settings.arguments, **settings.files)
                return None
            text = _source(place)
        except FileNotFoundError:
            return f"potentials: calculator: there is no file {place!r}; paths are relative to the working directory"
        except ModuleNotFoundError as error:
            return f"potentials: calculator: {error}; install its package, or name a file, `my_file.py:{name}`"
        except Exception as error:  # whatever a file that is not ours may raise
            return (
                f"potentials: calculator {settings.calculator!r} with arguments "
                f"{sorted({**settings.arguments, **settings.files})} is impossible: {type(error).__name__}: {error}"
            )
        if text is not None and not re.search(rf"\b{name}\b|import \*|__getattr__", text):
            return f"potentials: calculator: module {place!r} has no {name!r}; name a function or class of it"
        return None

    def fit(self, data: FitData, settings: ExternalSettings, folder: Path) -> dict[str, Any]:
        """Copy its files and find the shift; see ``Family.fit``."""
        _, bulk = split_free_atom(data.train)
        place, name = settings.calculator.rsplit(":", maxsplit=1)
        if place.endswith(".py"):
            shutil.copy(place, folder / COPY)
            place = COPY
        (folder / FILES).mkdir()
        for path in map(Path, settings.files.values()):
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, folder / FILES / path.name)
        files = {key: Path(path).name for key, path in settings.files.items()}
        record = {"place": place, "name": name, "arguments": settings.arguments, "files": files, "shift": 0.0}
        write_json(folder / RECORD, record)
        try:
            calculator = self.load(folder)
            shift = median_shift(bulk, calculator) if settings.align else 0.0
        except Exception as error:  # whatever a calculator that is not ours may raise
            raise FitError(f"{settings.calculator}: {type(error).__name__}: {error}") from error
        write_json(folder / RECORD, record | {"shift": shift})
        return {"fitted": False, "shift": shift}

    def load(self, folder: Path) -> BaseCalculator:
        """Return the calculator; see ``Family.load``."""
        record = json.loads((folder / RECORD).read_text())
        place = str(folder / COPY) if record["place"] == COPY else record["place"]
        files = {key: str(folder / FILES / name) for key, name in record["files"].items()}
        inner = factory(place, record["name"])(**record["arguments"], **files)
        if lacking := set(NEEDED) - set(inner.implemented_properties):
            raise NotImplementedError(f"the calculator gives no {' and no '.join(sorted(lacking))}")
        return ShiftedCalculator(inner, record["shift"])

    def export(self, folder: Path, element: str) -> str | None:
        """Return None: how LAMMPS may run it is known to those who made it."""
        return None


def factory(place: str, name: str) -> Callable[..., BaseCalculator]:
    """Return what makes the calculator.

    Args:
        place: Python file, or import path of a module.
        name: of a function or class in it.

    Raises:
        TypeError: there is no such thing, or it cannot be called.
        Exception: whatever file or module raise.
    """
    if place.endswith(".py"):
        made: Callable[..., BaseCalculator] = load_file(place, name, Callable)  # type: ignore[arg-type]
        return made
    found = getattr(importlib.import_module(place), name, None)
    if not callable(found):
        raise TypeError(f"module {place!r} has no {name!r} that can be called")
    return found


def median_shift(structures: Sequence[Atoms], calculator: BaseCalculator) -> float:
    """Return the median of label minus prediction [eV/atom]: a few structures that are badly wrong do not move it."""
    errors = []
    for atoms in structures:
        copy = bare(atoms)
        copy.calc = calculator
        errors.append((float(atoms.info["REF_energy"]) - copy.get_potential_energy()) / len(atoms))
    return float(np.median(errors))


def _source(module: str) -> str | None:
    """Return the text of a module without running it, None when it is no Python.

    Raises:
        ModuleNotFoundError: there is no such module.
    """
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {module!r}")
    return Path(spec.origin).read_text("utf-8") if spec.origin and spec.origin.endswith(".py") else None


FAMILY = ExternalFamily()
