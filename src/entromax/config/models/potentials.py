"""What the settings of families of potentials share."""

from itertools import product
from math import inf
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from entromax.config.models.base import Chosen, Positive
from entromax.registry import FAMILIES


class PotentialSettings(Chosen):
    """Settings of a potential: those of ``gap``, ``snap`` and so on, each beside its family."""

    registry = FAMILIES
    family: str


class FamilySettings(PotentialSettings):
    """What all families share that can be swept."""

    pools: list[Literal["library", "low_energy", "near_equilibrium", "active"]] | None = Field(
        None,
        min_length=1,
        description="fit to the structures of these pools alone, such as [library] for the library without what active "
        "learning has added; null: all",
    )
    sweep: dict[str, Annotated[list[bool | int | float], Field(min_length=1)]] = Field(
        {}, description="fit with every combination of these values, `key: [values]`, and take the best for its cost"
    )

    @model_validator(mode="after")
    def _swept(self) -> "FamilySettings":
        for key in self.sweep:
            if key == "sweep" or key not in type(self).model_fields:
                known = ", ".join(name for name in type(self).model_fields if name not in ("family", "sweep"))
                raise ValueError(f"sweep.{key}: is no key of this potential; choose from {known}")
        for name, values in self.points().items():
            try:
                type(self).model_validate(values)
            except ValidationError as error:
                raise ValueError(f"sweep: the combination {name} is impossible: {error.errors()[0]['msg']}") from error
        return self

    def points(self) -> dict[str, dict[str, Any]]:
        """Return the settings of every combination of the sweep, by a name fit for a file; none without a sweep."""
        if not self.sweep:
            return {}
        base = self.model_dump(mode="json", exclude={"sweep"})
        combinations = [dict(zip(self.sweep, values, strict=True)) for values in product(*self.sweep.values())]
        return {
            "_".join(f"{key}-{str(value).lower()}" for key, value in changed.items()): base | changed
            for changed in combinations
        }


class HeightSettings(FamilySettings):
    """Families that expect larger errors of structures of higher energy."""

    height: float = Field(
        0.5, gt=0, description="expected errors grow as sqrt(1 + (E/height)^2), E above the lowest [eV/atom]"
    )


class WeightedSettings(HeightSettings):
    """Families that minimise weighted squared errors."""

    energy_weight: float = Field(100.0, ge=0, description="weight of squared energy errors [1/(eV/atom)^2]")
    force_weight: float = Field(1.0, ge=0, description="weight of squared force errors [1/(eV/Å)^2]")
    stress_weight: float = Field(1000.0, ge=0, description="weight of squared stress errors [1/(eV/Å^3)^2]")

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.energy_weight == self.force_weight == self.stress_weight == 0:
            raise ValueError(
                "energy_weight, force_weight and stress_weight are all zero; at least one must be positive"
            )
        return self

    @property
    def errors(self) -> tuple[float, float, float]:
        """Expected errors of energy [eV/atom], forces [eV/Å] and stress [eV/Å^3] of the lowest structure."""
        weights = (self.energy_weight, self.force_weight, self.stress_weight)
        energy, force, stress = (weight**-0.5 if weight else inf for weight in weights)
        return energy, force, stress


Cutoff = Annotated[float, Field(gt=1, le=4)]


class LinearSettings(WeightedSettings):
    """Families whose energy is linear in their coefficients, over a ZBL repulsion."""

    cutoff: Cutoff | Annotated[list[Cutoff], Field(min_length=1)] = Field(
        [2.2, 2.4],
        description="cutoff radius; of several the shortest within 5 % of the best on left-out structures [d_nn]",
    )
    zbl: list[Positive] | None = Field(
        [0.5, 0.8],
        min_length=2,
        max_length=2,
        description="radii between which the ZBL repulsion goes to zero [d_nn]; null: no ZBL",
    )
    members: int = Field(32, ge=8, le=1024, description="members of the committee that gives the error bars")

    @property
    def cutoffs(self) -> list[float]:
        """The cutoff radii to try, ascending [d_nn]."""
        return sorted(self.cutoff) if isinstance(self.cutoff, list) else [self.cutoff]

    @model_validator(mode="after")
    def _repulsion_inside(self) -> Self:
        if self.zbl is not None and not self.zbl[0] < self.zbl[1] <= self.cutoffs[0]:
            raise ValueError(f"zbl: {self.zbl} must ascend and end below the cutoff {self.cutoff} [d_nn]")
        return self
