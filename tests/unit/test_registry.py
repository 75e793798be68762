"""Registries: what is in them, what their entries say of themselves, and what reading them costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from entromax.contracts.requirements import SLOW, check_entry
from entromax.dataset.formats.base import ExportFormat
from entromax.features.base import FeatureSet
from entromax.labels.engines.base import Engine
from entromax.potentials.base import Family
from entromax.registry import ENGINES, FAMILIES, FEATURES, FORMATS, PROPERTIES, load_file
from entromax.validation.properties import Property, in_order

ROOT = Path(__file__).parents[2]
KINDS = {
    "engine": (ENGINES, Engine, "emt gpaw lammps plugin qe vasp"),
    "feature set": (FEATURES, FeatureSet, "bispectrum power_spectrum"),
    "family": (FAMILIES, Family, "ace external gap mace open_ace plugin snap"),
    "property": (
        PROPERTIES,
        Property,
        "bain dimer elastic expansion hexagonal lattice melt phases phonons stacking_fault surfaces trigonal vacancy "
        "zone_boundary",
    ),
    "format": (FORMATS, ExportFormat, "deepmd extxyz fitsnap hdf5 mace pacemaker"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_in_the_folder_is_in_the_registry(kind: str) -> None:
    registry, base, names = KINDS[kind]
    assert list(registry) == names.split()
    for name in registry:
        assert isinstance(registry[name], base)
        check_entry(registry[name], registry)
        # The report of a campaign ends with them; properties and formats are our own work unless they say otherwise.
        assert registry[name].citation or registry in (PROPERTIES, FORMATS)
    with pytest.raises(KeyError, match=f"{registry.key}: 'nothing' is unknown; choose from {registry.names[0]}"):
        registry["nothing"]


def test_the_report_shows_what_a_potential_is_for_before_what_it_may_be_for() -> None:
    assert [one.name for one in in_order()][:3] == ["lattice", "phases", "elastic"]
    assert len({one.place for one in in_order()}) == len(PROPERTIES)


def test_reading_the_settings_of_everything_imports_nothing_slow() -> None:
    code = (
        "import sys; from entromax.registry import *; [R[name] for R in (ENGINES, FEATURES, FAMILIES) for name in R];"
        "print(*(name for name in sys.argv[1:] if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, *SLOW], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_parse_of_the_snakefile_imports_nothing_slow() -> None:
    """Every job parses it."""
    code = (
        "import sys; from pathlib import Path; from entromax.config import CampaignSettings, load_campaign;"
        "from entromax.workflow import require_engines, require_families, with_error_bars, sweep_points;"
        "families = {name: {'family': name} for name in ('ace', 'gap', 'mace', 'open_ace', 'snap')};"
        "config = CampaignSettings.model_validate(load_campaign({'elements': ['Al'], 'potentials': families},"
        " origin='x', element_dirs=[Path('config/elements')]));"
        "require_engines(config.elements); require_families(config.potentials);"
        "assert with_error_bars(config.potentials) == ['ace', 'open_ace', 'snap'];"
        "print(*(name for name in sys.argv[1:] if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, *SLOW], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_file_from_outside_is_run_again_only_when_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    text = (ROOT / "examples/lennard_jones.py").read_text()
    file.write_text(text)
    first = load_file(file, "ENGINE", Engine)
    assert load_file(file, "ENGINE", Engine) is first
    file.write_text(text.replace('"lennard_jones"', '"other"'))
    assert load_file(file, "ENGINE", Engine).name == "other"
    with pytest.raises(TypeError, match=r"mine\.py: FAMILY is a NoneType, not a Family"):
        load_file(file, "FAMILY", Family)
