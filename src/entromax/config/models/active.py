"""Settings of active learning."""

import numpy as np
from pydantic import Field, model_validator

from entromax.config.models.base import Settings
from entromax.config.models.validation import RobustnessSettings


class DynamicsSettings(RobustnessSettings):
    """Runs of the robustness test that are made to find structures: many, in cells that are cheap to label."""

    atoms: int = Field(8, ge=1, le=1000, description="atoms in the supercell, at least")
    repeats: int = Field(4, ge=1, le=1000, description="independent runs at each temperature and compression")


class SharesSettings(Settings):
    """Shares of a batch that the pools have; they add up to one."""

    low_energy: float = Field(0.6, ge=0, le=1, description="library cells relaxed by the fit, low and unlike ones [1]")
    near_equilibrium: float = Field(
        0.4, ge=0, le=1, description="distortions of the crystals that came out lowest: elastic constants, phonons [1]"
    )
    uncertain: float = Field(
        0.0,
        ge=0,
        le=1,
        description="what a linear potential would learn most from about library cells that lie low for their volume "
        "[1]",
    )

    @model_validator(mode="after")
    def _whole(self) -> "SharesSettings":
        total = sum(self.model_dump().values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares add up to {total:g}; write all that are wanted so that they add up to 1")
        return self

    def counts(self, structures: int) -> dict[str, int]:
        """Return how many structures of a batch each pool gives."""
        shares = self.model_dump()
        ends = np.rint(structures * np.cumsum(list(shares.values()))).astype(int)
        return dict(zip(shares, map(int, np.diff(ends, prepend=0)), strict=True))


class ActiveSettings(Settings):
    """Active learning: after a fit, structures that the fit itself names are labelled next, batch by batch."""

    potential: str | None = Field(
        None,
        description="potential whose fits choose, without a sweep; of a linear family (open_ace, ace, snap) for a "
        "share of uncertain structures",
    )
    iterations: int = Field(0, ge=0, le=50, description="batches chosen, labelled and fitted to, one by one; 0: none")
    structures: int = Field(24, ge=1, description="structures per batch")
    batches: str | None = Field(
        None,
        min_length=1,
        description="folder of batches chosen before, such as data/batches: an element that has a file there takes "
        "its structures (batches after its last one are empty), the others choose; null: all choose",
    )
    shares: SharesSettings = SharesSettings()
    candidates: int = Field(
        400, ge=0, description="unlabelled library structures looked at for each batch, in the library's order"
    )
    relaxation_steps: int = Field(60, ge=1, description="steps of the relaxations by the fit")
    atoms: int = Field(4, ge=1, le=64, description="largest cell of a distorted crystal")
    vacancies: int = Field(
        0,
        ge=0,
        description="so many of those near equilibrium in a batch are the lowest crystal less an atom",
    )
    dynamics: DynamicsSettings | None = Field(
        DynamicsSettings(),
        description="runs with the committee for the uncertain pool; each offers the structure of its path that is "
        "least certain; null: none",
    )

    @model_validator(mode="after")
    def _vacancies(self) -> "ActiveSettings":
        most = self.shares.counts(self.structures)["near_equilibrium"]
        if self.vacancies > most:
            raise ValueError(
                f"{self.vacancies} vacancies wanted, but a batch has {most} structures near equilibrium; lower "
                "`vacancies`, or raise `structures` or `shares.near_equilibrium`"
            )
        return self
