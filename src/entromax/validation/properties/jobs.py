"""The jobs: one property by the labelling engine, one property of one potential against it."""

import json
import logging
import time
from pathlib import Path

from ase.calculators.calculator import BaseCalculator

from entromax.config.models import ElementSettings, LabelSettings
from entromax.config.models.validation import PropertySettings
from entromax.labels.budget import LabelBudget
from entromax.labels.calculator import LabelCalculator
from entromax.labels.engines.base import EngineUnavailableError
from entromax.labels.run import OutOfTimeError
from entromax.potentials import load_potential
from entromax.runtime import atomic_path, write_json
from entromax.validation.properties import PROPERTIES
from entromax.validation.properties.base import Case, Property, PropertyError, Result
from entromax.validation.properties.compare import compare

log = logging.getLogger(__name__)


def run_property(one: Property, calculator: BaseCalculator, case: Case) -> Result:
    """Return the property, or why there is none; whatever a potential does to it ends in a result.

    Raises:
        OutOfTimeError, EngineUnavailableError: the job, not the property, has failed.
    """
    reason = one.not_applicable(case)
    if reason:
        return Result("not applicable", reason)
    started = time.monotonic()
    try:
        result = one.calc(calculator, case)
    except (OutOfTimeError, EngineUnavailableError):
        raise
    except PropertyError as error:
        result = Result("failed", str(error))
    except Exception as error:  # the boundary: a bad potential breaks optimisers and fits in any way it likes
        log.exception("%s of %s", one.name, case.symbol)
        result = Result("failed", f"{type(error).__name__}: {error}")
    log.info("%s of %s: %s %s, %.1f s", one.name, case.symbol, result.state, result.reason, time.monotonic() - started)
    for quantity in result.quantities:
        log.info("  %s: %.6g %s", *quantity)
    return result


def label_property(
    name: str,
    *,
    element: str,
    settings: ElementSettings,
    limits: LabelSettings,
    properties: PropertySettings,
    budget: LabelBudget,
    output: str | Path,
) -> None:
    """Calculate a property with the engine and settings of the labels, all single points kept in the label store.

    Args:
        name: key of ``PROPERTIES``.
        element: chemical symbol.
        settings: settings of the element.
        limits: time per structure, volumes of E(V).
        properties: sizes and tolerances.
        budget: label store, workers (for structures that are independent) and time of the job.
        output: JSON written: ``Result.to_json``.

    Raises:
        OutOfTimeError: the wall time is nearly over; the next attempt goes on.
    """
    calculator = LabelCalculator(element, settings, limits, budget)
    result = run_property(PROPERTIES[name], calculator, Case(element, settings, limits.eos, properties))
    write_json(output, result.to_json())


def validate_property(
    name: str,
    potential: str | Path,
    case: Case,
    *,
    metrics: str | Path,
    table: str | Path,
    reference: str | Path | None = None,
) -> None:
    """Calculate a property with a potential and hold it against DFT and published values.

    Args:
        name: key of ``PROPERTIES``.
        potential: folder of the fitted potential.
        case: element, sizes and tolerances.
        metrics: JSON written: both results, with ``seconds`` of the potential.
        table: CSV written: one row per quantity, ``compare.COLUMNS``.
        reference: JSON of :func:`label_property`; None: it was not asked for, and is shown as missing.
    """
    one = PROPERTIES[name]
    started = time.monotonic()
    own = run_property(one, load_potential(potential), case)
    seconds = time.monotonic() - started
    if reference is None:
        by_dft = Result("missing", f"not asked for: add {name} to validation.properties_by_dft")
    else:
        by_dft = Result.from_json(json.loads(Path(reference).read_text()))
    published = {} if own.state == "not applicable" else one.published(case)
    rows = compare(own, by_dft, published, curve_unit=one.curve_unit)
    with atomic_path(table) as temporary:
        rows.to_csv(temporary, index=False)
    write_json(
        metrics, {"property": name, "seconds": seconds, "potential": own.to_json(), "reference": by_dft.to_json()}
    )
