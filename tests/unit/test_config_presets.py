"""Presets: what a level stands for, what wins over it, and where there is none."""

from itertools import pairwise
from pathlib import Path

import pytest

from entromax.config import CampaignSettings, ConfigError, load_campaign
from entromax.config.models import Settings
from entromax.config.presets import LEVELS, with_preset
from entromax.labels.engines.gpaw import GpawSettings
from entromax.registry import ENGINES

ROOT = Path(__file__).parents[2]
ELEMENTS = ("Al", "W", "Be", "Re", "Os", "C", "Sb", "Te")


def reference(element: str, **settings: float | str) -> Settings:
    config = {"elements": {element: {"reference": settings} if settings else {}}}
    merged = load_campaign(config, origin="my.yaml", element_dirs=[ROOT / "config" / "elements"])
    assert load_campaign(merged, origin="merged", element_dirs=[]) == merged, "the merged settings are complete"
    return CampaignSettings.model_validate(merged).elements[element].reference


@pytest.mark.parametrize("element", ELEMENTS)
def test_every_element_has_all_levels_of_gpaw_each_dearer_than_the_one_before(element: str) -> None:
    found = [ENGINES["gpaw"].preset(element, level) for level in LEVELS]
    for cheap, dear in pairwise(found):
        assert cheap["ecut"] <= dear["ecut"] and cheap["kspacing"] > dear["kspacing"]
    standard = reference(element)
    assert (standard.engine, standard.level) == ("gpaw", "standard") and standard.ecut == found[2]["ecut"]


def test_another_engine_brings_its_own_numbers() -> None:
    qe = reference("Te", engine="qe")
    assert (qe.engine, qe.level, qe.ecut, qe.kspacing) == ("qe", "standard", 350.0, 0.2)
    tight = reference("Te", engine="qe", level="tight")
    assert tight.ecut > qe.ecut and tight.kspacing < qe.kspacing


@pytest.mark.parametrize(
    ("level", "kspacing", "ecut"),
    [(1, 10.0, 300.0), (2, 1.0, 300.0), (3, 0.75, 400.0), (4, 0.5, 500.0), (5, 0.25, 700.0), (6, 0.1, 900.0)],
)
def test_levels_of_vasp_are_those_published(level: int, kspacing: float, ecut: float) -> None:
    vasp = reference("Be", engine="vasp", level=level)
    assert (vasp.level, vasp.kspacing, vasp.ecut) == (level, kspacing, ecut)


def test_a_number_wins_over_the_level_which_then_gives_up_its_name() -> None:
    own = reference("Al", ecut=222.0)
    assert (own.ecut, own.kspacing, own.level) == (222.0, ENGINES["gpaw"].preset("Al", "standard")["kspacing"], None)
    assert reference("Al", level="coarse").level == "coarse"


def test_where_there_is_no_preset_the_message_says_what_to_write() -> None:
    with pytest.raises(ConfigError, match=r"elements\.W\.reference\.level .*qe has presets for Al, C, Sb, Te only"):
        reference("W", engine="qe", level="tight")
    with pytest.raises(ConfigError, match=r"elements\.W\.reference.*ecut: .*add this key"):
        reference("W", engine="qe")
    with pytest.raises(ConfigError, match=r"elements\.Al\.reference.*level \(is 'best'\)"):
        reference("Al", level="best")
    with pytest.raises(ConfigError, match=r"level \(is 7\)"):
        reference("Al", engine="vasp", level=7)
    assert with_preset("Al", {"engine": "emt"}) == {"engine": "emt"}


def test_settings_with_a_level_and_no_numbers_are_refused_where_nobody_resolves_it() -> None:
    with pytest.raises(ValueError, match="level: is resolved when a campaign is loaded"):
        GpawSettings(level="tight")
