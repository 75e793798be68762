"""What a family of potentials is, and the job that fits one."""

import hashlib
import importlib
import importlib.util
import json
import logging
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from ase import Atoms
from ase.calculators.calculator import BaseCalculator
from pydantic import ValidationError

from entromax.config.models import PluginSettings, Settings
from entromax.runtime import config_hash, provenance, write_json
from entromax.structures import read_structures
from entromax.structures.kinds import ISOLATED

logger = logging.getLogger("entromax.potentials")

S = TypeVar("S", bound=Settings)
CARD = "potential.json"
"""File in the folder of a potential that says what it is."""
PLUGIN = "plugin.py"
"""Copy of the file of a family of the user's own, in the folder of a potential: it stays loadable there."""


class FitError(RuntimeError):
    """A fit that failed; the message says why and where its log is."""


@dataclass(frozen=True)
class FitData:
    """What a fit gets.

    Attributes:
        train: structures with ``REF_`` keys, the free atom among them.
        validation: structures for early stopping and model choice; may be empty.
        element: chemical symbol.
        d_nn: nearest-neighbour distance [Å], unit of the lengths in the settings.
        seed: of everything random.
        threads: processor cores.
    """

    train: Sequence[Atoms]
    validation: Sequence[Atoms]
    element: str
    d_nn: float
    seed: int
    threads: int = 1


class Family(ABC, Generic[S]):
    """A family of potentials.

    Attributes:
        settings: the pydantic model of its settings.
    """

    settings: type[S]

    @abstractmethod
    def fit(self, data: FitData, settings: S, folder: Path) -> dict[str, Any]:
        """Fit, write all files of the model to ``folder`` (it exists), return facts for the card of the potential.

        Raises:
            FitError: with the reason.
        """

    @abstractmethod
    def load(self, folder: Path) -> BaseCalculator:
        """Return an ASE calculator (energy, forces, stress) of a fitted potential.

        A family that knows how far it can be trusted lists one or more of these in ``implemented_properties`` and
        answers them when asked by name, ``calculator.get_property("energy_std", atoms)``:

        * ``energy_std``: standard deviation of the energy of the whole structure [eV], calibrated when there was
          validation data;
        * ``forces_std``: [N, 3] standard deviations of the forces [eV/Å], calibrated likewise;
        * ``extrapolation``: [N] extrapolation grade of every atom [1]; above 1 the atom is outside the training data.
        """

    @abstractmethod
    def export(self, folder: Path, element: str) -> str | None:
        """Return the LAMMPS commands that use the potential, run from ``folder``; None when LAMMPS cannot."""


FAMILIES = {
    "ace": ("entromax.potentials.ace", "pyace", "pip install entromax[ace]"),
    "gap": ("entromax.potentials.gap", "quippy", "install quippy-ase (see envs/)"),
    "mace": ("entromax.potentials.mace", "mace", "pip install entromax[mace]"),
    "snap": ("entromax.potentials.snap", "lammps", "install lammps and mpich (see envs/)"),
}
"""Module, package it needs, remedy, by the ``family`` of the settings."""


def split_free_atom(structures: Sequence[Atoms]) -> tuple[Atoms, list[Atoms]]:
    """Return the free atom of a training set, and the rest of it.

    Raises:
        FitError: not exactly one free atom, or nothing else.
    """
    free = [atoms for atoms in structures if atoms.info.get("config_type") == ISOLATED]
    bulk = [atoms for atoms in structures if atoms.info.get("config_type") != ISOLATED]
    if len(free) != 1 or not bulk:
        raise FitError(f"training set: {len(free)} free atoms and {len(bulk)} other structures; it needs 1 and some")
    return free[0], bulk


def family_available(settings: Settings) -> str | None:
    """Return None when the family can be used here, else a message with the remedy; imports no package of ours.

    A family of the user's own is run up to the check of its options.
    """
    if isinstance(settings, PluginSettings):
        return _plugin_problem(settings)
    name = str(settings.model_dump()["family"])
    _, package, remedy = FAMILIES[name]
    if importlib.util.find_spec(package) is not None:
        return None
    return f"potentials: family {name!r} needs the Python package {package!r}, which is not installed here; {remedy}"


def _plugin_problem(settings: PluginSettings) -> str | None:
    if not Path(settings.file).is_file():
        return (
            f"potentials: there is no file {settings.file!r} of a family; paths are relative to the working directory"
        )
    try:
        _resolve(settings)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        return f"potentials: options of {settings.file}: {wrong}"
    except Exception as error:  # whatever a file that is not ours may raise
        return f"potentials: {settings.file} defines no family that can be used: {type(error).__name__}: {error}"
    return None


def load_family(name: str) -> Family[Any]:
    """Import and return a family.

    Raises:
        ValueError: unknown family.
        ImportError: its package is not installed.
    """
    if name not in FAMILIES:
        raise ValueError(f"unknown family of potentials {name!r}; choose from {', '.join(FAMILIES)}")
    return _family_of(importlib.import_module(FAMILIES[name][0]))


def load_plugin(path: Path) -> Family[Any]:
    """Run a Python file outside the package and return the family it defines.

    Raises:
        TypeError: it defines no ``FAMILY``.
    """
    spec = importlib.util.spec_from_file_location(f"entromax_plugin_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise TypeError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return _family_of(module)


def _family_of(module: ModuleType) -> Family[Any]:
    family = getattr(module, "FAMILY", None)
    if not isinstance(family, Family):
        raise TypeError(f"{module.__file__}: FAMILY is a {type(family).__name__}, not a Family")
    return family


def train_potential(
    train: str | Path,
    validation: str | Path,
    *,
    potential: str | Path,
    element: str,
    d_nn: float,
    settings: Settings,
    seed: int,
    threads: int = 1,
) -> dict[str, Any]:
    """Fit one potential and put it, all at once, into the folder ``potential``.

    Args:
        train: training set (extended XYZ, ``REF_`` keys, with the free atom).
        validation: validation set; may be empty.
        potential: output folder: the files of the model, the log of the fit, ``potential.json``.
        element: chemical symbol.
        d_nn: nearest-neighbour distance of the element [Å].
        settings: settings of the family.
        seed: of everything random in the fit.
        threads: processor cores.

    Returns:
        The contents of ``potential.json``.

    Raises:
        FitError: the fit failed.
        ImportError: the family's package is not installed.
    """
    message = family_available(settings)
    if message:
        raise ImportError(message)
    name = str(settings.model_dump()["family"])
    family, own = _resolve(settings)
    data = FitData(read_structures(train), read_structures(validation), element, d_nn, seed, threads)
    started = time.monotonic()
    with _atomic_folder(Path(potential)) as folder:
        facts = family.fit(data, own, folder)
        if isinstance(settings, PluginSettings):
            shutil.copy(settings.file, folder / PLUGIN)
        dump = settings.model_dump(mode="json")
        card = {
            "family": name,
            "element": element,
            "d_nn": d_nn,
            "settings": dump,
            "training_structures": len(data.train),
            "training_hash": hashlib.sha256(Path(train).read_bytes()).hexdigest()[:16],
            "fit_seconds": round(time.monotonic() - started, 2),
            "lammps": family.export(folder, element),
            "facts": facts,
            "provenance": provenance(config=config_hash(dump), seed=seed),
        }
        write_json(folder / CARD, card)
    logger.info("%s: %s fitted to %d structures in %.1f s", potential, name, len(data.train), card["fit_seconds"])
    return card


def load_potential(folder: str | Path) -> BaseCalculator:
    """Return a fitted potential as an ASE calculator.

    Raises:
        FileNotFoundError: there is no fitted potential in ``folder``.
    """
    card = Path(folder) / CARD
    if not card.is_file():
        raise FileNotFoundError(f"{folder}: holds no fitted potential (no {CARD}); run its train_potential job again")
    name = json.loads(card.read_text())["family"]
    family = load_plugin(Path(folder) / PLUGIN) if name == "plugin" else load_family(name)
    return family.load(Path(folder))


def _resolve(settings: Settings) -> tuple[Family[Any], Settings]:
    """Return the family that the settings name, and the settings in its own model."""
    if isinstance(settings, PluginSettings):
        family = load_plugin(Path(settings.file))
        return family, family.settings.model_validate(settings.options)
    return load_family(str(settings.model_dump()["family"])), settings


@contextmanager
def _atomic_folder(final: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``final`` that takes its place when the block ends without an error.

    A failed fit leaves its folder as ``<name>.failed``, for its log.
    """
    temporary, failed = (final.with_name(f"{final.name}.{kind}") for kind in (f"{os.getpid()}.tmp", "failed"))
    for stale in (temporary, failed):
        shutil.rmtree(stale, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
    except FitError as error:
        os.replace(temporary, failed)
        raise FitError(f"{error}; input and log of the fit: {failed}") from error
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if final.exists():
        shutil.rmtree(final)
    os.replace(temporary, final)
