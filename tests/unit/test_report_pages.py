"""Reports of a small campaign: self-contained, complete, honest."""

import base64
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from PIL import Image

from entromax.config.models import (
    CampaignSettings,
    CrystalSettings,
    ElementSettings,
    LabelSettings,
    LibrarySettings,
    RobustnessSettings,
    ValidationSettings,
)
from entromax.entropy.analysis import describe_shapes, project
from entromax.features.bispectrum import BispectrumSettings
from entromax.labels.engines.emt import EmtSettings
from entromax.report.kit import embed
from entromax.report.pages.campaign import report_campaign
from entromax.report.pages.element import report_element
from entromax.report.topics.eos import plot_eos
from entromax.report.topics.errors import plot_errors
from entromax.report.topics.labels import plot_labels
from entromax.report.topics.library import plot_growth, plot_library
from entromax.report.topics.robustness import plot_robustness
from entromax.runtime import write_json
from entromax.structures import crystal, eos_structures, with_sid, write_structures
from entromax.validation import validate_eos, validate_errors, validate_robustness

pytestmark = pytest.mark.slow  # every picture is drawn
SETTINGS = CampaignSettings(
    campaign="small",
    library=LibrarySettings(source="made", rounds=1, batches=1, structures_per_batch=12),
    labels=LabelSettings(structures=12),
    elements={
        "Al": ElementSettings(
            d_nn=2.86,
            volume=[0.5, 1.6],
            ground_state="fcc",
            crystals={"fcc": CrystalSettings(volume=16.0)},
            reference=EmtSettings(),
        )
    },
    validation=ValidationSettings(
        robustness=RobustnessSettings(
            temperatures=[300.0, 1000.0], compressions=[1.0], atoms=4, steps=40, crystal_atoms=4, crystal_steps=20
        )
    ),
)
TOPICS = Path(__file__).parents[2] / "src/entromax/report/topics"
REASON = "SCF did not converge <b>at all</b> & gave up"


def label(atoms: Atoms) -> Atoms:
    atoms = with_sid(atoms) if "sid" not in atoms.info else atoms
    calculated = atoms.copy()
    calculated.calc = EMT()
    atoms.info["REF_energy"] = calculated.get_potential_energy()
    atoms.info["REF_stress"] = calculated.get_stress()
    atoms.arrays["REF_forces"] = calculated.get_forces()
    return atoms


def library_structures(symbol: str = "Al", scale: float = 2.86) -> list[Atoms]:
    structures = []
    for k in range(12):
        atoms = crystal("fcc", symbol, (0.7 + 0.05 * k) * scale**3) * (1 + k % 3, 1, 1)
        atoms.rattle(0.05 * scale, seed=k)
        structures.append(with_sid(atoms))
    return structures


def ledger_row(atoms: Atoms, state: str = "converged", reason: str = "") -> dict:
    energy = atoms.info["REF_energy"] / len(atoms) if state == "converged" else np.nan
    return {
        "sid": atoms.info["sid"],
        "config_type": atoms.info.get("config_type", "library"),
        "state": state,
        "reason": reason,
        "attempts": 1,
        "seconds": 1.5 * len(atoms),
        "atoms": len(atoms),
        "volume": atoms.get_volume() / len(atoms),
        "energy": energy,
    }


def write_scorecard(tests: Path, *, passes: bool) -> None:
    """Write a scorecard of one row."""
    value = 16.0 if passes else 33.0
    row = {"metric": "volume", "quantity": "volume of fcc", "potential": value, "reference": 16.0, "source": "EMT"}
    row |= {"unit": "Å³/atom", "threshold": "± 1.5 %", "low": 15.8, "high": 16.2, "reason": "", "required": True}
    write_json(tests / "scorecard.json", {"passed": passes, "rows": [row | {"passes": passes}]})


def make_element(folder: Path, *, good: bool = True) -> None:
    """Write what the jobs before the report write, with EMT as reference and as potential."""
    structures = [label(atoms) for atoms in library_structures()]
    atom = Atoms("Al", positions=[[5, 5, 5]], cell=[10, 10, 10], pbc=True)
    atom.info["config_type"] = "isolated_atom"
    reference = [label(atom), *(label(atoms) for atoms in eos_structures("fcc", "Al", 16.0, 7, 0.06))]
    labels, data, tests = folder / "labels", folder / "dataset", folder / "validation" / "gap"
    write_structures(labels / "reference.extxyz", reference)
    rows = [ledger_row(atoms) for atoms in structures]
    rows.append(ledger_row(structures[0], "unconverged", REASON))
    pd.DataFrame(rows).to_parquet(labels / "shard_1.parquet")
    pd.DataFrame([ledger_row(atoms) for atoms in reference]).to_parquet(labels / "reference.parquet")
    for name, part in {"train": structures[:8], "validation": structures[8:10], "test": structures[10:]}.items():
        write_structures(data / f"{name}.extxyz", part)
    manifest = pd.DataFrame(rows[:2]).assign(role=["outlier", "train"], rule=["max_force 50: 77.0 eV/Å", ""])
    manifest.to_parquet(data / "manifest.parquet")
    potential = folder / "potentials" / "gap"
    files = {
        "metrics": tests / "errors.json",
        "structures": tests / "errors_structures.csv",
        "bins": tests / "errors_bins.csv",
        "forces": tests / "errors_forces.parquet",
    }
    splits = {name: data / f"{name}.extxyz" for name in ("train", "validation", "test")}
    validate_errors(splits, potential, d_nn=2.86, features=BispectrumSettings(twojmax=2), **files)
    figures = {"energy_parity": "parity_energy", "force_parity": "parity_force", "binned": "errors_energy"}
    figures["by_distance"] = "errors_distance"
    plot_errors(files | {key: tests / f"{name}.png" for key, name in figures.items()})
    files = {
        "curves": tests / "eos_curves.csv",
        "parameters": tests / "eos_parameters.csv",
        "metrics": tests / "eos.json",
    }
    validate_eos(labels / "reference.extxyz", potential, element="Al", ground_state="fcc", **files)
    pictures = {"crystals": tests / "eos_curves.png", "ground_state": tests / "eos_ground_state.png"}
    plot_eos(files | pictures, ground_state="fcc")
    files = {"runs": tests / "robustness_runs.csv", "metrics": tests / "robustness.json"}
    robust = SETTINGS.validation.robustness
    validate_robustness(labels / "reference.extxyz", potential, ground_state="fcc", settings=robust, seed=1, **files)
    plot_robustness(files["runs"], tests / "robustness_runs.png")
    write_scorecard(tests, passes=good)
    names = ("states", "seconds", "energy_volume")
    ledgers = [labels / "shard_1.parquet", labels / "reference.parquet"]
    plot_labels(ledgers, {name: folder / "figures" / f"{name}.png" for name in names}, element="Al")


def make_library(folder: Path, *, grown: bool = True) -> None:
    """Write what the jobs of the library write, in small: tables, pictures; traces only of one that was grown here."""
    figures, analysis = folder / "figures", folder / "analysis"
    structures = library_structures("X", 1.0)
    write_structures(folder / "library.extxyz", structures)
    analysis.mkdir()
    rng = np.random.default_rng(0)
    rows = {"rank": range(12), "h_nats": np.arange(12.0), "h_random_nats": np.arange(12.0) - 3}
    pd.DataFrame(rows).to_csv(folder / "library.csv", index=False)
    sets = {"random": rng.normal(size=(40, 5)), "maximised": 2 * rng.normal(size=(60, 5))}
    project(sets, {"fcc": np.ones(5)}).save(analysis / "coverage.npz")
    reach = {"crystal": "fcc", "v_star": 0.7, "leverage": [9.0, 1.0], "nearest": 0.2}
    pd.DataFrame({"set": ["random", "maximised"], **reach}).to_csv(analysis / "reach.csv", index=False)
    shapes = pd.concat([describe_shapes(structures, "random"), describe_shapes(structures, "maximised")])
    shapes.to_csv(analysis / "shapes.csv", index=False)
    names = ("prefix", "coverage", "reach", "gallery", "volume", "atoms", "nearest")
    files = {"library": folder / "library.extxyz", "table": folder / "library.csv"}
    files |= {"coverage_table": analysis / "coverage.npz", "reach_table": analysis / "reach.csv"}
    files |= {"shapes": analysis / "shapes.csv", **{name: figures / f"{name}.png" for name in names}}
    plot_library(files, labelled=6)
    if grown:
        trace, random = folder / "round_1/batch_1.csv", analysis / "growth.csv"
        trace.parent.mkdir()
        pd.DataFrame({"step": range(5), "h_nats": np.arange(5) - 9.0}).to_csv(trace, index=False)
        pd.DataFrame({"round": [1], "structures": [6], "h_nats": [-8.0]}).to_csv(random, index=False)
        plot_growth([trace], random, figures / "growth.png")
    diversity = {"set": ["random", "maximised"], "n_structures": [9, 8], "n_environments": 20, "h_nats": [-8.0, -2.0]}
    pd.DataFrame(diversity | {"quests_0.03_nats": [2.0, 2.5]}).to_csv(folder / "diversity.csv", index=False)


def page_of(library: Path, folder: Path, output: Path) -> None:
    report_element("Al", SETTINGS, library_folder=library, folder=folder, output=output)


class Page(HTMLParser):
    """Collects the tags and the text of a page and checks that tags are balanced."""

    VOID = frozenset({"meta", "img", "br", "link", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        for module in ("errors", "eos", "robustness"):  # EMT stands in for a fitted potential, which would take minutes
            patch.setattr(f"entromax.validation.{module}.load_potential", lambda _: EMT())
        make_element(root / "Al")
    make_library(root / "library")
    page_of(root / "library", root / "Al", root / "Al" / "report.html")
    report_campaign(SETTINGS, results=root, figure=root / "figures" / "states.png", output=root / "report.html")
    yield root


@pytest.mark.parametrize("name", ["Al/report.html", "report.html"])
def test_page_is_well_formed_and_needs_nothing_from_outside(campaign: Path, name: str) -> None:
    text = (campaign / name).read_text()
    page = Page(text)
    assert page.open == []
    assert len(text.encode()) < 5_000_000
    targets = {
        value or "" for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")
    }
    assert all(target.startswith(("data:image/png;base64,", "#")) for target in targets)
    assert not re.search(r"url\(|@import|<script|<link", text)
    anchors = {attributes.get("id") for _, attributes in page.tags}
    assert {target[1:] for target in targets if target.startswith("#")} <= anchors


def test_every_figure_of_the_element_is_in_its_report(campaign: Path) -> None:
    page = Page((campaign / "Al/report.html").read_text())
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    embedded = {attributes["src"] for attributes in images}
    files = [path for folder in ("Al", "library") for path in (campaign / folder).rglob("*.png")]
    assert embedded == {image.uri for path in files for image in embed(path, "", "")}
    assert all(attributes["alt"] for attributes in images)


def test_embedded_pictures_keep_their_colours(campaign: Path) -> None:
    for path in [*(campaign / "Al").rglob("*.png"), *(campaign / "library").rglob("*.png")]:
        (data,) = [image.uri.split(",", 1)[1] for image in embed(path, "", "")]
        with Image.open(path) as drawn, Image.open(io.BytesIO(base64.b64decode(data))) as shown:
            change = np.abs(np.asarray(drawn.convert("RGB"), int) - np.asarray(shown.convert("RGB"), int))
        assert change.max() < 25, path  # of 255; the median cut is off by 60 and more


def test_every_figure_has_its_data_beside_it_and_is_readable_in_size(campaign: Path) -> None:
    pictures = list(campaign.rglob("*.png"))
    assert len(pictures) == 19
    for path in pictures:
        assert len(pd.read_csv(path.with_suffix(".csv"))) > 0, path
        with Image.open(path) as image:
            assert image.width >= 800 and image.convert("L").getextrema()[0] < 200, path


def test_report_names_failures_with_their_reason_escaped(campaign: Path) -> None:
    text = (campaign / "Al/report.html").read_text()
    assert REASON in Page(text).text
    assert REASON not in text
    assert "max_force 50: 77.0 eV/Å" in text


def test_report_of_a_good_potential_is_green_but_says_what_was_not_tested(campaign: Path) -> None:
    page = Page((campaign / "Al/report.html").read_text())
    verdicts = [attributes["class"] for _, attributes in page.tags if "verdict" in (attributes.get("class") or "")]
    assert verdicts == ["verdict green"]
    assert page.text.index("Scorecard") < page.text.index("passes its scorecard") < page.text.index("Not tested here")
    assert "teaching potential, not DFT" in page.text


def test_report_carries_what_is_needed_to_repeat_it(campaign: Path) -> None:
    text = Page((campaign / "Al/report.html").read_text()).text
    for words in ("config", "commit", "seed", "structures_per_batch: 12", "doi:10.1038/s41524-025-01602-9"):
        assert words in text


def test_report_of_a_broken_potential_says_so(campaign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("errors", "eos", "robustness"):
        target = f"entromax.validation.{module}.load_potential"
        monkeypatch.setattr(target, lambda _: LennardJones(sigma=0.9, epsilon=30.0, rc=6.0))
    make_element(tmp_path / "Al", good=False)
    page_of(campaign / "library", tmp_path / "Al", tmp_path / "r.html")
    page = Page((tmp_path / "r.html").read_text())
    verdicts = [attributes["class"] for _, attributes in page.tags if "verdict" in (attributes.get("class") or "")]
    assert verdicts == ["verdict red"]
    for words in ("do not trust it", "V₀: volume of fcc [Å³/atom]: 33.0 against 16.0", "failed after", "no minimum"):
        assert words in page.text


def test_report_without_validation_is_not_green(campaign: Path, tmp_path: Path) -> None:
    page_of(campaign / "library", tmp_path / "Al", tmp_path / "r.html")
    page = Page((tmp_path / "r.html").read_text())
    assert "no scorecard" in page.text
    assert not any(attributes.get("class") == "verdict green" for _, attributes in page.tags)


@pytest.mark.parametrize("topic", sorted(TOPICS.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_no_topic_imports_a_page_or_another_topic(topic: Path) -> None:
    assert not re.search(r"entromax\.report\.(topics|pages)", topic.read_text())


def test_library_without_traces_has_a_section_without_its_growth(tmp_path: Path) -> None:
    make_library(tmp_path / "library", grown=False)
    settings = SETTINGS.model_copy(update={"library": LibrarySettings()})
    report_campaign(settings, results=tmp_path, figure=tmp_path / "states.png", output=tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text())
    shown = [attributes["alt"] or "" for tag, attributes in page.tags if tag == "img"]
    assert len(shown) == 7 and not any("optimiser steps" in alt for alt in shown)
    assert "version 1, as it comes with entromax" in page.text and " batches × " not in page.text
