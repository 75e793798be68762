"""The engines: one file each, with its settings, its ``ENGINE`` (see ``base.Engine``) and all that is known of it.

Here is what the jobs ask of the engine that settings are for, a plug-in or one of ours.
"""

import hashlib
import importlib
import json
from typing import Any, Literal

from entromax.config.models import ReferenceSettings
from entromax.labels.engines.base import Engine
from entromax.registry import ENGINES
from entromax.runtime import package_version

VersionPolicy = Literal["ignore", "major", "exact"]


def resolve(settings: ReferenceSettings) -> tuple[Engine[Any], ReferenceSettings]:
    """Return the engine that ``settings`` are for, and the settings in its own model.

    Raises:
        ValueError: no such engine, or options of a plug-in that its own model refuses.
        TypeError: the file of a plug-in defines no engine.
    """
    engine: Engine[Any] = ENGINES[settings.engine]
    return engine.resolve(settings)


def load_engine(settings: ReferenceSettings) -> Engine[Any]:
    """Return the engine that ``settings`` are for; see :func:`resolve`."""
    return resolve(settings)[0]


def preload(settings: ReferenceSettings) -> None:
    """Import all that the engine needs to run.

    Raises:
        ImportError: it is not installed.
    """
    for module in load_engine(settings).preload:
        importlib.import_module(module)


def engine_available(settings: ReferenceSettings) -> str | None:
    """Return None when the engine can run here, else a message that says what to do; starts nothing."""
    engine: Engine[Any] = ENGINES[settings.engine]
    return engine.problem(settings)


def engine_version(settings: ReferenceSettings) -> str:
    """Return name and version of the engine, such as ``gpaw 26.7.0``, without importing or starting it.

    A program outside Python tells its version only in its output: that one stands in the ``info`` of each label, and
    here the version of the package that drives it, ``qe by ase 3.29.0``.
    """
    engine, own = resolve(settings)
    version = f"{engine.distribution} {package_version(engine.distribution)}"
    return f"{engine.name} by {version}" if hasattr(own, "command") else version


def numerical_settings(settings: ReferenceSettings) -> dict[str, Any]:
    """Return the settings that are no part of the physics: a failure met with others of them is worth another try."""
    engine, own = resolve(settings)
    return own.model_dump(mode="json", include=set(engine.numerical))


def physics_hash(settings: ReferenceSettings, version: VersionPolicy = "ignore") -> str:
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
    physics = ENGINES[settings.engine].physics(settings)
    if version != "ignore":
        full = package_version(load_engine(settings).distribution)
        physics["version"] = full.split(".")[0] if version == "major" else full
    digest = hashlib.sha256(json.dumps(physics, sort_keys=True).encode()).hexdigest()
    # A leading letter keeps the hash a string wherever it is read back (extended XYZ turns 12e45 into a number).
    return "abcdef"[int(digest[0], 16) % 6] + digest[1:12]
