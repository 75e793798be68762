"""An engine that does to its process what engines do: each structure says in ``info["behave"]`` what happens."""

import os
import signal
import time
from pathlib import Path
from typing import Literal

import numpy as np
from ase import Atoms

from entromax.config.models import ReferenceSettings
from entromax.labels.engines.base import Engine, EngineUnavailableError, Label, Rung, UnconvergedError
from entromax.labels.engines.plugin import PluginSettings


class HostileSettings(ReferenceSettings):
    engine: Literal["hostile"] = "hostile"
    calls: str = ""
    seconds: float = 0.0


class HostileEngine(Engine[HostileSettings]):
    name = "hostile"
    settings = HostileSettings
    rungs = (Rung("default"), Rung("careful", "slower"), Rung("wide", "other width", changed_physics=True))

    def label(self, atoms: Atoms, settings: HostileSettings, rung: int, text: Path) -> Label:
        if settings.calls:
            with open(settings.calls, "a") as calls:
                calls.write(f"{atoms.info['sid']}\n")
        print("the engine says hello", flush=True)
        time.sleep(settings.seconds)
        behave = atoms.info.get("behave", "")
        if behave == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if behave == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if behave == "killed once" and Path(settings.calls).read_text().count(atoms.info["sid"]) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if behave == "exit":
            os._exit(7)
        if behave == "raise":
            raise np.linalg.LinAlgError("singular overlap")
        if behave == "hang":
            time.sleep(100)
        if behave == "unconverged" or (behave.startswith("rung") and rung < int(behave[-1])):
            raise UnconvergedError("no self-consistency")
        if behave == "unavailable":
            raise EngineUnavailableError("no set-up for this element")
        force = float(atoms.info.get("force", 0.0))
        energy = float("nan") if behave == "nan" else -3.0 * len(atoms)
        return Label(energy, np.full((len(atoms), 3), force / 3**0.5), np.zeros(6), iterations=5)


ENGINE = HostileEngine()


def hostile(**options: object) -> PluginSettings:
    """Return settings that name this file, a plug-in as an engine of a user's own would be."""
    return PluginSettings(file=__file__, options=options)
