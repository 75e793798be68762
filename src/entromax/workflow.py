"""Checks that the Snakefile makes before any job: the profile, the engines, the families, the library."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from entromax.config.load import ConfigError
from entromax.config.models import FamilySettings, PotentialSettings, ReferenceSettings
from entromax.labels.engines import engine_available
from entromax.potentials.base import family_available
from entromax.registry import FAMILIES
from entromax.structures.shipped import LibraryError, read_library

PLACEHOLDER = "CHANGE_ME"


def check_profile(
    executor: str, default_resources: Mapping[str, object], set_resources: Mapping[str, Mapping[str, object]]
) -> None:
    """Refuse a Slurm profile that was not adapted to the cluster.

    Args:
        executor: name of the executor that will run the jobs.
        default_resources: ``default-resources`` of the profile.
        set_resources: ``set-resources`` of the profile, by rule.

    Raises:
        ConfigError: a placeholder is left, or there is no partition.
    """
    if not executor.startswith("slurm"):
        return
    named = {f"default-resources.{name}": str(value) for name, value in default_resources.items()}
    for rule, resources in set_resources.items():
        named |= {f"set-resources.{rule}.{name}": str(value) for name, value in resources.items()}
    for key, value in named.items():
        if PLACEHOLDER in value:
            raise ConfigError(
                f"profiles/slurm/config.yaml: {key} (is {PLACEHOLDER}): is still the placeholder; write the name that "
                "your cluster uses, profiles/README.md says where to find it"
            )
    if "slurm_partition" not in default_resources:
        raise ConfigError(
            "profiles/slurm/config.yaml: default-resources.slurm_partition: is missing; name the partition that the "
            "jobs go to (`sinfo -s` lists them)"
        )


def require_engines(elements: Mapping[str, Mapping[str, object]]) -> None:
    """Refuse a campaign whose engines are not installed.

    Args:
        elements: validated settings of the elements, as plain data.

    Raises:
        ConfigError: an engine is missing; the message names the element and what to install.
    """
    for symbol, element in elements.items():
        settings = ReferenceSettings.model_validate(element["reference"])
        if message := engine_available(settings):
            raise ConfigError(f"elements.{symbol}.{message}")


def require_families(potentials: Mapping[str, Mapping[str, object]]) -> None:
    """Refuse a campaign whose families of potentials cannot be used here.

    Args:
        potentials: validated settings of the potentials by name, as plain data.

    Raises:
        ConfigError: a package is missing, or the file of a user's own family cannot be used.
    """
    for name, values in potentials.items():
        settings = PotentialSettings.model_validate(values)
        if message := family_available(settings):
            raise ConfigError(f"potentials.{name}: {message.removeprefix('potentials: ')}")


def require_library(config: Mapping[str, Any]) -> None:
    """Refuse a campaign that wants more structures than the shipped library has for one of its elements.

    Args:
        config: validated settings of the campaign, as plain data.

    Raises:
        ConfigError: too few; the message says how many there are. Or there is no such version, or it is damaged.
    """
    library, wanted = config["library"], config["labels"]["structures"]
    if library["source"] != "shipped":
        return
    try:
        shipped = read_library(library["version"])
    except LibraryError as error:
        raise ConfigError(f"library.version (is {library['version']}): {error}") from error
    for symbol, element in config["elements"].items():
        atoms, volume = library["cells"]["atoms"], element["volume"]
        if len(shipped.chosen(atoms, volume)) < wanted:
            raise ConfigError(
                f"elements.{symbol}: {shipped.shortage(atoms, volume, wanted)}: library.cells.atoms, "
                f"elements.{symbol}.volume, labels.structures"
            )


def sweep_points(potentials: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, dict[str, object]]]:
    """Return the settings of every combination of every potential that has a sweep.

    Args:
        potentials: validated settings of the potentials by name, as plain data.
    """
    points = {}
    for name, values in potentials.items():
        settings = PotentialSettings.model_validate(values)
        if isinstance(settings, FamilySettings) and settings.sweep:
            points[name] = settings.points()
    return points


def with_error_bars(potentials: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Return the names of the potentials that come with error bars.

    Args:
        potentials: validated settings of the potentials by name, as plain data.
    """
    settings = {name: PotentialSettings.model_validate(values) for name, values in potentials.items()}
    return [name for name, one in settings.items() if FAMILIES[one.family].has_error_bars(one)]


def one_of(names: Iterable[str]) -> str:
    """Return the pattern of a wildcard that takes these values only, and none when there are none."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"
