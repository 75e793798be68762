"""Element-wise work in one pass: functions compiled once for a machine by torch's own compiler, then only loaded.

Written in torch operation by operation, products over the quadrature points go through memory dozens of times. The
compiler of torch (Inductor: C++ on a CPU, Triton on a GPU) makes one loop of them. Compiling takes about half a minute,
so the result is kept in a folder of the user and loaded in milliseconds afterwards; `torch.compile` would trace anew in
every process, which costs as much as a small batch.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from entromax.runtime import atomic_path

logger = logging.getLogger("entromax.features")

Compiled = Callable[[list[Tensor]], list[Tensor]]


def fused(function: torch.nn.Module, example: Sequence[Tensor], name: str) -> Compiled | None:
    """Return a function compiled for this machine, or None, with a warning, where that is not possible.

    Args:
        function: takes tensors, returns a tuple of tensors; nothing in it depends on the numbers in them.
        example: arguments; the second dimension of all is free, the others are fixed.
        name: what all that is baked into the function is told apart by, version of its code included.
    """
    path = cache_folder() / f"{name}-{_machine(example[0])}.pt2"
    try:
        if not path.exists():
            _compile(function, example, path)
        runner: Any = torch._C._aoti.AOTIModelPackageLoader(str(path), "model", False, 1, -1)
    except Exception as error:  # no compiler, no room, another torch: all of them leave the plain way
        reason = str(error).strip().splitlines()
        logger.warning("features run uncompiled, about half as fast: %s", reason[0] if reason else type(error).__name__)
        return None
    return lambda arguments: runner.run(arguments)


def cache_folder() -> Path:
    """Return where compiled functions are kept: ``ENTROMAX_CACHE``, or entromax in the cache folder of the user."""
    if folder := os.environ.get("ENTROMAX_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "entromax"


def _compile(function: torch.nn.Module, example: Sequence[Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    logger.info("compiling features for this machine, once: %s", path)
    rows = torch.export.Dim("rows", min=2, max=1 << 20)
    program = torch.export.export(function, tuple(example), dynamic_shapes={"arguments": ({1: rows},) * len(example)})
    with atomic_path(path) as temporary:  # jobs that start together may all come by here
        torch._inductor.aoti_compile_and_package(
            program, package_path=str(temporary), inductor_configs={"cpp.dynamic_threads": True}
        )


def _machine(like: Tensor) -> str:
    """Return 12 hex digits for all that makes compiled code differ: torch, processor or GPU, precision."""
    parts = [torch.__version__, platform.machine(), str(like.dtype), _processor()]
    if like.is_cuda:
        parts += [torch.cuda.get_device_name(like.device), str(torch.version.cuda)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _processor() -> str:
    """Return the instruction sets; compiled code may use all of them, and a home folder may serve several machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
