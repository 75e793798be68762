"""Gather what a campaign has written, in one object per element and per potential; what is absent is None or empty."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from entromax.progress import shard_files


@dataclass(frozen=True)
class PotentialResults:
    """Validation of one potential: folder results/<element>/validation/<name>."""

    name: str
    folder: Path
    potential: dict[str, Any]
    errors: dict[str, dict[str, Any]]
    bins: pd.DataFrame
    eos: dict[str, Any]
    parameters: pd.DataFrame
    robustness: dict[str, Any]
    runs: pd.DataFrame
    transfer: dict[str, Any]

    @property
    def test(self) -> dict[str, Any]:
        """Errors of the test set; empty when there is none."""
        return self.errors.get("test", {})


@dataclass(frozen=True)
class ElementResults:
    """Everything of one element: folder results/<element>."""

    element: str
    folder: Path
    ledger: pd.DataFrame
    reference_ledger: pd.DataFrame
    dataset: dict[str, Any]
    manifest: pd.DataFrame
    potentials: list[PotentialResults]

    @property
    def failed_fraction(self) -> float | None:
        """Fraction of the structures without a label; None when nothing was labelled."""
        if self.ledger.empty:
            return None
        return float((self.ledger["state"] != "converged").mean())


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, empty when there is no file."""
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def read_csv(path: Path) -> pd.DataFrame:
    """Return the table in a CSV file, empty when there is no file."""
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()


def read_ledgers(paths: list[Path]) -> pd.DataFrame:
    """Return the parquet ledgers under each other, ``state`` and ``reason`` always present."""
    frames = [pd.read_parquet(path) for path in sorted(paths)]
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=["sid", "state", "reason"])


def load_potential_results(folder: Path, name: str) -> PotentialResults:
    """Read the validation of potential ``name`` of the element in ``folder``."""
    tests = folder / "validation" / name
    return PotentialResults(
        name=name,
        folder=tests,
        potential=read_json(folder / "potentials" / name / "potential.json"),
        errors=read_json(tests / "errors.json").get("splits", {}),
        bins=read_csv(tests / "errors_bins.csv"),
        eos=read_json(tests / "eos.json").get("crystals", {}),
        parameters=read_csv(tests / "eos_parameters.csv"),
        robustness=read_json(tests / "robustness.json"),
        runs=read_csv(tests / "robustness_runs.csv"),
        transfer=read_json(tests / "transfer.json"),
    )


def load_element_results(folder: str | Path, element: str, potentials: list[str]) -> ElementResults:
    """Read the results of one element below ``results/<element>``."""
    root = Path(folder)
    labels = root / "labels"
    reference = labels / "reference.parquet"
    manifest = root / "dataset" / "manifest.parquet"
    return ElementResults(
        element=element,
        folder=root,
        ledger=read_ledgers(shard_files(root, "labels/shard_*.parquet")),
        reference_ledger=read_ledgers([reference] if reference.is_file() else []),
        dataset=read_json(root / "dataset" / "summary.json"),
        manifest=pd.read_parquet(manifest) if manifest.is_file() else pd.DataFrame(),
        potentials=[load_potential_results(root, name) for name in potentials],
    )
