"""Properties of bad potentials, by the labelling engine, compared, judged and drawn."""

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from ase.calculators.morse import MorsePotential

from entromax.config.models import (
    CampaignSettings,
    CrystalSettings,
    ElementSettings,
    EosSettings,
    LabelSettings,
    Thresholds,
)
from entromax.config.models.validation import PropertySettings
from entromax.labels.budget import LabelBudget
from entromax.labels.calculator import LabelCalculator, NoLabelError
from entromax.labels.engines.emt import EmtSettings
from entromax.report.kit import view
from entromax.report.results import load_element_results
from entromax.report.topics.properties import all_numbers, findings, load_properties, overview, plot_property
from entromax.structures import crystal
from entromax.validation.properties import PROPERTIES, Case, Quantity, Result
from entromax.validation.properties.base import curve
from entromax.validation.properties.compare import compare
from entromax.validation.properties.jobs import label_property, run_property, validate_property
from entromax.validation.references import Number

SMALL = PropertySettings(atoms=8, layers=6, path_points=5, relaxation_steps=20, melt_atoms=16, melt_steps=50)


def element(ground_state: str = "fcc", volume: float = 16.0) -> ElementSettings:
    return ElementSettings(
        d_nn=2.86,
        volume=[0.5, 1.6],
        ground_state=ground_state,
        crystals={ground_state: CrystalSettings(volume=volume)},
        reference=EmtSettings(),
    )


def case(**changes: Any) -> Case:
    return Case("Al", element(**changes), EosSettings(), SMALL)


class Hostile(Calculator):
    """EMT near the perfect crystal, so that E(V) is fine, and something terrible elsewhere."""

    implemented_properties: ClassVar = ["energy", "forces", "stress"]

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def calculate(self, atoms: Atoms | None = None, properties: Any = ("energy",), changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, changes)
        copy = self.atoms.copy()
        copy.calc = EMT()
        forces = copy.get_forces()
        if len(copy) > 1:
            if self.kind == "raises":
                raise RuntimeError("segmentation of the mind")
            forces = {"nan": np.full_like(forces, np.nan), "attracts": 50 * np.sin(1e3 * copy.positions)}[self.kind]
        self.results = {"energy": copy.get_potential_energy(), "forces": forces, "stress": copy.get_stress()}


@pytest.mark.parametrize("kind", ["nan", "raises", "attracts"])
@pytest.mark.parametrize("name", ["phonons", "vacancy", "surfaces", "stacking_fault", "melt"])
def test_a_potential_that_blows_up_is_a_recorded_failure(name: str, kind: str) -> None:
    result = run_property(PROPERTIES[name], Hostile(kind), case())
    if (name, kind) == ("phonons", "attracts"):  # wrong forces give phonons, and nonsense that is flagged
        assert result.state == "done"
        return
    assert result.state == "failed"
    assert result.reason


def test_repulsion_without_a_wall_is_flagged() -> None:
    class Hole(MorsePotential):
        def calculate(self, *arguments: Any, **options: Any) -> None:
            super().calculate(*arguments, **options)
            if self.atoms.get_distance(0, 1, mic=True) < 1.6:
                self.results["energy"] -= 50.0

    result = run_property(PROPERTIES["dimer"], Hole(epsilon=0.4, r0=2.86, rho0=4.5), case())
    assert result.state == "done"
    assert any("hole in the repulsion" in flag for flag in result.flags)


@pytest.mark.parametrize(
    ("name", "ground_state"),
    [("stacking_fault", "bcc"), ("surfaces", "diamond"), ("stacking_fault", "graphite"), ("surfaces", "A8")],
)
def test_what_does_not_apply_says_so(name: str, ground_state: str) -> None:
    result = run_property(PROPERTIES[name], EMT(), case(ground_state=ground_state))
    assert result.state == "not applicable"
    assert ground_state in result.reason


def test_no_minimum_is_a_recorded_failure() -> None:
    result = run_property(PROPERTIES["lattice"], EMT(), case(volume=6.0))
    assert result.state == "failed"
    assert "no minimum" in result.reason


def test_result_survives_its_file() -> None:
    result = run_property(PROPERTIES["bain"], EMT(), case())
    again = Result.from_json(json.loads(json.dumps(result.to_json())))
    assert again.quantities == result.quantities
    assert again.ticks == result.ticks
    pd.testing.assert_frame_equal(again.curves, result.curves)


def calculator(folder: Path, **changes: Any) -> LabelCalculator:
    return LabelCalculator("Al", element(), LabelSettings(**changes), LabelBudget(folder / "store"))


def lines(folder: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in (folder / "store").rglob("*.jsonl"))


def test_label_calculator_is_the_engine_with_a_memory(tmp_path: Path) -> None:
    atoms = crystal("hcp", "Al", 15.0)
    atoms.rattle(0.05, seed=1)
    atoms.calc = calculator(tmp_path)
    direct = atoms.copy()
    direct.calc = EMT()
    assert atoms.get_potential_energy() == pytest.approx(direct.get_potential_energy(), abs=1e-6)
    np.testing.assert_allclose(atoms.get_forces(), direct.get_forces(), atol=1e-5)
    np.testing.assert_allclose(atoms.get_stress(), direct.get_stress(), atol=1e-6)
    before = lines(tmp_path)
    swapped = atoms[[1, 0]]
    swapped.calc = calculator(tmp_path)
    np.testing.assert_allclose(swapped.get_forces(), direct.get_forces()[[1, 0]], atol=1e-5)
    assert lines(tmp_path) == before == 1


def test_label_calculator_says_why_there_is_no_label(tmp_path: Path) -> None:
    atoms = Atoms("Al2", positions=[[0, 0, 0], [0, 0, 0]], cell=[4, 4, 4], pbc=True)
    atoms.calc = calculator(tmp_path, max_attempts=1)
    with pytest.raises(NoLabelError, match=r"crashed|unconverged"):
        atoms.get_potential_energy()


def test_reference_and_potential_of_the_same_method_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EMT through the label store against EMT: no deviation, and a second run labels nothing."""
    monkeypatch.setattr("entromax.validation.properties.jobs.load_potential", lambda _: EMT())
    settings = {"element": "Al", "settings": element(), "limits": LabelSettings(), "properties": SMALL}
    settings["budget"] = LabelBudget(tmp_path / "store")
    label_property("bain", output=tmp_path / "bain.json", **settings)
    labelled = lines(tmp_path)
    label_property("bain", output=tmp_path / "bain.json", **settings)
    assert lines(tmp_path) == labelled >= 5
    files = {"metrics": tmp_path / "metrics.json", "table": tmp_path / "values.csv"}
    validate_property("bain", tmp_path, case(), reference=tmp_path / "bain.json", **files)
    table = pd.read_csv(tmp_path / "values.csv")
    assert set(table["against"]) == {"reference"}
    np.testing.assert_allclose(table["error"], 0, atol=1e-3)


def test_deviations_count_against_the_reference_first() -> None:
    own = Result("done", quantities=[Quantity("a", 110.0, "GPa"), Quantity("b", 3.0, "GPa"), Quantity("c", 1.0, "eV")])
    reference = Result("done", quantities=[Quantity("a", 100.0, "GPa"), Quantity("b", 1.0, "GPa")])
    table = compare(own, reference, {"a": Number(50.0, "GPa", "x"), "c": Number(2.0, "eV", "y")}).set_index("quantity")
    assert table.loc["a", "error"] == pytest.approx(10)
    assert table.loc["b", "error"] == pytest.approx(20)  # against a tenth of the largest
    assert table.loc["c", "error"] == pytest.approx(-50)
    assert list(table["against"]) == ["reference", "reference", "published"]


def test_curves_are_compared_where_both_have_points() -> None:
    own = Result("done", curves=curve("path", [0, 1, 2], [0, 3, 9]))
    reference = Result("done", curves=curve("path", [0, 1], [0, 1]))
    table = compare(own, reference, {}, curve_unit="meV/atom")
    assert table["error"].iloc[0] == pytest.approx(np.sqrt(2))


def test_without_anything_to_compare_there_is_no_error() -> None:
    table = compare(Result("done", quantities=[Quantity("a", 1.0, "Å")]), Result("missing", "not asked for"), {})
    assert table["error"].isna().all()
    assert list(table["against"].fillna("")) == [""]


@pytest.fixture
def validated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Validation of one potential: values, a curve, a failure, something that does not apply, with figures."""
    folder = tmp_path / "validation" / "gap" / "properties"
    runs = {"elastic": EMT(), "trigonal": EMT(), "vacancy": Hostile("raises"), "dimer": EMT()}
    cases = {name: case() for name in runs}
    runs["surfaces"], cases["surfaces"] = EMT(), case(ground_state="sc")
    for name, potential in runs.items():
        monkeypatch.setattr("entromax.validation.properties.jobs.load_potential", lambda _, p=potential: p)
        files = {"metrics": folder / f"{name}.json", "table": folder / f"{name}_values.csv"}
        validate_property(name, tmp_path, cases[name], **files)
        plot_property(files["metrics"], files["table"], folder / f"{name}.png")
    return tmp_path


def test_every_property_has_a_figure_with_its_data(validated: Path) -> None:
    folder = validated / "validation" / "gap" / "properties"
    for file in folder.glob("*.json"):
        assert file.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
        assert len(pd.read_csv(file.with_suffix(".csv")))


def test_report_tells_failed_missing_and_not_applicable_apart(validated: Path) -> None:
    results = load_element_results(validated, "Al", CampaignSettings(elements={"Al": element()}))
    (potential,) = results.potentials
    properties = load_properties(potential)
    table = overview(properties, Thresholds(), "properties")
    rows = {row[0].text: [cell.text for cell in row] for row in table.cells()}
    assert rows["Surfaces"][1] == "not applicable"
    assert rows["Vacancy"][1] == "no value" and "segmentation of the mind" in rows["Vacancy"][3]
    assert rows["Elastic constants"][2] == "missing"
    assert "against published values" in rows["Elastic constants"][1]
    assert all(cell.light is None for row in table.cells() if row[0].text == "Elastic constants" for cell in row)
    numbers = {row[0].text: row for row in all_numbers(properties, Thresholds()).cells()}
    assert numbers["Elastic constants: C11 [GPa]"][2].text == "missing"
    found = findings(results, potential)
    assert any("Vacancy: no value" in one.text and one.light.colour == "red" for one in found)


def test_viewer_shows_small_cells_as_crystals() -> None:
    shown = json.loads(view({"fcc": crystal("fcc", "Al", 16.0)}).data)[0]
    assert shown["atoms"] == 1
    assert len(shown["positions"]) >= 12
    assert len(shown["lines"]) == 12
