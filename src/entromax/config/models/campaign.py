"""Settings of a whole campaign, and the traffic lights of its report."""

from pydantic import Field, model_validator

from entromax.config.elements import ELEMENTS
from entromax.config.models.active import ActiveSettings
from entromax.config.models.base import Range, Settings
from entromax.config.models.labels import DatasetSettings, LabelSettings
from entromax.config.models.library import LibrarySettings
from entromax.config.models.potentials import PotentialSettings
from entromax.config.models.reference import ElementSettings
from entromax.config.models.validation import ValidationSettings
from entromax.registry import FAMILIES


class Thresholds(Settings):
    """Traffic lights of what the scorecard does not judge: green up to the first number, amber up to the second."""

    path_error: Range = Field([10.0, 50.0], description="energies along transformation paths [meV/atom]")
    property_error: Range = Field([10.0, 25.0], description="other properties against DFT, else published [%]")
    failed_labels: Range = Field([5.0, 20.0], description="structures without a label [%]")


class CampaignSettings(Settings):
    """A whole campaign."""

    campaign: str = Field("campaign", pattern=r"^[A-Za-z0-9_.-]+$", description="name, used in titles")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of everything random")
    results: str = Field("results", min_length=1, description="folder of all results, in the working directory")
    library: LibrarySettings = Field(default_factory=LibrarySettings)
    elements: dict[str, ElementSettings] = Field(
        min_length=1,
        description="elements served: a list of symbols, or symbols with overrides of their files",
    )
    labels: LabelSettings = LabelSettings()
    dataset: DatasetSettings = DatasetSettings()
    potentials: dict[str, PotentialSettings] = Field(
        default_factory=lambda: {"gap": PotentialSettings.model_validate({"family": "gap"})},
        min_length=1,
        description="potentials to fit, by a name of your choice",
    )
    active: ActiveSettings = ActiveSettings()
    validation: ValidationSettings = ValidationSettings()
    thresholds: Thresholds = Thresholds()

    @model_validator(mode="after")
    def _consistent(self) -> "CampaignSettings":
        for symbol, element in self.elements.items():
            if symbol not in ELEMENTS:
                raise ValueError(f"elements: {symbol!r} is not a chemical element; use symbols such as Al or W")
            low, high = self.library.cells.volume
            if element.volume[0] >= high or element.volume[1] <= low:
                raise ValueError(
                    f"elements.{symbol}.volume: {element.volume} has nothing in common with library.cells.volume "
                    f"{self.library.cells.volume}; widen one of them"
                )
        made = self.library.rounds * self.library.batches * self.library.structures_per_batch
        if self.library.source == "made" and self.labels.structures > made:
            raise ValueError(
                f"labels.structures: {self.labels.structures} labels wanted but the library makes at most {made} "
                "structures (rounds x batches x structures_per_batch); lower the one or raise the other"
            )
        return self

    @model_validator(mode="after")
    def _chooser(self) -> "CampaignSettings":
        active = self.active
        if not active.iterations:
            return self
        able = {name: one for name, one in self.potentials.items() if not getattr(one, "sweep", None)}
        if active.shares.uncertain:
            able = {name: one for name, one in able.items() if FAMILIES[one.family].linear}
        if active.potential not in able:
            families = " or ".join(name for name, family in FAMILIES.items() if family.linear)
            remedy = f"name {' or '.join(able)}" if able else "add one, such as `snap: {family: snap}`, and name it"
            kind = f" of a linear family ({families}) and" if active.shares.uncertain else ""
            raise ValueError(
                f"active.potential: is {active.potential!r}, but it takes one of `potentials`{kind} without a sweep to "
                f"choose structures; {remedy}, or set active.iterations to 0"
            )
        return self
