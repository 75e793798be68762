"""A configuration is validated before any job, and the message says what to do."""

import difflib
import importlib.util
import json
from pathlib import Path

import pytest
import yaml

from entromax.config import CampaignSettings, ConfigError, docs, load_campaign
from entromax.config.load import overlay, read_yaml
from entromax.workflow import check_profile, require_engines

ROOT = Path(__file__).parents[2]
ELEMENT_DIR = ROOT / "config/elements"
EIGHT = ["Al", "W", "Be", "Re", "Os", "C", "Sb", "Te"]
SNAP = {"family": "snap"}
GAP = {"family": "gap"}
UNSURE = {"low_energy": 0, "near_equilibrium": 0, "uncertain": 1}


def load(config: dict, *, origin: str = "my.yaml") -> dict:
    return load_campaign(config, origin=origin, element_dirs=[ELEMENT_DIR])


def with_al(**sections: object) -> dict:
    return {"elements": ["Al"], **sections}


def al(**overrides: object) -> dict:
    return {"elements": {"Al": overrides}}


BAD = {
    # name: (configuration, words that the message must hold: file, key, value or remedy)
    "unknown key at the top": (with_al(sed=1), ["my.yaml", "sed", "did you mean 'seed'"]),
    "unknown section": (with_al(librarry={}), ["my.yaml", "librarry", "did you mean 'library'"]),
    "unknown key deep down": (
        with_al(library={"cells": {"atomss": [1, 2]}}),
        ["library.cells.atomss", "did you mean 'atoms'"],
    ),
    "unknown key of an element": (al(dnn=2.86), ["my.yaml", "elements.Al.dnn", "did you mean 'd_nn'"]),
    "unknown key of the engine": (al(reference={"ecutt": 300}), ["elements.Al.reference.ecutt", "did you mean 'ecut'"]),
    "key of another engine": (
        al(reference={"engine": "emt", "ecut": 300}),
        ["elements.Al.reference.ecut", "unknown key"],
    ),
    "nested key at the top": (with_al(store="x"), ["my.yaml: store", "belongs below labels: write labels.store"]),
    "key of several sections at the top": (
        with_al(structures=9),
        ["write labels.structures or active.structures or validation.transfer.structures"],
    ),
    "key of another section": (with_al(labels={"rounds": 3}), ["labels.rounds", "write library.rounds"]),
    "key of the element at the top": (with_al(d_nn=2.8), ["belongs below elements.<name>: write elements.<name>.d_nn"]),
    "key of another family": (
        with_al(potentials={"mine": {"family": "gap", "members": 8}}),
        ["potentials.mine.members", "key of another kind"],
    ),
    "no elements": ({}, ["my.yaml", "elements", "elements: [Al]"]),
    "empty elements": ({"elements": []}, ["my.yaml", "elements", "name at least one"]),
    "elements as a word": ({"elements": "Al"}, ["elements", "'Al'", "elements: [Al]"]),
    "not an element": ({"elements": ["Xx"]}, ["my.yaml", "'Xx' is not a chemical element"]),
    "an element's name instead of its symbol": ({"elements": ["aluminium"]}, ["'aluminium'", "symbols such as Al"]),
    "element without a file": ({"elements": ["Cu"]}, ["Cu", "config/elements/Cu.yaml"]),
    "element overrides that are a number": ({"elements": {"Al": 3}}, ["elements.Al", "3"]),
    "unit written behind the number": (al(reference={"ecut": "300 eV"}), ["ecut", "'300 eV'", "without a unit"]),
    "d_nn in nm": (al(d_nn=0.286), ["elements.Al.d_nn", "0.286", "greater than or equal to 0.7"]),
    "d_nn in pm": (al(d_nn=286.0), ["elements.Al.d_nn", "286.0", "less than or equal to 6"]),
    "cutoff in Hartree": (al(reference={"ecut": 7.3}), ["ecut", "7.3", "greater than or equal to 100"]),
    "number of atoms not whole": (
        with_al(library={"cells": {"atoms": [1, 2.5]}}),
        ["library.cells.atoms", "2.5", "whole"],
    ),
    "true for a number": (with_al(seed=True), ["seed", "True"]),
    "text for a list": (with_al(library={"cells": {"volume": "0.5-3"}}), ["library.cells.volume", "list"]),
    "three numbers in a range": (
        with_al(library={"cells": {"volume": [0.5, 1, 2]}}),
        ["library.cells.volume", "fewer"],
    ),
    "volume range upside down": (
        with_al(library={"cells": {"volume": [3.5, 0.5]}}),
        ["library.cells.volume", "write [0.5, 3.5]"],
    ),
    "empty volume range": (with_al(library={"cells": {"volume": [1.0, 1.0]}}), ["volume", "must exceed"]),
    "volume range without room": (with_al(library={"cells": {"volume": [1.0, 1.05]}}), ["volume", "no room"]),
    "volume denser than close packing of the cores": (
        with_al(library={"cells": {"volume": [0.05, 1.0]}}),
        ["library.cells", "0.05", "core_radius"],
    ),
    "negative volume": (al(volume=[-1.0, 1.0]), ["elements.Al.volume", "-1.0"]),
    "element's volumes outside the library's": (
        {"elements": {"Al": {"volume": [4.0, 5.0]}}},
        ["elements.Al.volume", "nothing in common"],
    ),
    "flat cells": (with_al(library={"cells": {"angles": [5, 175]}}), ["angles", "[30, 150]"]),
    "zero structures": (with_al(labels={"structures": 0}), ["labels.structures", "0"]),
    "settings of a library that is shipped": (
        with_al(library={"rounds": 3, "cells": {"core_radius": 0.7}}),
        ["library", "rounds, cells.core_radius", "source: made"],
    ),
    "zero rounds": (with_al(library={"rounds": 0}), ["library.rounds", "0"]),
    "more labels than structures": (
        with_al(
            library={"source": "made", "rounds": 1, "batches": 1, "structures_per_batch": 8}, labels={"structures": 50}
        ),
        ["labels.structures", "50", "at most 8"],
    ),
    "unknown engine": (al(reference={"engine": "vsap"}), ["elements.Al.reference", "vsap", "gpaw"]),
    "unknown feature set": (with_al(library={"features": {"name": "soap"}}), ["library.features.name", "bispectrum"]),
    "2J out of range": (with_al(library={"features": {"twojmax": 20}}), ["library.features.twojmax", "20"]),
    "unknown ground state": (al(ground_state="hpc"), ["elements.Al", "hpc", "not among crystals"]),
    "unknown crystal": (al(crystals={"fc": {"volume": 16.0}}), ["elements.Al", "'fc'", "choose from fcc"]),
    "crystal without a volume": (al(crystals={"A7": {}}), ["elements.Al.crystals.A7.volume", "add this key"]),
    "no potentials": (with_al(potentials={}), ["potentials"]),
    "unknown family": (with_al(potentials={"mine": {"family": "eam"}}), ["potentials.mine", "eam"]),
    "nothing left to train on": (
        with_al(dataset={"test_fraction": 0.5, "validation_fraction": 0.4}),
        ["dataset", "0.8"],
    ),
    "active learning with no potential named": (
        with_al(active={"iterations": 1}),
        ["active.potential", "is None", "name gap", "active.iterations to 0"],
    ),
    "a share of uncertain structures without a linear family": (
        with_al(active={"iterations": 1, "shares": UNSURE}),
        ["active.potential", "is None", "add one, such as `snap: {family: snap}`"],
    ),
    "a share of uncertain structures for a family that is not linear": (
        with_al(active={"iterations": 1, "potential": "gap", "shares": UNSURE}, potentials={"gap": GAP, "a": SNAP}),
        ["active.potential", "is 'gap'", "ace or snap", "name a"],
    ),
    "shares of a batch that are no whole": (
        with_al(active={"shares": {"uncertain": 0.5}}),
        ["active.shares", "add up to 1.5", "so that they add up to 1"],
    ),
    "more vacancies than structures near equilibrium": (
        with_al(active={"structures": 10, "vacancies": 5}),
        ["active", "5 vacancies wanted", "has 4 structures near equilibrium", "raise `structures`"],
    ),
    "active learning with a sweep": (
        with_al(
            active={"iterations": 1, "potential": "b"},
            potentials={"a": SNAP, "b": SNAP | {"sweep": {"members": [8, 16]}}},
        ),
        ["active.potential", "is 'b'", "without a sweep", "name a"],
    ),
    "negative seed": (with_al(seed=-1), ["seed", "-1"]),
    "campaign name with a slash": (with_al(campaign="a/b"), ["campaign", "a/b"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_configuration_is_refused_with_file_key_and_remedy(name: str) -> None:
    config, words = BAD[name]
    with pytest.raises(ConfigError) as error:
        load(config)
    for word in words:
        assert word in str(error.value)
    assert len(str(error.value).splitlines()) == 1


BAD_FILES = {
    "not YAML": ("d_nn: 2.8\nseed: [1, 2", r"Al\.yaml: line 2, column 12: is not valid YAML: .*expected ',' or '\]'"),
    "a tab": ("volume:\n\t- 1.0\n", r"Al\.yaml: line 2, column 1: is not valid YAML: .*with spaces, not with tabs"),
    "two colons": ("d_nn: a: 3\n", r"Al\.yaml: line 1, column 8: is not valid YAML"),
    "an unknown alias": ("\nd_nn: *x\n", r"Al\.yaml: line 2, column 7: is not valid YAML: found undefined alias"),
    "a list instead of keys": ("- Al\n- W\n", "`key: value`"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_is_refused(name: str, tmp_path: Path) -> None:
    text, words = BAD_FILES[name]
    (tmp_path / "Al.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_campaign({"elements": ["Al"]}, origin="my.yaml", element_dirs=[ELEMENT_DIR, tmp_path])


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Al.yaml").write_bytes(b"d_nn: \xff")
    with pytest.raises(ConfigError, match=r"Al\.yaml: is not valid YAML: 'utf-8' codec can't decode byte 0xff"):
        read_yaml(tmp_path / "Al.yaml")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path / "absent.yaml")


def test_error_names_the_file_that_holds_the_key(tmp_path: Path) -> None:
    (tmp_path / "Al.yaml").write_text("d_nn: wide\n")
    with pytest.raises(ConfigError, match=str(tmp_path / "Al.yaml")):
        load_campaign({"elements": ["Al"]}, origin="my.yaml", element_dirs=[ELEMENT_DIR, tmp_path])


def test_all_errors_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        load(with_al(seed=-1, labels={"structures": 0}))
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("default", "rules", "words"),
    [
        ({"slurm_partition": "CHANGE_ME"}, {}, "default-resources.slurm_partition"),
        ({"slurm_partition": "cpu"}, {"maximise_batch": {"slurm_partition": "CHANGE_ME"}}, "maximise_batch"),
        ({"mem_mb": 100}, {}, "is missing"),
    ],
)
def test_slurm_profile_that_was_not_adapted_is_refused(default: dict, rules: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_profile("slurm", default, rules)


def test_missing_engine_is_refused_with_its_element_and_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    elements = CampaignSettings.model_validate(load(with_al())).elements
    require_engines(elements)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"elements\.Al\.reference\.engine: .*'gpaw' is not installed here; install"):
        require_engines(elements)


def test_local_profile_needs_no_partition() -> None:
    assert check_profile("local", {"mem_mb": 100}, {}) is None


def test_adapted_slurm_profile_passes() -> None:
    assert check_profile("slurm", {"slurm_partition": "cpu"}, {"maximise_batch": {"slurm_partition": "gpu"}}) is None


@pytest.mark.parametrize("symbol", EIGHT)
def test_element_files_are_valid(symbol: str) -> None:
    element = load({"elements": [symbol]})["elements"][symbol]
    assert element["ground_state"] in element["crystals"]
    assert element["reference"]["engine"] == "gpaw"


@pytest.mark.parametrize("symbol", EIGHT)
def test_ground_state_lies_in_the_volume_range_of_its_element(symbol: str) -> None:
    element = load({"elements": [symbol]})["elements"][symbol]
    reduced = element["crystals"][element["ground_state"]]["volume"] / element["d_nn"] ** 3
    assert element["volume"][0] < reduced < element["volume"][1]


def test_quickstart_is_valid_and_its_merge_repeats_it() -> None:
    merged = load(read_yaml(ROOT / "config/config.yaml"))
    assert merged["elements"]["Al"]["reference"]["ecut"] == 200
    assert merged["elements"]["Al"]["d_nn"] == 2.86
    assert load_campaign(yaml.safe_load(yaml.safe_dump(merged)), origin="saved", element_dirs=[]) == merged


def test_change_of_engine_replaces_the_section() -> None:
    element = load(al(reference={"engine": "emt"}))["elements"]["Al"]
    assert element["reference"] == {"engine": "emt"}


def test_overlay_merges_mappings_and_replaces_the_rest() -> None:
    assert overlay({"a": {"b": 1, "c": [1, 2]}}, {"a": {"c": [3]}}) == {"a": {"b": 1, "c": [3]}}


def test_generated_files_are_fresh() -> None:
    for path, text in ((docs.README, docs.readme()), (docs.SCHEMA, json.dumps(docs.schema(), indent=2) + "\n")):
        difference = difflib.unified_diff(
            (ROOT / path).read_text().splitlines(), text.splitlines(), "committed", "models"
        )
        assert not list(difference), f"{path} is stale, run `python -m entromax.config.docs`:\n" + "\n".join(difference)


def test_every_number_names_its_unit_or_is_a_count() -> None:
    """Floats carry a unit in square brackets in their description, the dimensionless ones [1], unless a fraction."""
    sections = CampaignSettings.model_json_schema()["$defs"]
    for name, section in sections.items():
        for key, field in section["properties"].items():
            if field.get("type") == "number" and key not in ("rfac0", "eps") and "fraction" not in key:
                assert field["description"].endswith("]"), f"{name}.{key}"
