"""Settings of active learning."""

from pydantic import Field

from entromax.config.models.base import Settings
from entromax.config.models.validation import RobustnessSettings


class DynamicsSettings(RobustnessSettings):
    """Runs of the robustness test that are made to find structures: many, in cells that are cheap to label."""

    atoms: int = Field(8, ge=1, le=1000, description="atoms in the supercell, at least")
    repeats: int = Field(4, ge=1, le=1000, description="independent runs at each temperature and compression")


class ActiveSettings(Settings):
    """Active learning: the structures that the committee of a potential is least sure of are labelled next."""

    potential: str | None = Field(
        None, description="potential whose committee chooses; of a family with error bars (snap, ace), without a sweep"
    )
    iterations: int = Field(0, ge=0, le=50, description="batches chosen, labelled and fitted to, one by one; 0: none")
    structures: int = Field(24, ge=1, description="structures per batch")
    candidates: int = Field(
        1000, ge=0, description="unlabelled library structures looked at for each batch, in the library's order"
    )
    dynamics: DynamicsSettings | None = Field(
        DynamicsSettings(),
        description="runs with the committee; each offers the structure of its path that is least certain; null: none",
    )
