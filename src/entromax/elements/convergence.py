"""Cutoff and k-spacing at which differences of energy no longer change, by the engine's own test.

The cells are the ground state and two small ones of the shipped library, one compressed, which asks most of the cutoff,
and one expanded. What is asked for is the energy of the latter above the former: a constant is no error of a potential.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms

from entromax.config.load import ConfigError
from entromax.config.models import ReferenceSettings
from entromax.elements.labelling import Labeller
from entromax.elements.published import GroundState
from entromax.structures import crystal, library_structures, with_sid
from entromax.structures.geometry import reduced_volume

logger = logging.getLogger("entromax.elements")

CUTOFFS = (200.0, 250.0, 300.0, 350.0, 400.0, 500.0, 600.0, 700.0, 800.0, 1000.0, 1200.0, 1500.0)
"""[eV]; tried upwards."""
CUTOFF_KSPACING = 0.6
"""Mesh of the test of the cutoff [1/Å]: errors of cutoff and mesh hardly depend on each other."""
KSPACINGS = (0.4, 0.3, 0.25, 0.2)
"""[1/Å]; tried downwards."""
WINDOWS, ATOMS = ((0.65, 0.85), (1.0, 1.4)), (1, 2)
"""Cells of the library: their volumes, relative to that of the ground state, and how many atoms they may have."""


@dataclass
class Convergence:
    """What was measured on the way.

    Attributes:
        value: the one to use.
        reached: it meets the tolerance; False: it is the last that was tried.
        changes: (from, to, largest change of an energy difference [meV/atom]) of each step.
    """

    value: float
    reached: bool
    changes: list[tuple[float, float, float]] = field(default_factory=list)


def converge(
    values: Sequence[float],
    energies: Callable[[float], Sequence[float | None]],
    tolerance: float,
    *,
    take_finer: bool,
) -> Convergence:
    """Go through ``values`` until energy differences change by less than ``tolerance``.

    Args:
        values: of a setting, the coarsest first.
        energies: gives the energies of the same cells at a value [eV/atom]; they count from the first cell.
        tolerance: [meV/atom].
        take_finer: of the two values that agree take the finer one: for errors of either sign, as those of k-point
            meshes, where two values may agree by chance. Errors of a cutoff fall steadily.

    Raises:
        ConfigError: fewer than two cells have labels at two values in turn.
    """
    changes: list[tuple[float, float, float]] = []
    before, previous = np.array([]), values[0]
    for value in values:
        absolute = np.array([np.nan if energy is None else energy for energy in energies(value)])
        now = 1000 * (absolute[1:] - absolute[0])
        if before.size:
            change = np.abs(now - before)
            if not np.isfinite(change).any():
                raise ConfigError(f"the cells have no labels at both {previous:g} and {value:g}; choose another engine")
            changes.append((previous, value, float(np.nanmax(change))))
            logger.info("%g -> %g: energy differences change by %.1f meV/atom", *changes[-1])
            if changes[-1][-1] < tolerance:
                return Convergence(value if take_finer else previous, True, changes)
        before, previous = now, value
    return Convergence(values[-1], False, changes)


def trial_cells(start: GroundState, symbol: str, d_nn: float) -> list[Atoms]:
    """Return the ground state, and the first small cell of the library in each of ``WINDOWS``."""
    ground = with_sid(crystal(start.crystal, symbol, start.volume, start.c_over_a, start.u))
    ground.info |= {"element": symbol, "config_type": start.crystal, "library_sid": ""}
    own = reduced_volume(ground) / d_nn**3
    windows = [(low * own, high * own) for low, high in WINDOWS]
    return [ground, *(library_structures(symbol, d_nn, volume=w, atoms=ATOMS, number=1)[0] for w in windows)]


def cutoff(cells: Sequence[Atoms], labeller: Labeller, reference: ReferenceSettings, tolerance: float) -> Convergence:
    """Return the plane-wave cutoff [eV] for a tolerance [meV/atom]."""

    def energies(value: float) -> list[float | None]:
        logger.info("cutoff %g eV", value)
        return labeller.energies(cells, reference.model_copy(update={"ecut": value, "kspacing": CUTOFF_KSPACING}))

    return converge(CUTOFFS, energies, tolerance, take_finer=False)


def kspacing(cells: Sequence[Atoms], labeller: Labeller, reference: ReferenceSettings, tolerance: float) -> Convergence:
    """Return the k-point spacing [1/Å] for a tolerance [meV/atom], at the cutoff of ``reference``."""

    def energies(value: float) -> list[float | None]:
        logger.info("k-spacing %g 1/Å", value)
        return labeller.energies(cells, reference.model_copy(update={"kspacing": value}))

    return converge(KSPACINGS, energies, tolerance, take_finer=True)
