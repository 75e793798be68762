"""Overlay the files of a configuration, validate the result, and say in one message what is wrong with it."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from entromax.config.elements import ELEMENTS
from entromax.config.models import CampaignSettings, ElementSettings
from entromax.config.presets import with_preset
from entromax.layout import WORKFLOW_FILES

ELEMENT_FILES = WORKFLOW_FILES / "config/elements"
"""Element files that come with entromax."""

#: Keys that choose a kind of section; an overlay that changes one replaces the section instead of merging into it.
KINDS = ("engine", "family")

REMEDIES = {
    "missing": "add this key",
    "extra_forbidden": "remove the key or correct its spelling",
    "float_type": "write a plain number in the unit that config/README.md gives, without a unit or quotes",
    "int_type": "write a whole number, without a unit or quotes",
    "int_from_float": "write a whole number",
    "string_type": "write text",
    "bool_type": "write true or false",
    "list_type": "write a list such as [0.5, 3.5]",
    "too_short": "write more entries",
    "too_long": "write fewer entries",
    "union_tag_invalid": "choose one of the kinds named above",
    "union_tag_not_found": "name the kind: engine: gpaw",
}


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names file, key, value and remedy."""


@dataclass(frozen=True)
class Layer:
    """One file (or other origin) of settings; later layers overlay earlier ones."""

    origin: str
    settings: Mapping[str, Any]

    def holds(self, path: Iterable[Any]) -> bool:
        """Tell whether this layer itself sets the key at ``path``."""
        node: Any = self.settings
        for key in path:
            in_list = isinstance(node, list) and isinstance(key, int) and key < len(node)
            if not in_list and not (isinstance(node, Mapping) and key in node):
                return False
            node = node[key]
        return True


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file.

    Raises:
        ConfigError: when the file is missing, is not YAML, or does not hold a mapping.
    """
    try:
        data = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check its name and your rights") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {_broken(error)}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: holds {data!r} where `key: value` lines belong; see config/README.md")
    return data


def _broken(error: Exception) -> str:
    """Return where YAML cannot be read, and why."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return f"is not valid YAML: {' '.join(str(error).split())}"
    mark, reason = error.problem_mark, error.problem or "it cannot be read"
    begun = error.context_mark
    where = f" {error.context} of line {begun.line + 1}" if begun and begun.line != mark.line else ""
    remedy = "; indent with spaces, not with tabs" if "\\t" in reason else "; look there and at the line before"
    return f"line {mark.line + 1}, column {mark.column + 1}: is not valid YAML: {reason}{where}{remedy}"


def overlay(base: Mapping[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``top`` laid over it, mapping by mapping; ``top`` wins.

    A section whose kind changes (``engine: emt`` over ``engine: gpaw``) is replaced as a whole: the keys of the
    old kind would have no meaning in the new one.
    """
    if any(kind in base and kind in top and base[kind] != top[kind] for kind in KINDS):
        return dict(top)
    merged = dict(base)
    for key, value in top.items():
        old = merged.get(key)
        merged[key] = overlay(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def load_campaign(config: Mapping[str, Any], *, origin: str, element_dirs: Iterable[Path]) -> dict[str, Any]:
    """Complete and validate the settings of a campaign.

    Args:
        config: what the user wrote; everything left out takes its default.
        origin: name of the file it came from, for messages.
        element_dirs: folders of element files ``Al.yaml``; a later folder overlays an earlier one.

    Returns:
        The merged configuration as plain data, with every default and every element spelled out. It is itself a
        valid configuration that gives the same campaign.

    Raises:
        ConfigError: one message with a line for each thing that is wrong.
    """
    user = dict(config)
    chosen = _chosen_elements(user.get("elements"), origin)
    layers = []
    elements: dict[str, Any] = {}
    for symbol, overrides in chosen.items():
        files = [path for folder in element_dirs if (path := Path(folder) / f"{symbol}.yaml").is_file()]
        if not files and not overrides:
            raise ConfigError(
                f"{origin}: elements: {symbol}: there is no file config/elements/{symbol}.yaml; "
                f"make it with `entromax element {symbol}`"
            )
        merged: dict[str, Any] = {}
        for path in files:
            settings = read_yaml(path)
            layers.append(Layer(str(path), {"elements": {symbol: settings}}))
            merged = overlay(merged, settings)
        elements[symbol] = overlay(merged, overrides)
        reference = elements[symbol].get("reference")
        if isinstance(reference, Mapping):
            try:
                elements[symbol]["reference"] = with_preset(symbol, reference)
            except ValueError as error:
                raise ConfigError(f"{origin}: {error}") from error
    user["elements"] = elements
    layers.append(Layer(origin, {**user, "elements": chosen}))
    try:
        return CampaignSettings.model_validate(user).model_dump(mode="json")
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(item, layers) for item in error.errors())) from error


def load_element(symbol: str, *, origin: str, element_dirs: Iterable[Path]) -> ElementSettings:
    """Return the settings of one element from its files.

    Args:
        symbol: chemical symbol.
        origin: who asks, for messages.
        element_dirs: as in :func:`load_campaign`.

    Raises:
        ConfigError: there is no file of the element, or something is wrong with it.
    """
    campaign = load_campaign({"elements": [symbol]}, origin=origin, element_dirs=element_dirs)
    return CampaignSettings.model_validate(campaign).elements[symbol]


def validated(kind: Any, data: Any) -> Any:
    """Return plain data of a merged configuration as settings: the threshold of the jobs, crossed in their scripts.

    Args:
        kind: model of a section, or a union of models.
        data: what a rule hands to its script.
    """
    return TypeAdapter[Any](kind).validate_python(data)


def _chosen_elements(value: Any, origin: str) -> dict[str, dict[str, Any]]:
    """Return ``{symbol: overrides}`` from either way of writing the key ``elements``."""
    if isinstance(value, list):
        value = dict.fromkeys(map(str, value))
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(f"{origin}: elements: is {value!r}; name at least one element, such as elements: [Al]")
    for symbol, overrides in value.items():
        if symbol not in ELEMENTS:
            raise ConfigError(
                f"{origin}: elements: {symbol!r} is not a chemical element; write symbols such as Al, W or Te"
            )
        if overrides is not None and not isinstance(overrides, Mapping):
            raise ConfigError(f"{origin}: elements.{symbol}: is {overrides!r}; write keys of the element file below it")
    return {symbol: dict(overrides or {}) for symbol, overrides in value.items()}


def _explain(error: ErrorDetails, layers: list[Layer]) -> str:
    """Return one line: file, key, value, what is wrong, what to do."""
    path = _key_path(error["loc"], layers)
    origin = next((layer.origin for layer in reversed(layers) if layer.holds(path)), None)
    if origin is None:  # a missing key belongs to the file that holds its section
        origin = next((layer.origin for layer in reversed(layers) if layer.holds(path[:-1])), layers[-1].origin)
    key = ".".join(map(str, path)) or "campaign"
    value = "" if error["type"] == "missing" or isinstance(error["input"], Mapping) else f" (is {error['input']!r})"
    message = error["msg"].removeprefix("Value error, ")
    remedy = REMEDIES.get(error["type"], "")
    if error["type"] == "extra_forbidden":
        message, remedy = "unknown key", _advice(path) or remedy
    return f"{origin}: {key}{value}: {message}{'; ' + remedy if remedy else ''}"


def _key_path(location: tuple[int | str, ...], layers: list[Layer]) -> tuple[int | str, ...]:
    """Return the location of an error without the tags of unions, which pydantic adds and no file holds."""
    path: tuple[int | str, ...] = ()
    for depth, part in enumerate(location):
        last = depth == len(location) - 1
        if last or any(layer.holds((*path, part)) for layer in layers):
            path = (*path, part)
    return path


def _advice(path: tuple[int | str, ...]) -> str:
    """Return what to write instead of an unknown key: it belongs elsewhere, or it is misspelt."""
    key, known = str(path[-1]), _known_keys()
    if key in known:
        here = [home for home in known[key] if len(home) == len(path) - 1 and all(map(_alike, home, path))]
        if here:
            return "it is a key of another kind: remove it, or change the kind of this section"
        sections = [".".join(home) or "the top" for home in known[key]]
        keys = [".".join((*home, key)) for home in known[key]]
        return f"belongs below {' or '.join(sections)}: write {' or '.join(keys)}"
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def _alike(known: str, part: int | str) -> bool:
    return known in (part, "<name>")


def _known_keys() -> dict[str, list[tuple[str, ...]]]:
    """Return every key with the sections that have it; ``<name>`` stands for an element or a potential."""
    schema = CampaignSettings.model_json_schema()
    found: dict[str, list[tuple[str, ...]]] = {}

    def walk(node: Mapping[str, Any], path: tuple[str, ...]) -> None:
        if "$ref" in node:
            walk(schema["$defs"][node["$ref"].rsplit("/", 1)[1]], path)
        for key, child in node.get("properties", {}).items():
            if path not in found.setdefault(key, []):
                found[key].append(path)
            walk(child, (*path, key))
        for option in (*node.get("anyOf", ()), *node.get("oneOf", ())):
            walk(option, path)
        if isinstance(entries := node.get("additionalProperties"), Mapping):
            walk(entries, (*path, "<name>"))

    walk(schema, ())
    return found
