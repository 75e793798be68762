"""Settings of the labelling and of the dataset."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from entromax.config.models.base import Fraction, Settings
from entromax.registry import FORMATS

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(FORMATS)]


class EosSettings(Settings):
    """Volumes at which the reference crystals are labelled."""

    crystals: Literal["ground_state", "all"] = Field("ground_state", description="which crystals of the element")
    points: int = Field(7, ge=5, le=51, description="volumes per crystal")
    strain: float = Field(0.06, ge=0.005, le=0.3, description="largest relative change of volume to both sides [1]")


class LabelSettings(Settings):
    """Which structures are labelled, how they are packed into jobs, and what counts as a label."""

    structures: int = Field(1000, ge=1, description="library structures labelled per element")
    shard_size: int = Field(50, ge=1, description="structures per job; aim at 15-60 minutes of work")
    min_distance: float = Field(0.6, ge=0, le=1, description="closer pairs are rejected before any DFT [d_nn]")
    max_force: float = Field(300.0, gt=0, description="labels with a larger force are rejected [eV/Å]")
    structure_timeout: float = Field(1800.0, ge=1, description="wall time for one attempt at one structure [s]")
    max_attempts: int = Field(3, ge=1, le=10, description="rungs of the engine's recovery ladder that are tried")
    max_failed_fraction: float = Field(0.2, ge=0, le=1, description="aggregation stops above this fraction of failures")
    eos: EosSettings = EosSettings()
    store: str = Field("label_store", min_length=1, description="folder of the label store; no rule ever deletes it")
    packs: list[Annotated[str, Field(min_length=1)]] = Field(
        [], description="folders of labels made before, such as data/labels: what they hold is not calculated again"
    )


class DatasetSettings(Settings):
    """Quality control and split of the labelled structures."""

    validation_fraction: Fraction = Field(0.1, description="part of the structures for early stopping and model choice")
    test_fraction: Fraction = Field(0.2, description="part of the structures never seen in training")
    max_energy: float = Field(
        6.0, gt=0, description="outlier: energy above the lowest of the set [E_b, binding energy of the lowest]"
    )
    max_force: float = Field(50.0, gt=0, description="outlier: largest force [E_b / V^(1/3), V: volume per atom]")
    max_pressure: float = Field(15.0, gt=0, description="outlier: absolute pressure [E_b / V]")
    exports: list[FormatName] = Field(
        [], description="formats in which the dataset is written for other programs, below results/<element>/exports"
    )

    @model_validator(mode="after")
    def _leaves_training_data(self) -> "DatasetSettings":
        if self.validation_fraction + self.test_fraction > 0.8:
            raise ValueError("validation_fraction + test_fraction must not exceed 0.8: too little is left to train on")
        return self
