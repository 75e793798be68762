"""An engine of the user's own: a file, from anywhere, that defines ``ENGINE`` as the files beside this one do."""

import hashlib
from pathlib import Path
from typing import Any, Literal

from ase import Atoms
from pydantic import ValidationError

from entromax.config.models import ReferenceSettings
from entromax.config.models.base import OwnFile
from entromax.labels.engines.base import Engine, Label
from entromax.registry import load_file


class PluginSettings(OwnFile, ReferenceSettings):
    """An engine of your own: a Python file, from anywhere, that defines `ENGINE` (see docs/plugin.md)."""

    engine: Literal["plugin"] = "plugin"

    def describe(self) -> str:
        """Return the engine and its settings in one phrase, its own where the file is at hand."""
        path = Path(self.file)
        return ENGINE.resolve(self)[1].describe() if path.is_file() else path.name


class PluginEngine(Engine[PluginSettings]):
    """Stands for the engine of a file, which does all the work."""

    name = "plugin"
    settings = PluginSettings
    citation = "an engine of your own; cite its authors."

    def resolve(self, settings: PluginSettings) -> tuple[Engine[Any], ReferenceSettings]:
        """Run the file and check the options with its own model; see ``Engine.resolve``."""
        engine: Engine[Any] = load_file(settings.file, "ENGINE", Engine)
        return engine, engine.settings.model_validate(settings.options)

    def problem(self, settings: PluginSettings) -> str | None:
        """Return what is wrong with the file, its options, or what the engine needs; see ``Engine.problem``."""
        if not Path(settings.file).is_file():
            return (
                f"reference.file: there is no file {settings.file!r} of an engine; paths are relative to the working "
                "directory"
            )
        try:
            engine, own = self.resolve(settings)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            return f"reference.options: of {settings.file}: {wrong}"
        except Exception as error:  # whatever a file that is not ours may raise
            return f"reference.file: {settings.file} defines no engine to use: {type(error).__name__}: {error}"
        return engine.problem(own)

    def physics(self, settings: PluginSettings) -> dict[str, Any]:
        """Return the physics of the options and the content of the file; see ``Engine.physics``."""
        engine, own = self.resolve(settings)
        content = hashlib.sha256(Path(settings.file).read_bytes()).hexdigest()
        return {"engine": "plugin", "file": content, "options": engine.physics(own)}

    def label(self, atoms: Atoms, settings: PluginSettings, rung: int, text: Path) -> Label:
        """Label one structure with the engine of the file; see ``Engine.label``."""
        engine, own = self.resolve(settings)
        return engine.label(atoms, own, rung, text)


ENGINE = PluginEngine()
