"""A new engine, feature set, family or property is one file: each example is put into a copy of entromax and used."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOMES = {
    "lennard_jones": "labels/engines",
    "radial": "features",
    "morse": "potentials",
    "ideal_strength": "validation/properties",
}
BEGIN = """
import json
from pathlib import Path
from entromax.config import CampaignSettings, docs, load_campaign
from entromax.labels.budget import LabelBudget
from entromax.report.topics.provenance import section, what_was_run

ELEMENT = {"d_nn": 2.86, "volume": [0.5, 1.6], "ground_state": "fcc", "crystals": {"fcc": {"volume": 16.0}}}

def campaign(reference={"engine": "emt"}, **sections):
    config = {"elements": {"Al": {**ELEMENT, "reference": reference}}, **sections}
    return CampaignSettings.model_validate(load_campaign(config, origin="my.yaml", element_dirs=[]))

def shown(settings):
    return repr([what_was_run(settings, ["Al"]), section(settings, ["Al"])])

schema, readme = json.dumps(docs.schema()), docs.readme()
"""
MORSE_LABELS = """
from tests.support import emt_cells
from ase.calculators.morse import MorsePotential

def labelled_by_morse(structures):
    reach = 2.0 * 2.86 / 2.95
    truth = MorsePotential(epsilon=0.27, rho0=4.1, r0=2.95, rcut1=0.8 * reach, rcut2=reach)
    for atoms in structures:
        copy = emt_cells.bare(atoms, truth)
        atoms.info |= {"REF_energy": copy.get_potential_energy(), "REF_stress": copy.get_stress()}
        atoms.arrays["REF_forces"] = copy.get_forces()
    return structures

train = labelled_by_morse([emt_cells.free_atom(), *emt_cells.cells(6, 0)])
"""
USES = {
    "lennard_jones": """
from ase.build import bulk
from entromax.contracts import check_engine
from entromax.labels.run import label_structures
from entromax.structures import with_sid
settings = campaign({"engine": "lennard_jones", "epsilon": 0.3})
assert "LennardJonesSettings" in schema and "(engine: lennard_jones)" in readme and "Proc. R. Soc. A 106" in readme
assert "epsilon 0.3 eV" in shown(settings) and "Labels: J. E. Jones" in shown(settings)
reference, atoms = settings.elements["Al"].reference, bulk("Al", "hcp", a=2.8, c=4.6)
atoms.rattle(0.1, seed=0)
labelled = with_sid(atoms)
labelled.info |= {"element": "Al"}
(record,) = label_structures(
    [labelled], element="Al", d_nn=2.86, reference=reference, limits=settings.labels,
    budget=LabelBudget("store"),
)
assert record.state == "converged" and record.energy < 0
check_engine(reference, atoms)
""",
    "radial": """
from entromax.contracts import check_features
from entromax.entropy.rounds import maximise_batch, merge_round, reference_sample
library = {
    "source": "made", "features": {"name": "radial", "functions": 6}, "cells": {"atoms": [1, 4]},
    "optimiser": {"steps": 3},
    "reference_structures": 24, "rounds": 1, "batches": 1, "structures_per_batch": 8, "entropy": {"strata": 1},
}
settings = campaign(library=library, labels={"structures": 8})
assert "RadialSettings" in schema and "(name: radial)" in readme and "98, 146401" in readme
assert "radial, cutoff 2 d_nn" in shown(settings) and "Features: J. Behler" in shown(settings)
reference_sample(settings.library, seed=1, structures="random.extxyz", state="0.npz")
maximise_batch(
    settings.library, state="0.npz", seed=1, round=1, batch=1, structures="1.extxyz", trace="1.csv"
)
assert Path("1.extxyz").stat().st_size > 0
check_features(settings.library.features)
""",
    "morse": MORSE_LABELS
    + """
from entromax.contracts import check_family
settings = campaign(potentials={"mine": {"family": "morse", "cutoff": 2.0}})
assert "MorseSettings" in schema and "(family: morse)" in readme and "Phys. Rev. 34, 57" in readme
assert "MORSE" in shown(settings) and "Potential: P. M. Morse" in shown(settings)
check_family(settings.potentials["mine"], train, [], element="Al", d_nn=2.86)
""",
    "ideal_strength": """
from ase.calculators.emt import EMT
import entromax.validation.properties.jobs as jobs
from entromax.contracts import check_property
from entromax.registry import PROPERTIES
from entromax.report.topics.properties import plot_property
from entromax.validation.properties import Case
settings = campaign(validation={"properties_by_dft": ["ideal_strength"]})
assert "ideal_strength" in settings.validation.properties and '"ideal_strength"' in schema
assert "`ideal_strength`" in readme and "Ideal strength: D. Roundy" in shown(settings)
element, validation = settings.elements["Al"], settings.validation
jobs.label_property(
    "ideal_strength", element="Al", settings=element, limits=settings.labels,
    properties=validation.property_settings, output="dft.json", budget=LabelBudget("store"),
)
jobs.load_potential = lambda folder: EMT()
case = Case("Al", element, settings.labels.eos, validation.property_settings)
jobs.validate_property(
    "ideal_strength", ".", case, metrics="own.json", table="own_values.csv", reference="dft.json"
)
assert "ideal strength,GPa" in Path("own_values.csv").read_text()
plot_property("own.json", "own_values.csv", "own.png")
result = check_property(PROPERTIES["ideal_strength"], EMT(), case)
assert 2 < result.quantities[0].value < 30
""",
}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", HOMES)
def test_one_file_is_enough(name: str, tmp_path: Path) -> None:
    copy = tmp_path / "src/entromax"
    shutil.copytree(ROOT / "src/entromax", copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = files(copy)
    shutil.copy(ROOT / f"examples/{name}.py", copy / HOMES[name])
    run(BEGIN + USES[name], tmp_path)
    after = files(copy)
    touched = {path for path in after if after[path] != before.get(path)}
    assert touched == {f"{HOMES[name]}/{name}.py"}


def run(code: str, folder: Path) -> None:
    """Run code with the copy of entromax below ``folder``, which is the working directory."""
    path = os.pathsep.join([str(folder / "src"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_files_serve_as_plug_ins(tmp_path: Path) -> None:
    for name in ("lennard_jones", "morse"):
        shutil.copy(ROOT / f"examples/{name}.py", tmp_path / f"my_{name}.py")
    shutil.copytree(ROOT / "src/entromax", tmp_path / "src/entromax", ignore=shutil.ignore_patterns("__pycache__"))
    run(BEGIN + MORSE_LABELS + PLUGINS, tmp_path)


PLUGINS = """
from ase.build import bulk
from entromax.contracts import check_engine, check_family
from entromax.labels.engines import engine_available, physics_hash
from entromax.workflow import require_engines, require_families
reference = {"engine": "plugin", "file": "my_lennard_jones.py", "options": {"epsilon": 0.3}}
potential = {"family": "plugin", "file": "my_morse.py", "options": {"cutoff": 2.0}}
settings = campaign(reference, potentials={"mine": potential})
require_engines(settings.elements), require_families(settings.potentials)
assert "epsilon 0.3 eV" in shown(settings) and "an engine of your own" in shown(settings)
engine = settings.elements["Al"].reference
atoms = bulk("Al", "hcp", a=2.8, c=4.6)
atoms.rattle(0.1, seed=0)
check_engine(engine, atoms)
check_family(settings.potentials["mine"], train, [], element="Al", d_nn=2.86)

first = physics_hash(engine)
changed = engine.model_copy(update={"options": {"epsilon": 0.4}})
assert physics_hash(changed) != first, "options are physics"
Path("my_lennard_jones.py").rename("moved.py")
moved = engine.model_copy(update={"file": "moved.py"})
assert physics_hash(moved) == first, "the name of the file is not"
Path("moved.py").write_text(Path("moved.py").read_text() + "# changed")
assert physics_hash(moved) != first, "its content is"

assert "there is no file 'my_lennard_jones.py'" in engine_available(engine)
wrong = moved.model_copy(update={"options": {"epsilom": 1.0}})
assert "reference.options: of moved.py: epsilom: Extra inputs" in engine_available(wrong)
Path("empty.py").touch()
assert "ENGINE is a NoneType, not a Engine" in engine_available(moved.model_copy(update={"file": "empty.py"}))
"""
