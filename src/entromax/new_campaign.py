"""A campaign in a folder of its own: the files of the workflow, copied from the checkout or the installed wheel."""

import shutil
from pathlib import Path

from entromax.config.load import ConfigError
from entromax.layout import WORKFLOW_FILES

PARTS = ("config", "data", "envs/entromax.yaml", "profiles", "scripts", "workflow")
"""What Snakemake reads; pyproject.toml puts the same into the wheel."""


def init_campaign(folder: Path) -> None:
    """Copy the files of the workflow into a folder that is new or empty.

    Raises:
        ConfigError: the folder holds something, is a file, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigError(f"{folder}: is not empty; name a new folder")
        for part in PARTS:
            source, copy = WORKFLOW_FILES / part, folder / part
            copy.parent.mkdir(exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written ({error.strerror}); name another folder") from error
