"""One shape of registry for all that can be added to: engines, feature sets, families, properties, export formats.

A new one of them is one file in the folder of its kind. The file defines one object under the constant of the kind,
``ENGINE = MyEngine()``, and the name of the file is the name in the configuration. Nothing is listed by hand: names are
read from the folder, and a module is imported when its entry is first asked for. So the Snakefile, which every job
parses, imports only what its campaign names. Packages that are slow to import belong inside the functions that use
them.
"""

import importlib
import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

ROOT = Path(__file__).parent


class UnknownEntryError(KeyError, ValueError):
    """There is no entry of this name."""

    def __str__(self) -> str:
        return str(self.args[0])


class Entry:
    """What config, documentation and report want to know of everything in a registry.

    Attributes:
        name: name in the configuration, which is that of the file.
        citation: what the report asks to cite, with what a reader must know of it (licence, not DFT); may be empty.
        licence: licence of the code behind it, where that is not ours.
        requires: Python package that must be installed; empty for those that entromax itself depends on.
        remedy: what a user does when it is missing.
    """

    name: ClassVar[str]
    citation: ClassVar[str] = ""
    licence: ClassVar[str] = ""
    requires: ClassVar[str] = ""
    remedy: ClassVar[str] = ""

    def facts(self) -> list[str]:
        """Return what a user should know beside the settings, one phrase each, for the documentation."""
        facts = [f"needs the package `{self.requires}`"] if self.requires else []
        return [*facts, f"licence: {self.licence}"] if self.licence else facts

    def missing_package(self) -> str | None:
        """Return the package that is needed and not installed, or None; imports nothing."""
        return self.requires if self.requires and importlib.util.find_spec(self.requires) is None else None


@dataclass(frozen=True)
class Registry(Mapping[str, Any]):
    """The entries of one kind by name: a mapping whose keys cost a look into a folder, whose values an import.

    Attributes:
        key: key of the configuration that chooses one, such as ``engine``.
        package: package whose modules are searched.
        constant: name under which a module defines its entry.
    """

    key: str
    package: str
    constant: str

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all entries, in alphabetical order."""
        folder = ROOT.joinpath(*self.package.split(".")[1:])
        defines = re.compile(rf"^{self.constant}\b[^=\n]*= ", re.MULTILINE)
        return tuple(sorted(path.stem for path in folder.glob("*.py") if defines.search(path.read_text("utf-8"))))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __hash__(self) -> int:
        return hash(self.package)

    def __getitem__(self, name: str) -> Any:
        """Import and return an entry.

        Raises:
            UnknownEntryError: there is none of this name; the message lists those there are.
            TypeError: the module does not keep the promise of an entry.
        """
        if name not in self.names:
            raise UnknownEntryError(f"{self.key}: {name!r} is unknown; choose from {', '.join(self.names)}")
        entry = entry_of(importlib.import_module(f"{self.package}.{name}"), self.constant, Entry)
        if entry.name != name:
            raise TypeError(f"{self.package}.{name}: {self.constant}.name is {entry.name!r}; it must be {name!r}")
        return entry


def entry_of(module: ModuleType, constant: str, kind: type[Any]) -> Any:
    """Return what a module defines under ``constant``.

    Raises:
        TypeError: it is not of the kind.
    """
    entry = getattr(module, constant, None)
    if not isinstance(entry, kind):
        raise TypeError(f"{module.__file__}: {constant} is a {type(entry).__name__}, not a {kind.__name__}")
    return entry


def load_file(path: str | Path, constant: str, kind: type[Any]) -> Any:
    """Run a Python file outside the package, once for every version of it, and return what ``constant`` is there.

    Raises:
        TypeError: it is no Python file, or defines no such thing.
        Exception: whatever the file raises.
    """
    return entry_of(_run_file(str(path), Path(path).stat().st_mtime_ns), constant, kind)


@cache
def _run_file(path: str, version: int) -> ModuleType:
    """Return the module that a file makes; ``version`` changes with the file."""
    spec = importlib.util.spec_from_file_location(f"entromax_plugin_{Path(path).stem}", path)
    if spec is None or spec.loader is None:
        raise TypeError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ENGINES = Registry("engine", "entromax.labels.engines", "ENGINE")
FEATURES = Registry("name", "entromax.features", "FEATURES")
FAMILIES = Registry("family", "entromax.potentials", "FAMILY")
PROPERTIES = Registry("property", "entromax.validation.properties", "PROPERTY")
FORMATS = Registry("format", "entromax.dataset.formats", "FORMAT")
