"""What is published of an element and comes with ASE: its ground state, volume and shape."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.collections import dcdft
from ase.data import atomic_numbers, reference_states

from entromax.config.elements import CRYSTALS, ELEMENTS
from entromax.config.load import ConfigError
from entromax.validation.references import ground_state_crystal

WIEN2K = "WIEN2k, PBE (Delta project, ase.collections.dcdft)"
SHAPE = "structure of the Delta project (ase.collections.dcdft)"
EXPERIMENT = "crystal at room temperature (ase.data.reference_states), volume by the engine"
CUBIC_ATOMS = {"fcc": 4, "bcc": 2, "sc": 1, "diamond": 8}
"""Atoms in the cubic cell whose edge is the lattice constant."""
MISNAMED = {"La": "double hcp"}
"""Ground states for which the table has the name of another crystal."""
OPEN_4F = range(58, 70)
"""Ce to Tm: an open 4f shell, magnetic whatever the tables say."""


@dataclass(frozen=True)
class GroundState:
    """Where the search begins, and what is taken over.

    Attributes:
        crystal: structure type.
        volume: [Å^3/atom].
        c_over_a, u: shape, where the crystal has one; None: as in ``structures.crystals``.
        source: of the volume.
        all_electron: the volume is an all-electron one of this crystal; otherwise the engine's own replaces it.
    """

    crystal: str
    volume: float
    c_over_a: float | None = None
    u: float | None = None
    source: str = WIEN2K
    all_electron: bool = True


def ground_state(symbol: str, crystal: str | None = None) -> GroundState:
    """Return the published ground state of an element.

    Args:
        symbol: chemical symbol.
        crystal: structure type to take instead of the published one; the volume then only begins the search.

    Raises:
        ConfigError: no such element, a magnetic one, or nothing is published that entromax can build.
    """
    if symbol not in ELEMENTS:
        raise ConfigError(f"element: {symbol!r} is not a chemical element; write a symbol such as Si or Ti")
    _refuse_magnetism(symbol)
    if crystal is not None:
        return _chosen(symbol, crystal)
    known = ground_state_crystal(symbol)
    if known is not None:
        c_over_a, u = _shape(known, dcdft[symbol])
        return GroundState(known, float(dcdft.data[symbol]["wien2k_volume"]), c_over_a, u)
    symmetry = str(_state(symbol).get("symmetry", "unknown"))
    volume = _some_volume(symbol)
    if symmetry in CUBIC_ATOMS and volume is not None:
        return GroundState(symmetry, volume, source=EXPERIMENT, all_electron=False)
    remedy = f"name one to stand in for it: --ground-state {'|'.join(CRYSTALS)}"
    if volume is None:
        remedy = f"no volume is published to begin with; write config/elements/{symbol}.yaml by hand, with fcc, say"
    raise ConfigError(
        f"{symbol}: its ground state ({MISNAMED.get(symbol, symmetry)}) is none that entromax builds; {remedy}"
    )


def magnetic_moment(symbol: str) -> float:
    """Return the largest published moment of an atom in the ground state [Bohr magnetons]; 0 where none is known."""
    moments = [float(_state(symbol).get("magmom_per_atom", 0.0))]
    if symbol in dcdft.names:
        moments += np.abs(dcdft[symbol].get_initial_magnetic_moments()).tolist()
    return max(moments)


def _refuse_magnetism(symbol: str) -> None:
    moment = magnetic_moment(symbol)
    if moment == 0 and atomic_numbers[symbol] not in OPEN_4F:
        return
    how = f"{moment:g} Bohr magnetons an atom" if moment else "open 4f shell"
    raise ConfigError(
        f"{symbol}: its ground state is magnetic ({how}), and its curves need a ladder of starting moments, which "
        f"entromax has not; write config/elements/{symbol}.yaml by hand, with `spin: true` below reference"
    )


def _chosen(symbol: str, crystal: str) -> GroundState:
    volume = _some_volume(symbol)
    if volume is None:
        raise ConfigError(
            f"{symbol}: no volume is published to begin with; write config/elements/{symbol}.yaml by hand"
        )
    return GroundState(crystal, volume, source="chosen by hand", all_electron=False)


def _state(symbol: str) -> dict[str, Any]:
    return dict(reference_states[atomic_numbers[symbol]] or {})


def _some_volume(symbol: str) -> float | None:
    """Return a published volume of the element in any crystal, to begin a search [Å^3/atom]; None: there is none."""
    if symbol in dcdft.names:
        return float(dcdft.data[symbol]["wien2k_volume"])
    state = _state(symbol)
    if state.get("symmetry") not in CUBIC_ATOMS:
        return None
    return float(state["a"] ** 3 / CUBIC_ATOMS[str(state["symmetry"])])


def _shape(crystal: str, atoms: Atoms) -> tuple[float | None, float | None]:
    """Return c/a and u of a structure, in the settings of ``structures.crystals.crystal``; None where it has none."""
    a, _, c, alpha = atoms.cell.cellpar()[:4]
    fractional = atoms.get_scaled_positions()
    if crystal in ("hcp", "graphite"):
        return float(c / a), None
    if crystal == "A8":
        return float(c / a), float(min(x for x in fractional[:, 0] if x > 0.01))
    if crystal == "A7":  # rhombohedral cell; u and 1/2 - u are the same crystal
        half = np.deg2rad(alpha) / 2
        hexagonal = np.sqrt(9 - 12 * np.sin(half) ** 2) / (2 * np.sin(half))
        u = float(fractional[0, 0] % 0.5)
        return float(hexagonal), min(u, 0.5 - u)
    return None, None
