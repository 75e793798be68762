"""A family of the user's own: a file, from anywhere, that defines ``FAMILY`` as the files beside this one do."""

import shutil
from pathlib import Path
from typing import Any, Literal

from ase.calculators.calculator import BaseCalculator
from pydantic import ValidationError

from entromax.config.models import PotentialSettings
from entromax.config.models.base import OwnFile
from entromax.potentials.base import Family, FitData
from entromax.registry import load_file

COPY = "plugin.py"
"""Copy of the file in the folder of a potential, which stays loadable there."""


class PluginSettings(OwnFile, PotentialSettings):
    """A family of your own: a Python file, from anywhere, that defines `FAMILY` (see docs/plugin.md)."""

    family: Literal["plugin"] = "plugin"


class PluginFamily(Family[PluginSettings]):
    """Stands for the family of a file, which does all the work."""

    name = "plugin"
    settings = PluginSettings
    citation = "a family of your own; cite its authors."

    def resolve(self, settings: PluginSettings) -> tuple[Family[Any], PotentialSettings]:
        """Run the file and check the options with its own model; see ``Family.resolve``."""
        family = _load(Path(settings.file))
        return family, family.settings.model_validate(settings.options)

    def has_error_bars(self, settings: PluginSettings) -> bool:
        """Tell whether the family of the file has error bars; one that cannot be used has none."""
        return self.problem(settings) is None and self.resolve(settings)[0].error_bars

    def problem(self, settings: PluginSettings) -> str | None:
        """Return what is wrong with the file, its options, or what the family needs; see ``Family.problem``."""
        if not Path(settings.file).is_file():
            return (
                f"potentials: there is no file {settings.file!r} of a family; paths are relative to the working "
                "directory"
            )
        try:
            family, own = self.resolve(settings)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            return f"potentials: options of {settings.file}: {wrong}"
        except Exception as error:  # whatever a file that is not ours may raise
            return f"potentials: {settings.file} defines no family that can be used: {type(error).__name__}: {error}"
        return family.problem(own)

    def fit(self, data: FitData, settings: PluginSettings, folder: Path) -> dict[str, Any]:
        """Fit with the family of the file, and keep a copy of it; see ``Family.fit``."""
        family, own = self.resolve(settings)
        shutil.copy(settings.file, folder / COPY)
        return family.fit(data, own, folder)

    def load(self, folder: Path) -> BaseCalculator:
        """Return the calculator that the copied file makes; see ``Family.load``."""
        return _load(folder / COPY).load(folder)

    def export(self, folder: Path, element: str) -> str | None:
        """Return the commands that the copied file knows; see ``Family.export``."""
        return _load(folder / COPY).export(folder, element)


def _load(path: Path) -> Family[Any]:
    family: Family[Any] = load_file(path, "FAMILY", Family)
    return family


FAMILY = PluginFamily()
