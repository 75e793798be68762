"""Settings of the engines by element and level: sensible numbers for those who do not know the engine.

A preset is chosen by ``level`` in the reference settings of an element (``standard`` where nothing is said) and fills
in what is not written there; it is resolved once, when a campaign is loaded. What the levels are worth is measured by
``benchmarks/labels/convergence.py`` and ``benchmarks/labels/engines.py``; docs/engines.md shows the figures.
"""

from collections.abc import Mapping
from typing import Any

from entromax.registry import ENGINES

LEVELS = ("smoke", "coarse", "standard", "tight")
"""For trying out a campaign; for a first potential; for production; for checking the others."""
_KSPACING = {"smoke": 0.6, "coarse": 0.4, "standard": 0.25, "tight": 0.18}
_FINER = {"Be": 0.2, "Te": 0.2, "W": 0.2, "Re": 0.2}
"""k-spacing of ``standard`` where E(bcc) - E(fcc) would miss all-electron values by more than 15 meV/atom at 0.25."""
WIDTH = {"smoke": 0.2, "coarse": 0.2, "standard": 0.1, "tight": 0.1}


def plane_wave_preset(
    cutoffs: Mapping[str, tuple[float, float, float]], symbol: str, level: object
) -> dict[str, Any] | None:
    """Return the settings that a level stands for in a plane-wave engine; None where there is no such preset.

    Args:
        cutoffs: plane-wave cutoffs [eV] by element, at the levels coarse (and smoke), standard, tight.
        symbol: chemical symbol.
        level: one of ``LEVELS``.
    """
    if symbol not in cutoffs or not isinstance(level, str) or level not in LEVELS:
        return None
    cutoff = float(cutoffs[symbol][max(LEVELS.index(level) - 1, 0)])
    kspacing = _FINER.get(symbol, _KSPACING[level]) if level == "standard" else _KSPACING[level]
    return {"ecut": cutoff, "kspacing": kspacing, "width": WIDTH[level]}


def with_preset(symbol: str, reference: Mapping[str, Any]) -> dict[str, Any]:
    """Return reference settings with the numbers of their level filled in; what is written beside it wins.

    The level stays in the settings only as long as all of its numbers do, so that its name is never a lie.

    Raises:
        ValueError: the level is one of those that exist, but the engine has no preset for this element.
    """
    name = str(reference.get("engine"))
    if name not in ENGINES or (engine := ENGINES[name]).default_level is None:
        return dict(reference)
    asked = reference.get("level")
    level = engine.default_level if asked is None else asked
    found = engine.preset(symbol, level)
    if found is None:
        if asked in LEVELS and engine.preset_elements:
            raise ValueError(
                f"elements.{symbol}.reference.level (is {asked!r}): {name} has presets for "
                f"{', '.join(engine.preset_elements)} only; write ecut and kspacing instead"
            )
        return dict(reference)
    complete = {**found, **reference}
    intact = all(complete[key] == value for key, value in found.items())
    return complete | {"level": level if intact else None}
