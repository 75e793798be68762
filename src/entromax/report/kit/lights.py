"""Traffic lights: a number against two thresholds, said by colour, by shape and by word."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Colour = Literal["green", "amber", "red", "none"]

MARKS: dict[Colour, str] = {"green": "●", "amber": "▲", "red": "■", "none": "○"}
WORDS: dict[Colour, str] = {"green": "good", "amber": "check", "red": "bad", "none": "no data"}
_ORDER: tuple[Colour, ...] = ("green", "none", "amber", "red")


@dataclass(frozen=True)
class Light:
    """A verdict; ``mark`` and ``word`` carry it where colour does not (print, colour-blind readers)."""

    colour: Colour

    @property
    def mark(self) -> str:
        """Shape that stands for the colour."""
        return MARKS[self.colour]

    @property
    def word(self) -> str:
        """Word that stands for the colour."""
        return WORDS[self.colour]


def light(value: float | None, limits: Sequence[float]) -> Light:
    """Return green up to the first limit, amber up to the second, red beyond, none without a number.

    The sign of ``value`` does not matter. NaN is no number; infinity is red.
    """
    if value is None or math.isnan(value):
        return Light("none")
    size = abs(value)
    if size <= limits[0]:
        return Light("green")
    return Light("amber") if size <= limits[1] else Light("red")


def worst(lights: Iterable[Light]) -> Light:
    """Return the worst of several lights; missing data is worse than good and better than doubtful."""
    return max(lights, key=lambda one: _ORDER.index(one.colour), default=Light("none"))
