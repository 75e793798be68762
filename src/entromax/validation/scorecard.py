"""The scorecard: what a potential is worth where users look, against references better than its labels.

Values are measured elsewhere (``evidence.py`` collects them); here they are judged, one row per quantity.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from entromax.config.models import ScorecardSettings
from entromax.validation.references import Number

Values = Mapping[str, Mapping[str, float]]
"""Values by metric (keys of ``METRICS``) and quantity."""
References = Mapping[str, Mapping[str, Number]]
"""Reference values by metric and quantity."""


@dataclass(frozen=True)
class Metric:
    """One kind of rows.

    Attributes:
        title: for people.
        unit: of its values.
        required: a row without a verdict keeps the potential from passing; else only where there is a reference.
    """

    title: str
    unit: str
    required: bool = False


METRICS = {
    "volume": Metric("V₀", "Å³/atom", required=True),
    "bulk_modulus": Metric("B", "GPa", required=True),
    "ground_state": Metric("ground state", "meV/atom", required=True),
    "phases": Metric("phases", "meV/atom"),
    "elastic": Metric("elastic", "GPa"),
    "phonons": Metric("soft modes", "THz", required=True),
    "zone_boundary": Metric("zone boundary", "THz"),
    "vacancy": Metric("vacancy", "eV"),
    "dynamics": Metric("physical", "%", required=True),
    "crystal": Metric("stays itself", "1", required=True),
    "unseen_energy": Metric("unseen, energy", "meV/atom", required=True),
    "unseen_forces": Metric("unseen, forces", "%", required=True),
}
"""What the scorecard judges, in its order."""
LINDEMANN = "Lindemann ratio at 300 K"
"""Quantity of the metric ``crystal`` with a threshold of its own; of neighbours lost there must be none."""
NO_REFERENCE, NOT_RUN = "no reference", "not run"


@dataclass(frozen=True)
class Measured:
    """What the tests of one potential gave.

    Attributes:
        values: by metric and quantity; NaN: the potential has no such value, which is a failure.
        failures: why a whole metric has no value, by metric: the test was made and the potential failed.
        absent: the same where it is not the fault of the potential.
    """

    values: Values
    failures: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One quantity, judged.

    Attributes:
        metric: key of ``METRICS``.
        quantity: name within the metric.
        potential: value of the potential; None where there is none.
        reference: value it is held against; None where none is needed or known.
        source: of the reference.
        unit: of all values of the row.
        threshold: the condition in words.
        low, high: the interval in which the potential passes; None: no bound.
        passes: None where it cannot be said.
        reason: why it fails without a value, or why it cannot be said.
        required: without a verdict the potential does not pass.
    """

    metric: str
    quantity: str
    potential: float | None
    reference: float | None
    source: str
    unit: str
    threshold: str
    low: float | None
    high: float | None
    passes: bool | None
    reason: str
    required: bool


def score(measured: Measured, references: References, thresholds: ScorecardSettings, *, symbol: str) -> list[Row]:
    """Judge everything that was measured, or that there is a reference for.

    Args:
        measured: values of the potential.
        references: the best value known of every quantity.
        thresholds: how far off a potential may be.
        symbol: element, for thresholds of its own.

    Returns:
        The rows in the order of ``METRICS``; a metric without any value and reference has one row that says so.
    """
    rows = []
    for name in METRICS:
        values, known = measured.values.get(name, {}), references.get(name, {})
        quantities = list(dict.fromkeys([*values, *known])) or [METRICS[name].title]
        for one in quantities:
            limits = bounds(name, one, known.get(one), thresholds, symbol)
            rows.append(_judge(name, one, values.get(one), known.get(one), limits, measured))
    return rows


def passed(rows: list[Row]) -> bool:
    """Tell whether a potential passes: no row fails, and none is missing that is required."""
    return all(row.passes or (row.passes is None and not row.required) for row in rows)


@dataclass(frozen=True)
class Bounds:
    """Interval in which a quantity passes, and its condition in words; without a reference it may have none."""

    low: float | None
    high: float | None
    words: str

    def verdict(self, value: float) -> bool:
        """Tell whether a value lies inside."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def _judge(
    metric: str, quantity: str, value: float | None, reference: Number | None, limits: Bounds, measured: Measured
) -> Row:
    failure = measured.failures.get(metric, "")
    passes, reason = None, ""
    if limits.low is None and limits.high is None:
        reason = NO_REFERENCE
    elif value is None and not failure:
        reason = measured.absent.get(metric, NOT_RUN)
    elif value is None or math.isnan(value):
        passes, reason = False, failure or "the potential has no value"
    else:
        passes = limits.verdict(value)
    return Row(
        metric=metric,
        quantity=quantity,
        potential=None if value is None or math.isnan(value) else value,
        reference=None if reference is None else reference.value,
        source="" if reference is None else reference.source,
        unit=METRICS[metric].unit,
        threshold=limits.words,
        low=limits.low,
        high=limits.high,
        passes=passes,
        reason=reason,
        required=METRICS[metric].required or reference is not None,
    )


def bounds(metric: str, quantity: str, reference: Number | None, thresholds: ScorecardSettings, symbol: str) -> Bounds:
    """Return the interval in which a quantity passes."""
    t = thresholds
    energy = t.low_energy_rmse_of.get(symbol, t.low_energy_rmse)
    absolute = {
        "ground_state": Bounds(0.0, None, "above 0"),
        "phonons": Bounds(-t.soft_mode, None, f"none below −{t.soft_mode:g} THz"),
        "dynamics": Bounds(t.physical, None, f"at least {t.physical:g} %"),
        "crystal": Bounds(None, 0.0, "none")
        if quantity != LINDEMANN
        else Bounds(None, t.lindemann, f"at most {t.lindemann:g}"),
        "unseen_energy": Bounds(None, energy, f"at most {energy:g} meV/atom"),
        "unseen_forces": Bounds(None, t.force_rmse, f"at most {t.force_rmse:g} %"),
    }
    if metric in absolute:
        return absolute[metric]
    percent, least = {
        "volume": (t.volume, 0.0),
        "bulk_modulus": (t.bulk_modulus, 0.0),
        "phases": (t.phase_energy_percent, t.phase_energy),
        "elastic": (t.elastic_percent, t.elastic),
        "zone_boundary": (t.zone_boundary, 0.0),
        "vacancy": (t.vacancy, 0.0),
    }[metric]
    words = f"± {percent:g} %" + (f" or ± {least:g} {METRICS[metric].unit}" if least else "")
    if reference is None:
        return Bounds(None, None, words)
    margin = max(percent / 100 * abs(reference.value), least)
    return Bounds(reference.value - margin, reference.value + margin, words)
