"""Checks that the Snakefile makes before any job: profile, folders, engines, families, the library."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from entromax.config.load import ConfigError
from entromax.config.models import CampaignSettings, ElementSettings, FamilySettings, PotentialSettings
from entromax.labels.engines import engine_available
from entromax.labels.packs import PackError, require_packs
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


def require(campaign: CampaignSettings, origin: str) -> None:
    """Refuse a campaign that cannot run here.

    Args:
        campaign: its settings.
        origin: name of the file that they came from.

    Raises:
        ConfigError: a file is in the way of a folder, an engine or a family of potentials is missing, the shipped
            library has too few structures, or labels made before are damaged.
    """
    try:
        require_folders({"results": campaign.results, "labels.store": campaign.labels.store})
        require_engines(campaign.elements)
        require_families(campaign.potentials)
        require_library(campaign)
        require_labels(campaign.labels.packs)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from error


def require_folders(folders: Mapping[str, str]) -> None:
    """Refuse folders that cannot be made because a file is in their place.

    Args:
        folders: their names, by the keys that name them.

    Raises:
        ConfigError: one of them, or a folder above it, is a file.
    """
    for key, name in folders.items():
        for path in (Path(name), *Path(name).parents):
            if path.exists() and not path.is_dir():
                raise ConfigError(
                    f"{key} (is {name!r}): {path} is a file where a folder belongs; write another name or move the file"
                )


def require_engines(elements: Mapping[str, ElementSettings]) -> None:
    """Refuse a campaign whose engines are not installed.

    Args:
        elements: settings of the elements by symbol.

    Raises:
        ConfigError: an engine is missing; the message names the element and what to install.
    """
    for symbol, element in elements.items():
        if message := engine_available(element.reference):
            raise ConfigError(f"elements.{symbol}.{message}")


def require_families(potentials: Mapping[str, PotentialSettings]) -> None:
    """Refuse a campaign whose families of potentials cannot be used here.

    Args:
        potentials: settings of the potentials by name.

    Raises:
        ConfigError: a package is missing, or the file of a user's own family cannot be used.
    """
    for name, settings in potentials.items():
        if message := family_available(settings):
            raise ConfigError(f"potentials.{name}: {message.removeprefix('potentials: ')}")


def require_library(campaign: CampaignSettings) -> None:
    """Refuse a campaign that wants more structures than the shipped library has for one of its elements.

    Raises:
        ConfigError: too few; the message says how many there are. Or there is no such version, or it is damaged.
    """
    library, wanted = campaign.library, campaign.labels.structures
    if library.source != "shipped":
        return
    try:
        shipped = read_library(library.version, order=library.shipped_order)
    except LibraryError as error:
        raise ConfigError(f"library.version (is {library.version}), library.shipped_order: {error}") from error
    for symbol, element in campaign.elements.items():
        atoms, volume = library.cells.atoms, element.volume
        if len(shipped.chosen(atoms, volume)) < wanted:
            raise ConfigError(
                f"elements.{symbol}: {shipped.shortage(atoms, volume, wanted)}: library.cells.atoms, "
                f"elements.{symbol}.volume, labels.structures"
            )


def require_labels(packs: Sequence[str]) -> None:
    """Refuse folders of labels that are missing or damaged.

    Args:
        packs: their names.

    Raises:
        ConfigError: one of them.
    """
    try:
        require_packs(packs)
    except PackError as error:
        raise ConfigError(f"labels.packs: {error}") from error


def sweep_points(potentials: Mapping[str, PotentialSettings]) -> dict[str, dict[str, dict[str, object]]]:
    """Return the settings of every combination of every potential that has a sweep.

    Args:
        potentials: settings of the potentials by name.
    """
    swept = {name: settings for name, settings in potentials.items() if isinstance(settings, FamilySettings)}
    return {name: settings.points() for name, settings in swept.items() if settings.sweep}


def with_error_bars(potentials: Mapping[str, PotentialSettings]) -> list[str]:
    """Return the names of the potentials that come with error bars.

    Args:
        potentials: settings of the potentials by name.
    """
    return [name for name, one in potentials.items() if FAMILIES[one.family].has_error_bars(one)]


def one_of(names: Iterable[str]) -> str:
    """Return the pattern of a wildcard that takes these values only, and none when there are none."""
    return "|".join(map(re.escape, sorted(names))) or "(?!)"
