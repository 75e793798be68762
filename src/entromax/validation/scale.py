"""The length scale of an element by its own reference: the nearest-neighbour distance at the minimum of E(V)."""

import logging
from dataclasses import asdict
from pathlib import Path

from entromax.config.models import ElementSettings, LabelSettings
from entromax.config.models.validation import PropertySettings
from entromax.labels.budget import LabelBudget
from entromax.labels.calculator import LabelCalculator, NoLabelError
from entromax.runtime import config_hash, provenance, write_json
from entromax.structures import crystal
from entromax.structures.geometry import shortest_distance
from entromax.validation.properties.base import Case, fit_volumes

logger = logging.getLogger("entromax.validation")

FAR = 0.1
"""A scale that differs from that of the settings by more than this part deserves a warning."""


class ScaleError(RuntimeError):
    """There is no scale to derive; the message says why and what to change."""


def derive_d_nn(
    *,
    output: str | Path,
    element: str,
    settings: ElementSettings,
    limits: LabelSettings,
    budget: LabelBudget,
) -> float:
    """Return and write the nearest-neighbour distance of the ground state by the engine of the labels [Å].

    E(V) at the volumes of ``limits.eos`` around that of the settings, at their c/a and u; the window moves to where
    the energy falls (``properties.base.fit_volumes``). The first window are the structures of ``label_reference``:
    where the settings are right, nothing is calculated that is not needed anyway.

    Args:
        output: JSON written: ``d_nn`` and ``d_nn_of_settings`` [Å], ``volume_of_settings`` [Å^3/atom], ``fit`` (V0
            [Å^3/atom], E0 [eV/atom], B [GPa], B'), ``points`` (``volumes``, ``energies``), ``provenance``.
        element: chemical symbol.
        settings: settings of the element.
        limits: volumes of E(V), time and attempts per structure.
        budget: label store, workers and time of the job.

    Raises:
        ScaleError: a volume without a label, or no minimum of E(V).
        OutOfTimeError: the wall time is nearly over; the next attempt goes on.
        EngineUnavailableError: the engine cannot work here.
    """
    name = settings.ground_state
    chosen = settings.crystals[name]
    calculator = LabelCalculator(element, settings, limits, budget)
    case = Case(element, settings, limits.eos, PropertySettings())
    try:
        fit, structures, energies = fit_volumes(name, calculator, case)
    except NoLabelError as error:
        raise ScaleError(
            f"{element}: a volume of {name} has no label ({error}); change elements.{element}.reference, or write "
            f"elements.{element}.d_nn_from: config"
        ) from error
    volumes = [atoms.get_volume() / len(atoms) for atoms in structures]
    if fit.volume is None:
        raise ScaleError(
            f"{element}: E(V) of {name} has {fit.reason}, where its search ended; correct "
            f"elements.{element}.crystals.{name}.volume (is {chosen.volume:g} Å³/atom) or the engine's settings, or "
            f"write elements.{element}.d_nn_from: config"
        )
    d_nn = shortest_distance(crystal(name, element, fit.volume, chosen.c_over_a, chosen.u))
    logger.info("%s: d_nn = %.4f Å, V0 = %.3f Å³/atom (settings: %g Å)", element, d_nn, fit.volume, settings.d_nn)
    if abs(d_nn / settings.d_nn - 1) > FAR:
        logger.warning(
            "%s: the unit of all cutoffs and checks is still elements.%s.d_nn = %g Å; write %.2f there",
            *(element, element, settings.d_nn, d_nn),
        )
    write_json(
        output,
        {
            "element": element,
            "crystal": name,
            "d_nn": d_nn,
            "d_nn_of_settings": settings.d_nn,
            "volume_of_settings": chosen.volume,
            "fit": asdict(fit),
            "points": {"volumes": volumes, "energies": energies.tolist()},
            "provenance": provenance(config=config_hash(settings.model_dump(mode="json")), seed=0),
        },
    )
    return d_nn
