"""What all settings share: strict types, no unknown keys, ranges."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from entromax.registry import Registry


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


class Chosen(Settings):
    """Base of sections that one key chooses a model for: ``engine``, ``family``, ``name`` of the features.

    A class that names its ``registry`` stands for whatever that holds: validated against it, a section becomes
    settings of the model of the entry it names. That entry is imported only then, the others never are; the JSON
    schema imports all. This is how settings can live with their owner while ``config`` imports nothing above it.

    Attributes:
        registry: where the models come from, each as ``settings`` of an entry.
        default_kind: the one meant where the key is left out; None: it must be given.
    """

    registry: ClassVar[Registry]
    default_kind: ClassVar[str | None] = None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if "registry" not in cls.__dict__:
            return handler(source)
        return core_schema.no_info_plain_validator_function(cls._chosen)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        if "registry" not in cls.__dict__:
            return handler(schema)
        models = tuple(entry.settings for entry in cls.registry.values())
        union: Any = Union[models]  # noqa: UP007, of as many as there are
        return handler(TypeAdapter(Annotated[union, Field(discriminator=cls.registry.key)]).core_schema)

    @classmethod
    def _chosen(cls, data: Any) -> Self:
        """Return ``data`` as settings of the entry that it names."""
        if isinstance(data, cls):
            return data
        key, names = cls.registry.key, ", ".join(map(repr, cls.registry))
        if not isinstance(data, Mapping):
            raise ValidationError.from_exception_data(cls.__name__, [{"type": "model_attributes_type", "input": data}])
        name = data.get(key, cls.default_kind)
        if name is None:
            context = {"discriminator": repr(key)}
            raise ValidationError.from_exception_data(
                cls.__name__, [{"type": "union_tag_not_found", "input": data, "ctx": context}]
            )
        if name not in cls.registry:
            context = {"discriminator": repr(key), "tag": str(name), "expected_tags": names}
            raise ValidationError.from_exception_data(
                cls.__name__, [{"type": "union_tag_invalid", "loc": (key,), "input": name, "ctx": context}]
            )
        settings: Self = cls.registry[name].settings.model_validate(data)
        return settings


class OwnFile(Settings):
    """What plug-ins of every kind share."""

    file: str = Field(pattern=r"\.py$", description="that file, relative to the working directory")
    options: dict[str, Any] = Field({}, description="its settings, checked by its own model")
