"""The command line for people."""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from entromax.cli import main
from entromax.config import load_campaign
from entromax.config.models import CampaignSettings, LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines import physics_hash
from entromax.labels.engines.emt import EmtSettings
from entromax.labels.record import Attempt, Record
from entromax.labels.run import label_structures
from entromax.labels.store import LabelStore
from entromax.progress import load_results, rate
from entromax.runtime import write_yaml
from entromax.structures import with_sid, write_structures

CONFIG = {"elements": {"Al": {"reference": {"engine": "emt"}}}}
ELEMENT_DIR = Path(__file__).parents[2] / "config/elements"


@pytest.fixture
def campaign(tmp_path: Path) -> LabelStore:
    """Store of a campaign in which one structure has crashed and one has timed out."""
    merged = load_campaign(CONFIG, origin="my.yaml", element_dirs=[ELEMENT_DIR])
    write_yaml(tmp_path / "results/config.yaml", merged)
    reference = CampaignSettings.model_validate(merged).elements["Al"].reference
    store = LabelStore(tmp_path / "store", "Al", physics_hash(reference))
    with store:
        store.append(Record(sid="a1", state="crashed", reason="killed by SIGSEGV", element="Al"))
        store.append(Record(sid="b2", state="timeout", reason="1800 s", element="Al"))
    return store


def run(campaign: LabelStore, *arguments: str) -> int:
    root = campaign.folder.parents[2]
    return main(["--results", str(root / "results"), "--store", str(root / "store"), *arguments])


def test_retry_forgets_only_the_states_that_are_named(campaign: LabelStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(campaign, "retry", "Al", "--only", "crashed") == 0
    assert "Al: 1 crashed" in capsys.readouterr().out
    assert set(campaign.read()) == {"b2"}


def test_retry_without_a_choice_forgets_all_failures(campaign: LabelStore) -> None:
    assert run(campaign, "retry", "Al") == 0
    assert campaign.read() == {}


def test_unknown_state_is_refused_with_the_choices(campaign: LabelStore, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(campaign, "retry", "Al", "--only", "broken")
    assert "choose from" in capsys.readouterr().err
    assert set(campaign.read()) == {"a1", "b2"}


@pytest.fixture
def labelled(campaign: LabelStore) -> tuple[LabelStore, str]:
    """Store with a label of EMT, whose sid is returned, and a structure whose engine has crashed twice."""
    atoms = with_sid(bulk("Al", "hcp", a=2.86, c=4.67))
    atoms.info |= {"element": "Al", "library_sid": "feed01"}
    root, limits = campaign.folder.parents[1], LabelSettings()
    label_structures([atoms], element="Al", d_nn=2.86, reference=EmtSettings(), limits=limits, budget=LabelBudget(root))
    crashed = Record(
        sid="c3",
        state="crashed",
        reason="LinAlgError: singular overlap",
        element="Al",
        library_sid="beef02",
        numbers=[13],
        cell=[[0, 2, 2], [2, 0, 2], [2, 2, 0]],
        positions=[[0, 0, 0]],
        attempts=[
            Attempt(0, "default", "", "unconverged", "no self-consistency", 1.5, 7),
            Attempt(1, "careful", "mixing 0.05", "crashed", "LinAlgError: singular overlap", 2.5),
        ],
    )
    with campaign:
        campaign.append(crashed)
    campaign.failures.mkdir()
    (campaign.failures / "c3.txt").write_text("first words\nlast [words]\n")
    return campaign, str(atoms.info["sid"])


def test_inspect_shows_structure_label_and_picture(
    labelled: tuple[LabelStore, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, sid = labelled
    for beginning in (sid, "feed"):
        picture = tmp_path / f"{beginning}.png"
        assert run(store, "inspect", beginning, "--picture", str(picture)) == 0
        text = capsys.readouterr().out
        check = bulk("Al", "hcp", a=2.86, c=4.67)
        check.calc = EMT()
        assert f"{check.get_potential_energy() / 2:.4f} eV/atom" in text
        assert sid in text and "Al2" in text and "distance: 2.860 Å" in text and "state: converged" in text
        assert plt.imread(picture).std() > 0.05, "the picture is empty"


def test_inspect_shows_what_was_tried_and_what_the_engine_said(
    labelled: tuple[LabelStore, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(labelled[0], "inspect", "beef02", "--picture", str(tmp_path / "p.png"), "--lines", "1") == 0
    text = capsys.readouterr().out
    assert "attempt 1: default (as configured), unconverged no self-consistency 1.5 s, 7 iterations" in text
    assert "attempt 2: careful (mixing 0.05), crashed LinAlgError" in text
    assert "last [words]" in text and "first words" not in text


@pytest.mark.parametrize(("beginning", "words"), [("zzz", "no structure in"), ("", "write more")])
def test_inspect_refuses_what_names_no_single_structure(
    beginning: str, words: str, labelled: tuple[LabelStore, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(labelled[0], "inspect", beginning) == 2
    assert words in capsys.readouterr().err


def test_status_counts_failures_by_reason_and_sizes_jobs(
    campaign: LabelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    structures = [with_sid(bulk("Al", a=4.0 + 0.01 * number)) for number in range(6)]
    for atoms in structures:
        atoms.info |= {"element": "Al", "library_sid": "lib"}
    write_structures(campaign.folder.parents[2] / "results/Al/structures/shard_1.extxyz", structures)
    with campaign:
        for number, atoms in enumerate(structures[:5]):
            failed = number < 3
            campaign.append(
                Record(
                    sid=str(atoms.info["sid"]),
                    state="unconverged" if failed else "converged",
                    reason=f"not converged after {100 + number} steps" if failed else "",
                    energy=None if failed else -3.0,
                    seconds=30.0,
                )
            )
    assert run(campaign, "status", "--job-minutes", "20") == 0
    text = capsys.readouterr().out
    assert "Al 3 unconverged: not converged after 10" in text
    assert "A label job of 20 min holds 40 structures" in text
    row = next(line.split() for line in text.splitlines() if line.startswith("Al "))
    assert row[1:8] == ["2", "3", "0", "0", "0", "1", "30.0"] and float(row[8]) > 0


def test_rate_is_that_of_the_last_hour() -> None:
    assert rate([0.0, 5600.0, 6800.0], now=7400.0) == pytest.approx(4.0)
    assert rate([0.0, 5600.0], now=7400.0) is None


def test_results_of_a_version_with_other_defaults_of_making_are_read(campaign: LabelStore, tmp_path: Path) -> None:
    merged = load_campaign(CONFIG, origin="my.yaml", element_dirs=[ELEMENT_DIR])
    merged["library"]["optimiser"]["steps"] += 1
    with pytest.raises(ValueError, match="another version has saved other defaults"):
        CampaignSettings.model_validate(merged)
    write_yaml(tmp_path / "results/config.yaml", merged)
    assert load_results(tmp_path / "results").library.source == "shipped"
