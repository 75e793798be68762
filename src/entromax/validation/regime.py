"""Where the errors of a potential are known: the regime that its tests covered, and whether structures lie in it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pandas as pd
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, all_changes

from entromax.config.load import ConfigError, read_yaml
from entromax.config.models import FeatureSettings
from entromax.layout import ElementFolder
from entromax.potentials import load_potential
from entromax.potentials.base import CARD
from entromax.potentials.core import with_room
from entromax.structures.geometry import bare
from entromax.structures.io import read_structures
from entromax.validation.distance import distance_to_training

BELOW = 0.05
"""So far below all crystals and training structures [eV/atom] a structure may lie; what is lower fell into a hole."""
COVERED = 0.95
"""Part of the test set that lies within the largest distance of the regime."""
TABLE, CRYSTALS = "errors_structures.csv", "eos_parameters.csv"
"""Tables of ``validate_errors`` and ``validate_eos``."""
LIMITS = {
    "volume": "volume [Å³/atom]",
    "energy": "energy [eV/atom]",
    "distance": "distance [σ]",
    "energy_bar": "± [meV/atom]",
    "force_bar": "± largest force [eV/Å]",
}
"""Headings of the columns of :func:`check_structures` that have a unit."""


@dataclass(frozen=True)
class Regime:
    """What the training and test structures of a potential, and the crystals of its E(V) curves, covered.

    Attributes:
        volume: smallest and largest of the training set [Å^3/atom].
        energy: lowest of crystals and training set, highest of the training set [eV/atom].
        distance: to the training set, within which 95 % of the test structures lie [standard deviations of a feature].
    """

    volume: tuple[float, float]
    energy: tuple[float, float]
    distance: float

    def outside(self, volume: float, energy: float, distance: float, extrapolation: float = 0.0) -> list[str]:
        """Return in what a structure lies outside, in words; an unknown value (NaN) is not judged.

        Args:
            volume: [Å^3/atom].
            energy: predicted [eV/atom].
            distance: to the training set [standard deviations of a feature].
            extrapolation: largest grade of its atoms, see ``Family.load``.
        """
        found = {
            "compressed": volume < self.volume[0],
            "expanded": volume > self.volume[1],
            "lower in energy": energy < self.energy[0] - BELOW,
            "higher in energy": energy > self.energy[1],
            "far from the training set": distance > self.distance,
            "extrapolates": extrapolation > 1,
        }
        return [words for words, true in found.items() if true]


def read_regime(folder: Path) -> Regime | None:
    """Return the regime of a potential from the folder with its tests; None where these are not (all) there."""
    if not ((folder / TABLE).is_file() and (folder / CRYSTALS).is_file()):
        return None
    return regime(pd.read_csv(folder / TABLE), pd.read_csv(folder / CRYSTALS))


def regime(table: pd.DataFrame, crystals: pd.DataFrame) -> Regime | None:
    """Return the regime of a potential from its tests.

    Args:
        table: of ``validate_errors``, columns ``split``, ``volume``, ``energy_reference``, ``distance``.
        crystals: of ``validate_eos``, columns ``source`` and ``energy``.

    Returns:
        None when there are no training or no held-out structures.
    """
    train, test = table[table["split"] == "train"], table[table["split"].isin(["validation", "test"])]
    if train.empty or test.empty:
        return None
    known = crystals.loc[crystals["source"] == "reference", "energy"].dropna()
    return Regime(
        (float(train["volume"].min()), float(train["volume"].max())),
        (float(min(train["energy_reference"].min(), *known)), float(train["energy_reference"].max())),
        float(np.quantile(test["distance"], COVERED)),
    )


def inside(table: pd.DataFrame, known: Regime) -> pd.Series:
    """Tell for every row of a table of ``validate_errors`` whether the structure lies inside, by its label."""
    columns = zip(table["volume"], table["energy_reference"], table["distance"], strict=True)
    return pd.Series([not known.outside(*values) for values in columns], index=table.index)


def check_structures(potential: str | Path, structures: str | Path) -> pd.DataFrame:
    """Tell which structures lie where the errors of a potential are known.

    Args:
        potential: its folder, inside the results of a campaign or a published folder.
        structures: file of any format that ASE reads.

    Returns:
        One row per structure: ``name``, ``atoms``, ``volume`` [Å^3/atom, NaN without periodicity], ``energy``
        [eV/atom], ``distance`` [standard deviations of a feature]; where the family has them, ``extrapolation``
        (largest grade), ``energy_bar`` [meV/atom], ``force_bar`` (the largest [eV/Å]); ``outside``: in what it lies
        outside, empty for a structure inside.

    Raises:
        ConfigError: one line with what is missing.
    """
    folder = Path(potential)
    if not (folder / CARD).is_file():
        raise ConfigError(f"{folder}: holds no potential (no {CARD}); name a folder such as results/Al/potentials/ace")
    card = json.loads((folder / CARD).read_text())
    element = ElementFolder(folder.resolve().parents[1])
    try:
        given: list[Atoms] = list(ase.io.iread(structures))
    except Exception as error:  # every format of ASE fails in its own way
        raise ConfigError(f"{structures}: ASE cannot read it: {type(error).__name__}: {error}") from error
    strangers = {str(symbol) for atoms in given for symbol in atoms.symbols} - {card["element"]}
    if strangers or not given:
        what = f"holds {', '.join(sorted(strangers))}" if strangers else "is empty"
        raise ConfigError(f"{structures}: {what}; this is a potential of {card['element']}")
    known, training, features = _tested(element, folder.resolve().name)
    roomy = [with_room(atoms, 2 * features.cutoff * card["d_nn"]) for atoms in given]
    distances = distance_to_training(roomy, training, d_nn=card["d_nn"], features=features)
    calculator = load_potential(folder)
    rows = []
    for number, (atoms, distance) in enumerate(zip(given, distances, strict=True), start=1):
        row = _predicted(atoms, calculator) | {"distance": float(distance)}
        judged = {key: row[key] for key in ("volume", "energy", "distance", "extrapolation") if key in row}
        name = str(atoms.info.get("name", atoms.info.get("sid", number)))
        rows.append({"name": name, "atoms": len(atoms), **row, "outside": ", ".join(known.outside(**judged))})
    return pd.DataFrame(rows)


def _tested(element: ElementFolder, name: str) -> tuple[Regime, Sequence[Atoms], FeatureSettings]:
    """Return the regime of a potential, its training set, and the features in whose space distances are measured."""
    tests = element.validation(name)
    sets = [element.dataset / "train.extxyz", element.dataset / "extxyz/train.extxyz"]
    configs = [element.root / "config.yaml", element.root.parent / "config.yaml"]
    for what, places in (
        ("errors", [tests / TABLE]),
        ("crystals", [tests / CRYSTALS]),
        ("training set", sets),
        ("configuration", configs),
    ):
        if not any(path.is_file() for path in places):
            raise ConfigError(f"{places[0]}: {what} of the potential not found; run its campaign up to its report")
    known = read_regime(tests)
    if known is None:
        raise ConfigError(f"{tests / TABLE}: has no held-out structures; raise dataset.test_fraction")
    training, config = (next(path for path in places if path.is_file()) for places in (sets, configs))
    features = FeatureSettings.model_validate(read_yaml(config)["library"]["features"])
    return known, read_structures(training), features


def _predicted(atoms: Atoms, calculator: BaseCalculator) -> dict[str, Any]:
    """Return volume, energy and, where the family has them, extrapolation grade and error bars."""
    extra = [
        name for name in ("extrapolation", "energy_std", "forces_std") if name in calculator.implemented_properties
    ]
    copy, n = bare(atoms), len(atoms)
    copy.calc = calculator
    calculator.calculate(copy, ["energy", "forces", *extra], list(all_changes))
    found = calculator.results
    row = {"volume": atoms.get_volume() / n if atoms.pbc.all() else np.nan, "energy": float(found["energy"]) / n}
    if "extrapolation" in extra:
        row["extrapolation"] = float(np.max(found["extrapolation"]))
    if "energy_std" in extra:
        row["energy_bar"] = 1000 * float(found["energy_std"]) / n
    if "forces_std" in extra:
        row["force_bar"] = float(np.max(found["forces_std"]))
    return row
