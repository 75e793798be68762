"""Two campaigns side by side: what was set differently, what it cost, what came out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from entromax.config.load import ConfigError
from entromax.config.models import CampaignSettings
from entromax.labels.record import STATES
from entromax.progress import load_results
from entromax.report.kit import Block, Section, Summary, Table, number, write_page
from entromax.report.results import ElementResults, PotentialResults, load_element_results
from entromax.runtime import atomic_path, package_version

COLUMNS = ("topic", "what", "a", "b")
ERRORS = {
    "energy_rmse": "energy RMSE [meV/atom]",
    "energy_mae": "energy MAE [meV/atom]",
    "force_rmse": "force RMSE [eV/Å]",
    "force_mae": "force MAE [eV/Å]",
    "stress_rmse": "stress RMSE [GPa]",
}
EOS = {
    "volume_error": "V₀ off the reference [%]",
    "bulk_modulus_error": "B off the reference [%]",
    "phase_energy_error": "energy above ground state, off the reference [meV/atom]",
}
TRANSFER = {"a_on_a": "library on itself", "a_on_b": "library on conventional set", "b_on_a": "conventional on library",
            "b_on_b": "conventional set on itself"}  # fmt: skip
TOPICS = {
    "settings": "What was set differently",
    "labels": "Labels",
    "errors": "Errors",
    "E(V)": "E(V) of crystals",
    "robustness": "Robustness",
    "transfer": "Transfer",
}
"""Parts of the comparison, in the order of the workflow."""


@dataclass(frozen=True)
class Campaign:
    """A campaign read from its results folder."""

    folder: Path
    settings: CampaignSettings
    elements: Mapping[str, ElementResults]

    @classmethod
    def load(cls, folder: str | Path) -> "Campaign":
        """Read a results folder; what the campaign has not made yet is missing in the comparison.

        Raises:
            ConfigError: the folder holds no campaign.
        """
        root = Path(folder)
        if not (root / "config.yaml").is_file():
            raise ConfigError(
                f"{root}: is not the results folder of a campaign (it holds no config.yaml); name the folder that "
                "the key `results` of the campaign says, by default `results` where it was run"
            )
        settings = load_results(root)
        return cls(root, settings, {e: load_element_results(root / e, e, settings) for e in settings.elements})


def compare(first: Campaign, second: Campaign) -> pd.DataFrame:
    """Return all differing settings and all results of two campaigns.

    Returns:
        Columns ``topic`` (a key of ``TOPICS``), ``what``, ``a``, ``b``; a number or text, None where a campaign has
        no such thing.
    """
    rows = [{"topic": "settings", "what": key, "a": one, "b": two} for key, one, two in _differences(first, second)]
    results = [dict(_results(campaign)) for campaign in (first, second)]
    keys = dict.fromkeys([*results[0], *results[1]])
    for topic, what in sorted(keys, key=lambda key: list(TOPICS).index(key[0])):
        one, two = (own.get((topic, what)) for own in results)
        rows.append({"topic": topic, "what": what, "a": one, "b": two})
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"a": object, "b": object})


def _differences(first: Campaign, second: Campaign) -> Iterator[tuple[str, Any, Any]]:
    own, other = (_flat(campaign.settings.model_dump(mode="json")) for campaign in (first, second))
    for key in dict.fromkeys([*own, *other]):
        if own.get(key) != other.get(key):
            yield key, _shown(own.get(key)), _shown(other.get(key))


def _shown(value: Any) -> Any:
    return str(value) if isinstance(value, list | bool) else value


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one level of dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


Row = tuple[tuple[str, str], Any]


def _results(campaign: Campaign) -> Iterator[Row]:
    """Yield every result of a campaign as ((topic, what), value)."""
    for element, results in campaign.elements.items():
        yield from _labels(element, results)
        for potential in results.potentials:
            for part in _PARTS:
                yield from part(f"{element} {potential.name}", potential)


def _labels(element: str, results: ElementResults) -> Iterator[Row]:
    ledger = results.ledger
    if ledger.empty:
        return
    counts = ledger["state"].value_counts()
    for state in STATES:
        if state in counts or state == "converged":
            yield ("labels", f"{element} {state}"), int(counts.get(state, 0))
    yield ("labels", f"{element} time of all labels [s]"), float(ledger["seconds"].sum())
    yield ("labels", f"{element} median time of a label [s]"), float(ledger["seconds"].median())
    for role in ("train", "validation", "test"):
        yield ("labels", f"{element} {role} structures"), results.roles.get(role)


def _errors(name: str, potential: PotentialResults) -> Iterator[Row]:
    for split, numbers in potential.errors.items():
        if split in ("test", "conventional"):
            for key, label in ERRORS.items():
                yield ("errors", f"{name}, {split} set: {label}"), getattr(numbers, key)


def _eos(name: str, potential: PotentialResults) -> Iterator[Row]:
    for crystal, entry in potential.eos.items():
        yield ("E(V)", f"{name}, {crystal}: minimum"), "yes" if entry.potential == "minimum" else "none"
        for key, label in EOS.items():
            yield ("E(V)", f"{name}, {crystal}: {label}"), getattr(entry, key)


def _robustness(name: str, potential: PotentialResults) -> Iterator[Row]:
    summary = potential.robustness
    if summary is None:
        return
    relaxed = summary.relaxations
    yield ("robustness", f"{name}: runs tested"), summary.tested
    yield ("robustness", f"{name}: physical [%]"), None if summary.fraction is None else 100 * summary.fraction
    if relaxed.runs:
        share = 100 * relaxed.physical / relaxed.runs
        yield ("robustness", f"{name}: relaxations of random cells, physical [%]"), share
    yield ("robustness", f"{name}: energy drift [meV/atom/ps]"), summary.nve.drift
    yield ("robustness", f"{name}: µs per atom and step"), summary.microseconds_per_atom_step


def _transfer(name: str, potential: PotentialResults) -> Iterator[Row]:
    if potential.transfer is None:
        return
    yield ("transfer", f"{name}: labels a side"), potential.transfer.n_labels
    for key, words in TRANSFER.items():
        for measure in ("energy_rmse", "force_rmse"):
            yield (
                ("transfer", f"{name}, {words}: {ERRORS[measure]}"),
                getattr(getattr(potential.transfer, key), measure),
            )


_PARTS: tuple[Callable[[str, PotentialResults], Iterator[Row]], ...] = (_errors, _eos, _robustness, _transfer)


def ratio(row: Mapping[Any, Any]) -> str:
    """Return b over a where both are numbers of one sign, else an empty string."""
    one, two = row["a"], row["b"]
    if isinstance(one, int | float) and isinstance(two, int | float) and row["topic"] != "settings" and one * two > 0:
        return f"× {number(two / one, 3)}"
    return ""


def show(value: Any) -> str:
    """Return a value as people read it."""
    return str(value) if isinstance(value, str | int) else number(value)


def names(first: Campaign, second: Campaign) -> tuple[str, str]:
    """Return the names of both campaigns, or of their folders where the names are the same."""
    own, other = first.settings.campaign, second.settings.campaign
    return (own, other) if own != other else (f"{own} ({first.folder})", f"{other} ({second.folder})")


def write_comparison(first: Campaign, second: Campaign, output: str | Path) -> pd.DataFrame:
    """Write the comparison as one HTML page without outside references, with the table as CSV beside it.

    Args:
        first: campaign a.
        second: campaign b.
        output: HTML file; the CSV gets its name.

    Returns:
        The table of :func:`compare`.
    """
    table = compare(first, second)
    with atomic_path(Path(output).with_suffix(".csv")) as temporary:
        table.to_csv(temporary, index=False)
    titles = names(first, second)
    sections = []
    for topic, title in TOPICS.items():
        part = table[table["topic"] == topic].to_dict("records")
        rows = [(str(row["what"]), show(row["a"]), show(row["b"]), ratio(row)) for row in part]
        block = Block(table=Table((topic, *titles, "second over first"), rows))
        sections.append(Section(topic.strip("()").replace("(", ""), title, "", [block] if rows else []))
    same = "Both were set alike." if not (table["topic"] == "settings").any() else ""
    write_page(
        output,
        "report.html.j2",
        title=f"{titles[0]} against {titles[1]}",
        subtitle=f"Two campaigns side by side · entromax {package_version('entromax')}",
        campaign="comparison",
        tile=None,
        summary=Summary(
            f"Settings that differ, then results of both. {same} A dash stands for what a campaign does not have (yet)."
        ),
        sections=[section for section in sections if section.blocks],
        footer="Made by entromax. The table is the CSV file beside this page.",
    )
    return table
