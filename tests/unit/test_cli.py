"""The command line for people."""

from pathlib import Path

import pytest

from entromax.cli import main
from entromax.config import load_campaign
from entromax.config.models import CampaignSettings
from entromax.labels.engines import physics_hash
from entromax.labels.record import Record
from entromax.labels.store import LabelStore
from entromax.runtime import write_yaml

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
