"""What the covariance does not see: atoms of one structure that end in one and the same environment.

1/2 ln det S is the entropy of a Gaussian, and the best Gaussian design repeats a few extreme points: left alone, cells
of three to six random atoms run into symmetric crystals, all of whose atoms count but only one of which says something.
The entropy of any distribution with second moments S is 1/2 ln det S plus that of the whitened rows z = S^(-1/2) y, and
the second part is what a kernel estimate sees (as in QUESTS, Gaussian, of width b):

    L = - sum_i ln sum_j exp(-|z_i - z_j|^2 / 2 b^2),        j over the atoms of the structure of i.

Whitened environments are on average sqrt(2 D) apart (10 for 55 features); pairs closer than b are near duplicates.
"""

import torch
from torch import Tensor

WIDTH = 2.0
"""Width b of the kernel, in standard deviations of the dataset."""


def repulsion(
    z: Tensor, system: Tensor, sizes: Tensor, width: float = WIDTH, largest: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return L and dL/dz.

    Args:
        z: [N, D] whitened rows, sorted by structure.
        system: [N] long, structure of every row.
        sizes: [S] rows per structure.
        width: of the kernel.
        largest: rows of the largest structure; asked from the device when omitted.

    Returns:
        L of every structure [S], at most 0 and 0 when no two rows are near, and its gradient [N, D].
    """
    place = torch.arange(len(z), device=z.device) - (torch.cumsum(sizes, 0) - sizes)[system]
    largest = int(sizes.max()) if largest is None else largest
    padded = z.new_zeros(len(sizes), largest, z.shape[1]).index_put((system, place), z)
    real = (torch.arange(largest, device=z.device)[None] < sizes[:, None]).to(z.dtype)
    squares = (padded * padded).sum(dim=2)
    distances = squares[:, :, None] + squares[:, None, :] - 2 * padded @ padded.transpose(1, 2)
    kernel = torch.exp(-distances.clamp(min=0) / (2 * width**2)) * real[:, :, None] * real[:, None, :]
    density = kernel.sum(dim=2).clamp(min=1e-300)
    pull = kernel / density[:, :, None] + kernel / density[:, None, :]
    gradient = (pull.sum(dim=2, keepdim=True) * padded - pull @ padded) / width**2
    return -(torch.log(density) * real).sum(dim=1), gradient[system, place]
