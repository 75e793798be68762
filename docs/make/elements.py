"""Key ``elements`` of people.json: what `entromax element` found, and how far campaigns came."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from entromax.config.load import ConfigError
from entromax.elements import NewElement, make_element
from entromax.labels.budget import LabelBudget
from entromax.labels.store import stores
from entromax.layout import CampaignFolder
from entromax.progress import load_results, stages


def elements(inputs: Sequence[str]) -> dict[str, Any]:
    """Return by element what `entromax element` found, or why it was refused; labels come from the store."""
    store, *symbols = inputs
    found: dict[str, Any] = {}
    for symbol, _, results in (text.partition("=") for text in symbols):
        try:
            made = make_element(symbol, engine="gpaw", level="standard", budget=LabelBudget(store))
        except ConfigError as error:
            found[symbol] = {"refused": str(error)}
            continue
        found[symbol] = _measured(made, store) | ({"campaign": _campaign(Path(results), symbol)} if results else {})
    return {"elements": found}


def _measured(made: NewElement, store: str) -> dict[str, Any]:
    own = made.prototypes[0].fit
    records = [record for entry in stores(store, made.symbol) for record in entry.read().values()]
    return {
        "settings": made.settings.model_dump(mode="json"),
        "ground_state_volume": {"published": made.start.volume, "engine": own.volume, "source": made.start.source},
        "deviation_percent": None if own.volume is None else 100 * (own.volume / made.start.volume - 1),
        "curves_by": made.curves_by.describe(),
        "phases_mev": {
            entry.name: 1000 * (entry.fit.energy - own.energy)
            for entry in made.prototypes[1:]
            if entry.fit.energy is not None and own.energy is not None
        },
        "convergence": {
            name: {"value": test.value, "reached": test.reached, "changes_mev": test.changes}
            for name, test in (("ecut", made.cutoff), ("kspacing", made.kspacing))
            if test is not None
        },
        "labels_in_store": len(records),
        "cpu_s": sum(record.cpu_seconds or 0.0 for record in records),
    }


def _campaign(results: Path, symbol: str) -> dict[str, Any]:
    done = stages(load_results(results), results)
    return {
        "stages": {stage.name: [stage.done, stage.total] for stage in done},
        "report": (CampaignFolder(results).element(symbol).root / "report.html").is_file(),
    }
