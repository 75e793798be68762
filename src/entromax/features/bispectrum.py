"""SNAP bispectrum components, batched, with an analytic adjoint gradient.

Definition (Bartok et al., Phys. Rev. B 81, 184117 (2010); Thompson et al., J. Comput. Phys. 285, 316 (2015); equal to
LAMMPS `compute sna/atom` with one species of weight 1, rmin0 0, switchflag 1, bzeroflag 0, wselfallflag 0). A neighbour
at r is mapped onto the unit quaternion q with angle theta = rfac0 pi r / r_c,

    q = (cos theta, sin theta r/|r|),     a = cos theta - i sin theta z/|r|,     b = sin theta (y - i x)/|r|,

and weighted with f_c = (cos(pi r / r_c) + 1) / 2; the atom itself counts as q = 1 with weight 1. With U^(j) the sum
of the Wigner matrices of all q, B_{j1 j2 j} = U^(j1) x U^(j2) : U^(j)*, coupled by Clebsch-Gordan coefficients on
both indices.

How it is computed. Two Clebsch-Gordan coefficients are the integral of three Wigner functions over SU(2), so

    B_{j1 j2 j} = (j + 1) integral f_{j1}(g) f_{j2}(g) f_j(g) dg,      f_j(g) = sum_neighbours f_c C_j(g . q),

C_j the Chebyshev polynomial of the second kind, j = 0 .. 2J: a triple correlation of the band-limited neighbour
density on the 3-sphere. Three steps of dense linear algebra, without recursions over angular momenta:

1. moments M = sum f_c left(q) right(q)^T per atom and from them the harmonics coefficients x
   (`hypersphere.MomentBasis`);
2. f_j = x E_j on the points of an exact quadrature rule of degree j1 + j2 + j (smaller rules for smaller degrees);
3. sums of products of three f over the points.

The gradient runs the same steps backwards once for a given dE/dB: its cost is about twice that of the values and does
not grow with the number of components asked for. Everything is recomputed in the backward pass except x, so memory is
bounded by one chunk of atoms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from entromax.config.models import FeatureSettings
from entromax.features.base import FeatureSet

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class BispectrumSettings(FeatureSettings):
    """Bispectrum components of SNAP, equal to those of LAMMPS."""

    name: Literal["bispectrum"] = "bispectrum"
    twojmax: int = Field(8, ge=2, le=10, description="twice the largest angular momentum")
    rfac0: float = Field(0.99363, gt=0, lt=1, description="fraction of pi that the cutoff maps to")


class Bispectrum:
    """SNAP bispectrum components in the order of LAMMPS (module docstring).

    Attributes:
        dim: Number of components: 5, 14, 30, 55 and 91 for twojmax 2, 4, 6, 8 and 10.
        cutoff: Radius r_c, units of d_nn.
        triples: (j1, j2, j) of every component, doubled angular momenta.
    """

    def __init__(
        self,
        cutoff: float,
        twojmax: int = 8,
        rfac0: float = 0.99363,
        dtype: torch.dtype | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepare the constant matrices.

        Args:
            cutoff: Radius r_c, units of d_nn.
            twojmax: Twice the largest angular momentum.
            rfac0: Fraction of pi that the cutoff is mapped to.
            dtype: float64, also where none is given, or float32.
            device: Where to compute.
        """
        import torch
        from torch.utils.weak import WeakTensorKeyDictionary

        from entromax.features.moments import PairMoments
        from entromax.features.triple import TripleCorrelation

        self.cutoff = cutoff
        self.dtype = dtype or torch.float64
        self.device = torch.device(device)
        self.triples = bispectrum_triples(twojmax)
        self.dim = len(self.triples)
        self._moments = PairMoments(cutoff, twojmax, rfac0, self.dtype, self.device)
        self._correlation = TripleCorrelation(self._moments.basis, self.triples, self.dtype, self.device)
        self._layouts: Any = WeakTensorKeyDictionary()  # of centres that come again, step after step

    def fuse(self) -> bool:
        """Use kernels compiled for this machine from now on; return whether there are any."""
        return self._correlation.fuse()

    def __call__(self, vectors: Tensor, centre: Tensor, n_atoms: int) -> Tensor:
        """Components [n_atoms, dim], differentiable once in `vectors` [P, 3]; see `Features`."""
        from entromax.features.adjoint import Adjoint
        from entromax.features.moments import arrange

        known = self._layouts.get(centre)
        if known is None or known[0] != n_atoms:
            self._layouts[centre] = known = (n_atoms, arrange(centre, n_atoms))
        result: Tensor = Adjoint.apply(vectors.to(self.dtype), known[1], n_atoms, self._moments, self._correlation)
        return result


def bispectrum_triples(twojmax: int) -> np.ndarray:
    """Doubled angular momenta (j1, j2, j) [dim, 3] of the distinct components, j2 <= j1 <= j, in LAMMPS order."""
    return np.array(
        [
            (j1, j2, j)
            for j1 in range(twojmax + 1)
            for j2 in range(j1 + 1)
            for j in range(j1 - j2, min(twojmax, j1 + j2) + 1, 2)
            if j >= j1
        ]
    )


class BispectrumSet(FeatureSet[BispectrumSettings]):
    """The bispectrum for the registry."""

    name = "bispectrum"
    settings = BispectrumSettings
    citation = (
        "A. P. Bartók et al., Phys. Rev. B 81, 184117 (2010); A. P. Thompson et al., J. Comput. Phys. 285, 316 (2015)."
    )

    def build(self, settings: BispectrumSettings, dtype: torch.dtype, device: torch.device) -> Bispectrum:
        """Return the features that the settings describe; see ``FeatureSet.build``."""
        return Bispectrum(settings.cutoff, settings.twojmax, settings.rfac0, dtype, device)


FEATURES = BispectrumSet()
