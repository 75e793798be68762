"""A feature set of your own: radial symmetry functions, in one file.

Put it into src/entromax/features/ of your copy of entromax, and write `library: {features: {name: radial}}`.
"""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from entromax.config.models import FeatureSettings
from entromax.features.base import FeatureSet

if TYPE_CHECKING:  # torch is slow to import, and the Snakefile reads the settings below at every parse
    import torch
    from torch import Tensor


class RadialSettings(FeatureSettings):
    """Radial symmetry functions: how many neighbours there are at which distance, without any angles."""

    name: Literal["radial"] = "radial"
    functions: int = Field(12, ge=2, le=64, description="Gaussians, evenly placed from 0.5 d_nn to the cutoff")
    width: float = Field(0.15, gt=0.01, le=1, description="width of the Gaussians [d_nn]")


class Radial:
    """G_k = sum over neighbours of exp(-(r - r_k)^2 / 2 w^2) f_c(r), with f_c = cos^4(pi r / 2 r_c)."""

    def __init__(self, settings: RadialSettings, dtype: torch.dtype, device: torch.device) -> None:
        import torch

        self.dim, self.cutoff, self.dtype, self.device = settings.functions, settings.cutoff, dtype, device
        self.width = settings.width
        self.centres = torch.linspace(0.5, settings.cutoff, settings.functions, dtype=dtype, device=device)

    def __call__(self, vectors: Tensor, centre: Tensor, n_atoms: int) -> Tensor:
        """Return the values [n_atoms, dim] for pair vectors [P, 3] in units of d_nn; torch finds the gradient."""
        import torch

        distance = torch.linalg.vector_norm(vectors.to(self.dtype), dim=1)
        inside = distance < self.cutoff
        distance, centre = distance[inside], centre[inside]
        damping = torch.cos(pi / 2 * distance / self.cutoff) ** 4
        terms = torch.exp(-((distance[:, None] - self.centres) ** 2) / (2 * self.width**2)) * damping[:, None]
        return torch.zeros(n_atoms, self.dim, dtype=self.dtype, device=self.device).index_add(0, centre, terms)


class RadialSet(FeatureSet[RadialSettings]):
    """Radial symmetry functions for the registry."""

    name = "radial"
    settings = RadialSettings
    citation = "J. Behler and M. Parrinello, Phys. Rev. Lett. 98, 146401 (2007)."

    def build(self, settings: RadialSettings, dtype: torch.dtype, device: torch.device) -> Radial:
        """Return the features that the settings describe."""
        return Radial(settings, dtype, device)


FEATURES = RadialSet()
