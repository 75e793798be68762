"""A device without numbers: what asks it for one fails, as it would stop a GPU."""

from dataclasses import is_dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

STOPS = (
    "_linalg_check_errors",
    "_linalg_eigh",
    "_linalg_svd",
    "_local_scalar_dense",
    "_to_copy",
    "_unique2",
    "bincount",
    "equal",
    "is_nonzero",
    "linalg_lstsq",
    "masked_select",
    "nonzero",
    "repeat_interleave",
    "unique_dim",
)
"""Operators for which CUDA waits: the host has to know a number, a size or whether a factorisation went well.
``_to_copy`` only when it goes to another device."""


class NoTransfer(TorchDispatchMode):
    """Raise at every operator that would make the host wait for a GPU; tensors live on the meta device.

    Meta tensors have shapes but no numbers, so ``item``, ``tolist``, ``numpy``, boolean masks and mixing with tensors
    of the CPU fail by themselves. The list above holds what goes unnoticed there.
    """

    def __init__(self) -> None:
        """Start with nothing counted."""
        super().__init__()
        self.operators = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count, and refuse what stops."""
        self.operators += 1
        name = func.overloadpacket.__name__
        target = (kwargs or {}).get("device")
        stays = name == "_to_copy" and (target is None or torch.device(target).type == args[0].device.type)
        if name in STOPS and not stays:
            raise RuntimeError(f"{name}: the host would wait for the device here")
        return func(*args, **(kwargs or {}))


def moved(value: Any, device: torch.device, memo: dict[int, Any] | None = None) -> Any:
    """Return an object of the optimiser with all its tensors on another device; equal tensors stay equal."""
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)][1]
    result: Any = value
    if isinstance(value, torch.Tensor):
        result = value.detach().to(device)
    elif isinstance(value, torch.device):
        result = device
    elif isinstance(value, WeakTensorKeyDictionary):
        result = WeakTensorKeyDictionary()
        for key, item in value.items():
            result[moved(key, device, memo)] = moved(item, device, memo)
    elif isinstance(value, list | tuple):
        result = type(value)(moved(item, device, memo) for item in value)
    elif isinstance(value, dict):
        result = {key: moved(item, device, memo) for key, item in value.items()}
    elif is_dataclass(value) or type(value).__module__.startswith(("entromax.entropy", "entromax.features")):
        result = object.__new__(type(value))
        for key, item in vars(value).items():
            object.__setattr__(result, key, moved(item, device, memo))
    memo[id(value)] = (value, result)
    return result
