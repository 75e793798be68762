"""Key ``elements`` of people.json: what `entromax element` found, and how far campaigns came; and its table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, ROOT
from docs.make.pages import read_json, write_table
from entromax.config.load import ConfigError
from entromax.elements import NewElement, make_element
from entromax.labels.budget import LabelBudget
from entromax.labels.store import stores
from entromax.layout import CampaignFolder
from entromax.progress import load_results, stages
from entromax.runtime import source_commit

PAGE = ROOT / "docs/howto/add_an_element.md"


def elements(inputs: Sequence[str]) -> dict[str, Any]:
    """Return by element what `entromax element` found, or why it was refused; labels come from the store.

    Elements that are not named stay as they were measured before.
    """
    store, *symbols = inputs
    found: dict[str, Any] = read_json(RESULTS / "people.json").get("elements", {}).get("elements", {})
    for symbol, _, results in (text.partition("=") for text in symbols):
        try:
            made = make_element(symbol, engine="gpaw", level="standard", budget=LabelBudget(store))
        except ConfigError as error:
            found[symbol] = {"refused": str(error)}
            continue
        found[symbol] = (
            {"commit": source_commit()}
            | _measured(made, store)
            | ({"campaign": _campaign(Path(results), symbol)} if results else {})
        )
    write_table(PAGE, "elements", elements_table(found))
    return {"elements": found}


def elements_table(found: Mapping[str, Any]) -> str:
    """Return the table of all elements that were tried."""
    head = [
        "| | crystal | V₀ published / engine [Å³/atom] | cutoff [eV] | k-spacing [1/Å] | labels, s | campaign |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *(_row(symbol, one) for symbol, one in found.items())])


def _row(symbol: str, one: Mapping[str, Any]) -> str:
    if "refused" in one:
        return f"| {symbol} | refused: {one['refused'].partition(': ')[2].partition(';')[0]} | | | | | |"
    volume, tests = one["ground_state_volume"], one["convergence"]
    own = "none" if volume["engine"] is None else f"{volume['engine']:.2f} ({one['deviation_percent']:+.1f} %)"
    values = [f"{tests[name]['value']:g}: {_steps(tests[name]['changes_mev'])}" for name in ("ecut", "kspacing")]
    return (
        f"| {symbol} | {one['settings']['ground_state']} | {volume['published']:.2f} / {own} | {' | '.join(values)} "
        f"| {one['labels_in_store']}, {one['cpu_s']:.0f} | {_came(one.get('campaign'))} |"
    )


def _steps(changes: Sequence[Sequence[float]]) -> str:
    """Return the largest changes along a test, in meV/atom."""
    return ", ".join(f"{change:.1f}" for _, _, change in changes)


def _came(campaign: Mapping[str, Any] | None) -> str:
    if campaign is None:
        return "not run"
    done, total = (sum(stage[k] for stage in campaign["stages"].values()) for k in (0, 1))
    return f"{done} of {total} jobs{', report' if campaign['report'] else ''}"


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
