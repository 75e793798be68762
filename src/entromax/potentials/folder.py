"""Folders that are whole or not there: a fit that is killed leaves no half of a potential."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from entromax.potentials.base import FitError


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
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
