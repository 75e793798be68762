"""What a campaign has written, as typed objects: one per element and per potential; what is absent is None or empty."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict

from entromax.config.models import CampaignSettings, Thresholds
from entromax.layout import ElementFolder
from entromax.validation.scorecard import Row


class Written(BaseModel):
    """A part of a JSON file of a job; what the file holds beyond the fields is for others."""

    model_config = ConfigDict(frozen=True, extra="ignore")


W = TypeVar("W", bound=Written)


class Card(Written):
    """``potential.json`` of ``train_potential``."""

    training_structures: int
    fit_seconds: float
    lammps: str | None = None
    facts: dict[str, Any] = {}

    @property
    def calibrated(self) -> bool:
        """Whether its error bars were scaled on structures that the fit had not seen."""
        return self.facts.get("calibration") is not None


class SetErrors(Written):
    """Errors on one set of structures (``validate_errors``): energy [meV/atom], force [eV/Å], stress [GPa]."""

    structures: int
    not_finite: int
    energy_rmse: float | None
    force_rmse: float | None
    energy_mae: float | None = None
    force_mae: float | None = None
    stress_rmse: float | None = None


class CrystalEos(Written):
    """E(V) of one crystal (``validate_eos``): deviations from the reference in V0 [%], B [%], energy [meV/atom]."""

    reference: Literal["minimum", "none"]
    potential: Literal["minimum", "none"]
    potential_reason: str = ""
    minima: int
    wide_minimum_volume: float | None = None
    volume_error: float | None = None
    bulk_modulus_error: float | None = None
    phase_energy_error: float | None = None


@dataclass(frozen=True)
class Scorecard:
    """Verdict on a potential (``validate_scorecard``)."""

    passed: bool
    rows: list[Row]

    @property
    def failing(self) -> list[Row]:
        """Rows that fail."""
        return [row for row in self.rows if row.passes is False]

    @property
    def missing(self) -> list[Row]:
        """Rows without a verdict that the potential needs to pass."""
        return [row for row in self.rows if row.passes is None and row.required]


class Relaxations(Written):
    """How relaxations of random cells ended."""

    runs: int = 0
    physical: int = 0
    converged: int = 0


class Crystal(Written):
    """The ground state at room temperature: did it stay itself?"""

    state: Literal["physical", "failed", "skipped"]
    reason: str = ""
    lindemann: float | None = None
    neighbours_lost: int | None = None


class ConstantEnergy(Written):
    """The run without thermostat: drift [meV/atom/ps], fluctuation [meV/atom]."""

    state: Literal["conserved", "drifts", "failed"]
    reason: str = ""
    drift: float | None = None
    fluctuation: float | None = None


class Robustness(Written):
    """Hot and compressed runs (``validate_robustness``): ``median_failure`` [fs]."""

    runs: int
    physical: int
    skipped: int
    fraction: float | None
    median_failure: float | None
    relaxations: Relaxations = Relaxations()
    nve: ConstantEnergy
    crystal: Crystal | None = None  # campaigns before its time do not have it
    microseconds_per_atom_step: float | None

    @property
    def tested(self) -> int:
        """Runs that were not skipped."""
        return self.runs - self.skipped


class TransferErrors(Written):
    """Errors of one potential on one test set: energy [meV/atom], force [eV/Å]; or ratios of such errors."""

    energy_rmse: float | None
    force_rmse: float | None
    not_finite: int = 0


class AwayOverHome(Written):
    """Error of the potential of the other set over that of the own one, on either test set."""

    on_a: TransferErrors
    on_b: TransferErrors


class Transfer(Written):
    """``transfer.json`` of ``validate_transfer``: set a is the library, b the conventional one.

    ``a_on_b`` is fitted to a and tested on b.
    """

    a: str
    b: str
    n_labels: int
    n_atoms: dict[str, int]
    label_seconds: dict[str, float]
    label_cpu_s: dict[str, float | None] = {}  # campaigns before its time do not know it
    a_on_a: TransferErrors
    a_on_b: TransferErrors
    b_on_a: TransferErrors
    b_on_b: TransferErrors
    away_over_home: AwayOverHome


class ErrorBars(Written):
    """What the error bars of one quantity are worth (``validate_error_bars``); ``coverage`` by nominal probability."""

    unit: str
    n: int
    rmse: float
    mean_bar: float
    spearman: float | None
    coverage: dict[str, float]


@dataclass(frozen=True)
class PotentialResults:
    """Validation of one potential: folder ``results/<element>/validation/<name>``."""

    name: str
    folder: Path
    card: Card | None
    errors: dict[str, SetErrors]
    bins: pd.DataFrame
    eos: dict[str, CrystalEos]
    parameters: pd.DataFrame
    robustness: Robustness | None
    runs: pd.DataFrame
    transfer: Transfer | None
    error_bars: dict[str, ErrorBars]
    scorecard: Scorecard | None = None


@dataclass(frozen=True)
class ElementResults:
    """Everything of one element: folder ``results/<element>``."""

    element: str
    folder: Path
    settings: CampaignSettings
    ledger: pd.DataFrame
    roles: dict[str, int]
    manifest: pd.DataFrame
    potentials: list[PotentialResults]

    @property
    def ground_state(self) -> str:
        """Name of the ground-state crystal."""
        return self.settings.elements[self.element].ground_state

    @property
    def thresholds(self) -> Thresholds:
        """What the lights are judged by."""
        return self.settings.thresholds

    @property
    def labelled(self) -> int:
        """Number of structures with a label."""
        return int((self.ledger["state"] == "converged").sum())

    @property
    def failed_fraction(self) -> float | None:
        """Fraction of the structures without a label; None when nothing was labelled."""
        if self.ledger.empty:
            return None
        return float((self.ledger["state"] != "converged").mean())

    def prefix(self, potential: PotentialResults) -> str:
        """Return how the caption of a table of one potential begins: with its name when there are several."""
        return "" if len(self.potentials) == 1 else f"{potential.name}: "


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, empty when there is no file."""
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def read_written(path: Path, kind: type[W]) -> W | None:
    """Return what a job has written to a JSON file; None when there is no file.

    Raises:
        pydantic.ValidationError: the file holds something else.
    """
    return kind.model_validate(read_json(path)) if path.is_file() else None


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
    errors = read_json(tests / "errors.json").get("splits", {})
    crystals = read_json(tests / "eos.json").get("crystals", {})
    bars = read_json(tests / "error_bars.json")
    card = read_json(tests / "scorecard.json")
    return PotentialResults(
        name=name,
        folder=tests,
        card=read_written(folder / "potentials" / name / "potential.json", Card),
        errors={split: SetErrors.model_validate(one) for split, one in errors.items()},
        bins=read_csv(tests / "errors_bins.csv"),
        eos={crystal: CrystalEos.model_validate(one) for crystal, one in crystals.items()},
        parameters=read_csv(tests / "eos_parameters.csv"),
        robustness=read_written(tests / "robustness.json", Robustness),
        runs=read_csv(tests / "robustness_runs.csv"),
        transfer=read_written(tests / "transfer.json", Transfer),
        error_bars={
            key: ErrorBars.model_validate({**bars[key], "unit": unit}) for key, unit in bars.get("units", {}).items()
        },
        scorecard=Scorecard(card["passed"], [Row(**row) for row in card["rows"]]) if card else None,
    )


def load_element_results(folder: str | Path, element: str, settings: CampaignSettings) -> ElementResults:
    """Read the results of one element below ``results/<element>``, of all potentials of the settings."""
    root = Path(folder)
    manifest = root / "dataset" / "manifest.parquet"
    return ElementResults(
        element=element,
        folder=root,
        settings=settings,
        ledger=read_ledgers([path for part in ElementFolder(root).trained_on for path in part.ledgers]),
        roles=read_json(root / "dataset" / "summary.json").get("roles", {}),
        manifest=pd.read_parquet(manifest) if manifest.is_file() else pd.DataFrame(),
        potentials=[load_potential_results(root, name) for name in settings.potentials],
    )
