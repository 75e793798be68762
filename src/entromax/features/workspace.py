"""Scratch memory that is reused from chunk to chunk."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor


class Workspace:
    """Named scratch arrays. Fresh arrays of some megabytes cost more (page faults) than the arithmetic done in them."""

    def __init__(self, like: Tensor) -> None:
        """Start empty, with the precision and device of `like`."""
        self._like = like
        self._arrays: dict[str, Tensor] = {}

    def take(self, name: str, *shape: int) -> Tensor:
        """Contiguous array of this shape with undefined content; what was taken under this name before is lost."""
        size = prod(shape)
        array = self._arrays.get(name)
        if array is None or array.numel() < size:
            array = torch.empty(size, dtype=self._like.dtype, device=self._like.device)
            self._arrays[name] = array
        return array[:size].view(shape)


def chunk_size(sizes: dict[str, int], device: torch.device) -> int:
    """Return the number of rows handled at once on a device of this type."""
    return sizes.get(device.type, sizes["cpu"])
