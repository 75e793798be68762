"""The job that fits a potential, and the way to use what it has made."""

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from entromax.config.models import LabelNoise, PotentialSettings
from entromax.potentials.base import CARD, Family, FitData, FitError, family_available
from entromax.potentials.folder import atomic_folder
from entromax.registry import FAMILIES
from entromax.runtime import config_hash, provenance, write_json
from entromax.structures import read_structures
from entromax.structures.kinds import ISOLATED, kind_of, without_free_atoms

logger = logging.getLogger("entromax.potentials")
NO_NOISE = LabelNoise()


def train_potential(
    train: str | Path,
    validation: str | Path,
    *,
    potential: str | Path,
    element: str,
    d_nn: float,
    settings: PotentialSettings,
    seed: int,
    threads: int = 1,
    noise: LabelNoise = NO_NOISE,
) -> dict[str, Any]:
    """Fit one potential and put it, all at once, into the folder ``potential``.

    Args:
        train: training set (extended XYZ, ``REF_`` keys, with the free atom).
        validation: validation set; may be empty.
        potential: output folder: the files of the model, the log of the fit, ``potential.json``.
        element: chemical symbol.
        d_nn: nearest-neighbour distance of the element [Å].
        settings: settings of the family.
        seed: of everything random in the fit.
        threads: processor cores.
        noise: standard deviations of the labels, which the fit expects.

    Returns:
        The contents of ``potential.json``.

    Raises:
        FitError: the fit failed.
        ImportError: the family's package is not installed.
    """
    message = family_available(settings)
    if message:
        raise ImportError(message)
    family: Family[Any] = FAMILIES[settings.family]
    structures = of_pools(read_structures(train), getattr(settings, "pools", None))
    data = FitData(structures, read_structures(validation), element, d_nn, seed, threads, noise)
    started = time.monotonic()
    with atomic_folder(Path(potential)) as folder:
        facts = family.fit(data, settings, folder)
        dump = settings.model_dump(mode="json")
        card = {
            "family": family.name,
            "element": element,
            "d_nn": d_nn,
            "settings": dump,
            "label_noise": noise.model_dump(mode="json"),
            "training_structures": len(data.train),
            "training_hash": hashlib.sha256(Path(train).read_bytes()).hexdigest()[:16],
            "fit_seconds": round(time.monotonic() - started, 2),
            "lammps": family.export(folder, element),
            "facts": facts,
            "provenance": provenance(config=config_hash(dump), seed=seed),
        }
        write_json(folder / CARD, card)
    logger.info(
        "%s: %s fitted to %d structures in %.1f s", potential, family.name, len(data.train), card["fit_seconds"]
    )
    return card


def of_pools(structures: Sequence[Atoms], pools: Sequence[str] | None) -> list[Atoms]:
    """Return the structures of some pools, and the free atom, which belongs to every fit.

    Args:
        structures: training set.
        pools: kinds of structures; None: all.

    Raises:
        FitError: the training set has none of them.
    """
    if pools is None:
        return list(structures)
    chosen = [atoms for atoms in structures if kind_of(atoms) in (*pools, ISOLATED)]
    if len(without_free_atoms(chosen)) == 0:
        raise FitError(f"pools: the training set has no structure of {', '.join(pools)}; name others or none")
    return chosen


def load_potential(folder: str | Path) -> BaseCalculator:
    """Return a fitted potential as an ASE calculator.

    Raises:
        FileNotFoundError: there is no fitted potential in ``folder``.
    """
    card = Path(folder) / CARD
    if not card.is_file():
        raise FileNotFoundError(f"{folder}: holds no fitted potential (no {CARD}); run its train_potential job again")
    family: Family[Any] = FAMILIES[json.loads(card.read_text())["family"]]
    return family.load(Path(folder))
