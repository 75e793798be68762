"""Settings of the elements, and what the settings of all engines share."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from entromax.config.elements import CRYSTALS
from entromax.config.models.base import Chosen, Range, Settings
from entromax.registry import ENGINES

Level = Literal["smoke", "coarse", "standard", "tight"]


class ReferenceSettings(Chosen):
    """Settings of the engine that makes the labels: those of ``gpaw``, ``qe`` and so on, each beside its engine."""

    registry = ENGINES
    engine: str

    def describe(self) -> str:
        """Return the engine and its settings in one phrase."""
        return self.engine


class LevelledSettings(ReferenceSettings):
    """Settings of a DFT engine; numbers may come from a preset, filled in when a campaign is loaded.

    Attributes:
        extra: tags in the engine's own words, for all that has no key here.
        own_tags: tags, in lower case, that ``extra`` must leave alone, and the keys that set them instead; an empty
            key: entromax itself, because a label would not be one otherwise.
    """

    own_tags: ClassVar[Mapping[str, str]] = {}
    extra: dict[str, Any] = Field({}, description="further tags in the words of the engine; physics")

    @model_validator(mode="after")
    def _filled_in(self) -> Self:
        if getattr(self, "level", None) is not None and not {"ecut", "kspacing"} <= self.model_fields_set:
            raise ValueError("level: is resolved when a campaign is loaded; here ecut and kspacing are needed as well")
        for tag in self.extra:
            if (key := self.own_tags.get(tag.lower())) is not None:
                remedy = f"use the key `{key}`" if key else "entromax sets it itself"
                raise ValueError(f"extra.{tag}: is not passed on; {remedy}")
        return self


class PlaneWaveSettings(LevelledSettings):
    """Settings that all engines with plane waves and k-points share; each has bounds and defaults of its own."""

    ecut: float
    kspacing: float
    kspacing_atoms: int | None = Field(
        None,
        ge=2,
        le=100,
        description="atoms of a cell from which kspacing holds; smaller cells, whose k-points are cheaper, have "
        "kspacing x (atoms / this)^(1/3); none: one for all cells [1]",
    )
    width: float
    spin: bool

    def spacing(self, atoms: int) -> float:
        """Return the k-point spacing of a cell of so many atoms [1/Å].

        The number of k-points times the square of the atoms stays the same below ``kspacing_atoms``, and so, roughly,
        do the seconds of a calculation.
        """
        if self.kspacing_atoms is None or atoms >= self.kspacing_atoms:
            return self.kspacing
        return self.kspacing * float(np.cbrt(atoms / self.kspacing_atoms))

    def waves(self) -> str:
        """Return these settings in one phrase."""
        fewer = "" if self.kspacing_atoms is None else f" (denser below {self.kspacing_atoms} atoms)"
        polarised = "spin-polarised" if self.spin else "without spin"
        return (
            f"plane waves to {self.ecut:g} eV, k-points every {self.kspacing:g} 1/Å{fewer}, "
            f"smearing {self.width:g} eV, {polarised}"
        )


class CrystalSettings(Settings):
    """One reference crystal."""

    volume: float = Field(gt=1, lt=200, description="volume at which its E(V) curve is centred [Å^3/atom]")
    c_over_a: float | None = Field(None, gt=0.3, lt=5, description="ratio c/a of hexagonal and trigonal crystals [1]")
    u: float | None = Field(None, gt=0, lt=0.5, description="free internal coordinate of A7 and A8 [1]")


class LabelNoise(Settings):
    """Standard deviation of the labels of an element against converged ones; fits expect no smaller errors."""

    energy: float = Field(0.0, ge=0, description="of energies [eV/atom]")
    forces: float = Field(0.0, ge=0, description="of components of forces [eV/Å]")
    stress: float = Field(0.0, ge=0, description="of components of stresses [eV/Å^3]")


class ElementSettings(Settings):
    """One element: length scale, part of the library it uses, reference settings, reference crystals."""

    d_nn: float = Field(
        ge=0.7,
        le=6,
        description="nearest-neighbour distance of the ground state: scale of the library, and unit of [d_nn] in "
        "labels, potentials and validation [Å]",
    )
    d_nn_from: Literal["config", "dft"] = Field(
        "config",
        description="dft: the library is scaled by the distance at the minimum of E(V) of the ground state by the "
        "reference engine, found before any other label; d_nn remains the unit of all else",
    )
    volume: Range = Field(description="library structures used for this element: reduced volume per atom v* [d_nn^3]")
    ground_state: str = Field(description="name of the ground-state crystal; must be one of crystals")
    crystals: dict[str, CrystalSettings] = Field(min_length=1, description="reference crystals, by structure type")
    reference: ReferenceSettings = Field(description="engine that makes the labels, and its settings")
    label_noise: LabelNoise | None = Field(
        None, description="standard deviation of the labels against converged ones, which fits expect; null: unknown"
    )

    @model_validator(mode="after")
    def _known_crystals(self) -> "ElementSettings":
        for name in self.crystals:
            if name not in CRYSTALS:
                raise ValueError(f"crystals: unknown structure type {name!r}; choose from {', '.join(CRYSTALS)}")
        if self.ground_state not in self.crystals:
            raise ValueError(f"ground_state: {self.ground_state!r} is not among crystals; add it there")
        return self
