"""What all settings share: strict types, no unknown keys, ranges."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _ascending(value: list[float]) -> list[float]:
    if not value[0] <= value[1]:
        raise ValueError(f"the first number must not exceed the second: write [{value[1]}, {value[0]}]")
    return value


def _widening(value: list[float]) -> list[float]:
    if value[0] == value[1]:
        raise ValueError("the range is empty: the second number must exceed the first")
    return _ascending(value)


Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Range = Annotated[list[Positive], Field(min_length=2, max_length=2), AfterValidator(_widening)]
Counts = Annotated[
    list[Annotated[int, Field(ge=1, le=256)]], Field(min_length=2, max_length=2), AfterValidator(_ascending)
]


class Settings(BaseModel):
    """Base of every section: unknown keys and wrong types are errors, values cannot change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)
