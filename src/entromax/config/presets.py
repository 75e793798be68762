"""Settings of the engines by element and level: sensible numbers for those who do not know the engine.

A preset is chosen by ``level`` in the reference settings of an element (``standard`` where nothing is said) and fills
in what is not written there; it is resolved once, when a campaign is loaded. What the levels are worth is measured by
``benchmarks/labels/convergence.py`` and ``benchmarks/labels/engines.py``; docs/engines.md shows the figures.
"""

from collections.abc import Mapping
from typing import Any

LEVELS = ("smoke", "coarse", "standard", "tight")
"""For trying out a campaign; for a first potential; for production; for checking the others."""
_KSPACING = {"smoke": 0.6, "coarse": 0.4, "standard": 0.25, "tight": 0.18}
_FINER = {"Be": 0.2, "Te": 0.2, "W": 0.2, "Re": 0.2}
"""k-spacing of ``standard`` where E(bcc) - E(fcc) would miss all-electron values by more than 15 meV/atom at 0.25."""
_WIDTH = {"smoke": 0.2, "coarse": 0.2, "standard": 0.1, "tight": 0.1}
_CUTOFFS = {  # eV at the levels coarse (and smoke), standard, tight
    "gpaw": {
        "Al": (200, 300, 400),
        "Be": (300, 350, 500),
        "C": (400, 500, 700),
        "W": (300, 400, 600),
        "Re": (300, 400, 600),
        "Os": (300, 400, 600),
        "Sb": (400, 500, 700),
        "Te": (250, 300, 450),
    },
    # GTH-PBE; the harder ones (Be, W, Re, Os) need more than 1400 eV: there a user brings a softer pseudopotential.
    "qe": {"Al": (220, 280, 410), "C": (680, 950, 1360), "Sb": (220, 300, 410), "Te": (270, 350, 480)},
}
_VASP = {  # [BJHP26]: k-spacing 1/Å and cutoff eV; level 1 is Γ alone, whatever the cell
    1: {"kspacing": 10.0, "ecut": 300.0},
    2: {"kspacing": 1.0, "ecut": 300.0},
    3: {"kspacing": 0.75, "ecut": 400.0},
    4: {"kspacing": 0.5, "ecut": 500.0},
    5: {"kspacing": 0.25, "ecut": 700.0},
    6: {"kspacing": 0.10, "ecut": 900.0},
}
DEFAULT = {"gpaw": "standard", "qe": "standard", "vasp": 5}


def preset(engine: str, symbol: str, level: object) -> dict[str, Any] | None:
    """Return the settings that a level stands for; None where there is no such preset.

    Args:
        engine: name of the engine.
        symbol: chemical symbol.
        level: one of ``LEVELS``; 1 to 6 for VASP, the same for every element.
    """
    if engine == "vasp":
        return dict(_VASP[level]) if isinstance(level, int) and level in _VASP else None
    cutoffs = _CUTOFFS.get(engine, {}).get(symbol)
    if cutoffs is None or not isinstance(level, str) or level not in LEVELS:
        return None
    cutoff = float(cutoffs[max(LEVELS.index(level) - 1, 0)])
    kspacing = _FINER.get(symbol, _KSPACING[level]) if level == "standard" else _KSPACING[level]
    return {"ecut": cutoff, "kspacing": kspacing, "width": _WIDTH[level]}


def with_preset(symbol: str, reference: Mapping[str, Any]) -> dict[str, Any]:
    """Return reference settings with the numbers of their level filled in; what is written beside it wins.

    The level stays in the settings only as long as all of its numbers do, so that its name is never a lie.

    Raises:
        ValueError: the level is one of those that exist, but the engine has no preset for this element.
    """
    engine = reference.get("engine")
    if not isinstance(engine, str) or engine not in DEFAULT:
        return dict(reference)
    asked = reference.get("level")
    found = preset(engine, symbol, DEFAULT[engine] if asked is None else asked)
    if found is None:
        if asked in LEVELS and engine in _CUTOFFS:
            raise ValueError(
                f"elements.{symbol}.reference.level (is {asked!r}): {engine} has presets for "
                f"{', '.join(_CUTOFFS[engine])} only; write ecut and kspacing instead"
            )
        return dict(reference)
    complete = {**found, **reference}
    intact = all(complete[key] == value for key, value in found.items())
    return complete | {"level": (DEFAULT[engine] if asked is None else asked) if intact else None}
