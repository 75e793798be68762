"""The lowest E(V) that any reference crystal has: what the height of a structure counts from."""

from collections.abc import Sequence

import numpy as np

from entromax.validation.eos import Fit, birch_murnaghan

SECOND_ORDER = 4.0
"""B' outside of the fitted volumes: that of a fit to few points may make the curve fall where it is extrapolated."""


def lower_envelope(volumes: np.ndarray, fits: Sequence[Fit]) -> np.ndarray:
    """Return the lowest energy of all crystals at each volume.

    The curves are of second order (Birch 1947; B' = 4), which never fall away from their minimum.

    Args:
        volumes: [Å^3/atom].
        fits: of the crystals, those without a minimum left out.

    Returns:
        [eV/atom], on the scale of the fits; NaN without any fit.
    """
    curves = [
        birch_murnaghan(volumes, fit.energy, fit.volume, fit.bulk_modulus, SECOND_ORDER)
        for fit in fits
        if fit.energy is not None and fit.volume is not None and fit.bulk_modulus is not None
    ]
    return np.min(curves, axis=0) if curves else np.full(len(volumes), np.nan)
