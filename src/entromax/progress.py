"""How far a campaign has come, read from its results and from the label store; it may be running."""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import pandas as pd

from entromax.config.load import read_yaml
from entromax.config.models import CampaignSettings
from entromax.config.models.library import MADE_ONLY
from entromax.labels.engines import physics_hash
from entromax.labels.store import LabelStore
from entromax.layout import CampaignFolder, shard_numbers
from entromax.structures.io import read_structures


@dataclass(frozen=True)
class Stage:
    """Jobs of one stage: how many of its outputs are there."""

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class Outcome:
    """How one structure ended, and the time it took [s]."""

    sid: str
    state: str
    reason: str
    seconds: float


@dataclass(frozen=True)
class Reason:
    """Failures that differ in their numbers only."""

    count: int
    state: str
    example: Outcome


@dataclass(frozen=True)
class Labels:
    """Structures of one element by state, those of active learning so far included; ``left`` have no record yet."""

    element: str
    states: Mapping[str, int]
    left: int
    seconds: float
    failures: list[Outcome] = field(default_factory=list)
    per_hour: float | None = None

    @property
    def mean_seconds(self) -> float | None:
        """Mean time per structure so far [s]."""
        finished = sum(self.states.values())
        return self.seconds / finished if finished else None

    @property
    def hours_left(self) -> float | None:
        """Time left at the present rate [h]; None when nothing is labelled at present."""
        return self.left / self.per_hour if self.per_hour else None

    def reasons(self) -> list[Reason]:
        """Return the failures by state and reason, the most frequent first."""
        groups: dict[tuple[str, str], list[Outcome]] = {}
        for outcome in self.failures:
            groups.setdefault((outcome.state, re.sub(r"[\d.]+", "#", outcome.reason)), []).append(outcome)
        found = [Reason(len(group), state, group[0]) for (state, _), group in groups.items()]
        return sorted(found, key=lambda reason: -reason.count)

    def shard_size(self, minutes: float) -> int | None:
        """Return the structures that fill a job of so many minutes, at the measured time per structure."""
        return max(1, round(60 * minutes / self.mean_seconds)) if self.mean_seconds else None


def stages(campaign: CampaignSettings, results: Path) -> list[Stage]:
    """Return the stages of a campaign in the order of the workflow."""
    outputs = stage_outputs(campaign, results)
    return [Stage(name, sum(path.exists() for path in paths), len(paths)) for name, paths in outputs.items() if paths]


def stage_outputs(campaign: CampaignSettings, results: Path) -> dict[str, list[Path]]:
    """Return one output of every job of each stage, in the order of the workflow."""
    folder, settings = CampaignFolder(results), campaign.library
    rounds, batches = settings.round_numbers, range(1, settings.batches + 1)
    elements = [folder.element(symbol) for symbol in campaign.elements]
    potentials = list(product(elements, campaign.potentials))
    active = list(product(elements, range(1, campaign.active.iterations + 1)))
    transfer = campaign.validation.transfer.structures
    shards, active_shards, conventional_shards = (
        shard_numbers(n, campaign.labels.shard_size)
        for n in (campaign.labels.structures, campaign.active.structures, transfer)
    )
    return {
        "reference sample": [folder.state(0)],
        "entropy batches": [folder.batch(r, b) for r, b in product(rounds, batches)],
        "merged rounds": [folder.state(r) for r in rounds],
        "perfect crystals": [folder.crystals] if rounds else [],
        "ordered library": [folder.library],
        "label shards": [e.ledger(s) for e, s in product(elements, shards)],
        "reference labels": [e.reference_ledger for e in elements],
        "active selections": [e.active(i).structures for e, i in active],
        "active label shards": [e.active(i).ledger(s) for (e, i), s in product(active, active_shards)],
        "conventional label shards": [e.conventional.ledger(s) for e, s in product(elements, conventional_shards)],
        "datasets": [e.manifest for e in elements],
        "potentials": [e.potential(p) / "potential.json" for e, p in potentials],
        "transfer tests": [e.validation(p) / "transfer.json" for e, p in potentials if transfer],
        "element reports": [e.report for e in elements],
        "campaign report": [folder.report],
    }


def labels(
    campaign: CampaignSettings, results: Path, store: Path, element: str, *, conventional: bool = False
) -> Labels:
    """Return the states of the structures of one element, also of those in shards that still run.

    Structures that active learning has not chosen yet are not counted; those of the conventional set are counted alone.

    The ledger of a finished shard counts; it has judged the labels by the limits of this campaign. Structures of
    shards without one are looked up in the label store.
    """
    folder = CampaignFolder(results).element(element)
    parts = [folder.conventional] if conventional else folder.trained_on
    expected = campaign.validation.transfer.structures if conventional else campaign.labels.structures
    shards = [path for part in parts for path in part.structure_files]
    wanted = {str(atoms.info["sid"]) for path in shards for atoms in read_structures(path)}
    settings = physics_hash(campaign.elements[element].reference)
    records = LabelStore(store, element, settings, campaign.labels.packs).read(wanted) if wanted else {}
    found = {sid: Outcome(sid, record.state, record.reason, record.seconds) for sid, record in records.items()}
    for path in (path for part in parts for path in part.ledgers):
        for row in pd.read_parquet(path)[["sid", "state", "reason", "seconds"]].to_dict("records"):
            found[row["sid"]] = Outcome(**{str(name): value for name, value in row.items()})
    return Labels(
        element=element,
        states=Counter(outcome.state for outcome in found.values()),
        left=(len(wanted) or expected) - len(found),
        seconds=sum(outcome.seconds for outcome in found.values()),
        failures=[outcome for outcome in found.values() if outcome.state != "converged"],
        per_hour=rate([record.time for record in records.values()], time.time()),
    )


def rate(times: Sequence[float], now: float) -> float | None:
    """Return the events per hour over the last hour; None when there were fewer than two.

    Args:
        times: when something was finished [s since the epoch].
        now: present time [s since the epoch].
    """
    recent = [when for when in times if when > now - 3600]
    return 3600 * len(recent) / (now - min(recent)) if len(recent) > 1 else None


def load_results(results: Path) -> CampaignSettings:
    """Return the settings saved with the results of a campaign.

    How a library is made means nothing to a shipped one; what was saved of it, the defaults of another version perhaps,
    is left out.

    Raises:
        ConfigError: there are none.
    """
    saved = read_yaml(CampaignFolder(results).config)
    library = saved.get("library", {})
    if library.get("source") == "shipped":
        kept = {key: value for key, value in library.items() if key not in MADE_ONLY}
        saved = saved | {"library": kept}
    return CampaignSettings.model_validate(saved)
