"""Settings of the engines that make labels, and of the elements."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from entromax.config.elements import CRYSTALS
from entromax.config.models.base import Range, Settings


class GpawSettings(Settings):
    """GPAW in plane waves: the embedded DFT engine."""

    engine: Literal["gpaw"] = "gpaw"
    xc: Literal["PBE", "LDA", "PBEsol", "RPBE"] = Field("PBE", description="exchange-correlation functional")
    ecut: float = Field(400.0, ge=100, le=1500, description="plane-wave cutoff [eV]")
    kspacing: float = Field(0.3, ge=0.05, le=2, description="largest k-point spacing, including 2 pi [1/Å]")
    width: float = Field(0.1, gt=0, le=1, description="Fermi-Dirac width [eV]")
    maxiter: int = Field(100, ge=10, le=1000, description="SCF steps before a calculation counts as unconverged")
    spin: bool = Field(False, description="spin-polarised calculation; the isolated atom is always spin-polarised")


class EmtSettings(Settings):
    """ASE's effective-medium theory for Al, Cu, Ag, Au, Ni, Pd, Pt: a teaching potential, not DFT."""

    engine: Literal["emt"] = "emt"


ReferenceSettings = Annotated[GpawSettings | EmtSettings, Field(discriminator="engine")]


class CrystalSettings(Settings):
    """One reference crystal."""

    volume: float = Field(gt=1, lt=200, description="volume at which its E(V) curve is centred [Å^3/atom]")
    c_over_a: float | None = Field(None, gt=0.3, lt=5, description="ratio c/a of hexagonal and trigonal crystals [1]")
    u: float | None = Field(None, gt=0, lt=0.5, description="free internal coordinate of A7 and A8 [1]")


class ElementSettings(Settings):
    """One element: length scale, part of the library it uses, reference settings, reference crystals."""

    d_nn: float = Field(ge=0.7, le=6, description="nearest-neighbour distance of the ground state [Å]")
    volume: Range = Field(description="library structures used for this element: reduced volume per atom v* [d_nn^3]")
    ground_state: str = Field(description="name of the ground-state crystal; must be one of crystals")
    crystals: dict[str, CrystalSettings] = Field(min_length=1, description="reference crystals, by structure type")
    reference: ReferenceSettings = Field(description="engine that makes the labels, and its settings")

    @model_validator(mode="after")
    def _known_crystals(self) -> "ElementSettings":
        for name in self.crystals:
            if name not in CRYSTALS:
                raise ValueError(f"crystals: unknown structure type {name!r}; choose from {', '.join(CRYSTALS)}")
        if self.ground_state not in self.crystals:
            raise ValueError(f"ground_state: {self.ground_state!r} is not among crystals; add it there")
        return self
