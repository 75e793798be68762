"""The contract of a physical property."""

import json
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, Calculator, all_changes

from entromax.contracts.requirements import check_entry, require, require_close
from entromax.registry import PROPERTIES
from entromax.structures.geometry import bare
from entromax.validation.properties import Case, Property, Result
from entromax.validation.properties.base import CURVE_COLUMNS
from entromax.validation.properties.jobs import run_property

ENERGY_POWER = {"Å": 0.0, "Å³/atom": 0.0, "1": 0.0, "eV": 1.0, "meV/atom": 1.0, "GPa": 1.0, "J/m²": 1.0, "THz": 0.5}
"""Power of the energy in the units of quantities: twice the energies of a calculator, 2^power times the quantity."""
FACTOR = 2.0


class Scaled(Calculator):
    """Another calculator with all energies, forces and stresses multiplied by a factor."""

    def __init__(self, inner: BaseCalculator, factor: float) -> None:
        super().__init__()
        self.implemented_properties = ["energy", "free_energy", "forces", "stress"]
        self.inner, self.factor = inner, factor

    def calculate(self, atoms: Atoms | None = None, properties: Any = ("energy",), changes: Any = all_changes) -> None:
        """Fill ``results``."""
        super().calculate(atoms, properties, changes)
        copy = bare(self.atoms)
        copy.calc = self.inner
        energy = self.factor * copy.get_potential_energy()
        self.results = {"energy": energy, "free_energy": energy, "forces": self.factor * copy.get_forces()}
        self.results["stress"] = self.factor * copy.get_stress()


def check_property(one: Property, calculator: BaseCalculator, case: Case, *, tolerance: float = 2e-3) -> Result:
    """Check a property: facts, its result and the way of that to a file, units, published values, bad potentials.

    Units are checked by physics: with all energies doubled, lengths must stay, energies double, frequencies grow by
    the square root of 2 (``ENERGY_POWER``); not for properties that depend on a temperature.

    Args:
        one: the property.
        calculator: a sound potential of the element.
        case: element, sizes and tolerances, chosen so that the property applies.
        tolerance: largest relative error of the scaling; relaxations that end at a force make it larger.

    Returns:
        The result, for further tests.

    Raises:
        BrokenContractError: with the promise that is not kept.
    """
    check_entry(one, PROPERTIES)
    require(one.title and one.explanation, f"{one.name}: title or explanation is missing; the report shows both")
    require(one.not_applicable(case) == "", f"the case does not suit: {one.not_applicable(case)}")
    result = run_property(one, calculator, case)
    require(result.state == "done", f"{one.name} with a sound potential: {result.state}, {result.reason}")
    _check_result(one, result)
    known = {quantity.name: quantity.unit for quantity in result.quantities}
    for name, number in one.published(case).items():
        if name in known:
            require(number.unit == known[name], f"published {name} is in {number.unit}, calculated in {known[name]}")
            require(number.source, f"published {name} has no source")
    again = run_property(one, calculator, case)
    require(again.to_json() == result.to_json(), "the same potential gives another result the second time")
    if not one.thermal:
        _check_units(one, result, run_property(one, Scaled(calculator, FACTOR), case), tolerance)
    _check_bad_potential(one, calculator, case)
    return result


def _check_result(one: Property, result: Result) -> None:
    names = [quantity.name for quantity in result.quantities]
    require(names and len(set(names)) == len(names), f"quantities need names that differ: {names}")
    for quantity in result.quantities:
        require(np.isfinite(quantity.value), f"{quantity.name} is {quantity.value}")
        require(quantity.unit, f"{quantity.name} has no unit; a plain number has the unit 1")
    require(list(result.curves.columns) == list(CURVE_COLUMNS), f"curves need the columns {CURVE_COLUMNS}")
    require(bool(one.x_label) == bool(len(result.curves)), "x_label is there exactly when there are curves")
    require(bool(one.x_label) == bool(one.y_label), "both axes of the curves need a label")
    require(np.isfinite(result.curves[["x", "y"]].to_numpy(dtype=float)).all(), "curves are finite")
    data = json.loads(json.dumps(result.to_json()))
    require(Result.from_json(data).to_json() == data, "the result does not survive its file")


def _check_units(one: Property, result: Result, doubled: Result, tolerance: float) -> None:
    require(doubled.state == "done", f"{one.name} with all energies doubled: {doubled.state}, {doubled.reason}")
    values = {quantity.name: quantity.value for quantity in doubled.quantities}
    largest: dict[str, float] = {}
    for quantity in result.quantities:
        largest[quantity.unit] = max(largest.get(quantity.unit, 0.0), abs(quantity.value))
    for name, value, unit in result.quantities:
        if unit in ENERGY_POWER:
            expected = FACTOR ** ENERGY_POWER[unit] * value
            limit = tolerance * max(abs(expected), largest[unit])
            require_close(values[name], expected, limit, f"{name} [{unit}], all energies doubled")


def _check_bad_potential(one: Property, calculator: BaseCalculator, case: Case) -> None:
    bad = run_property(one, Scaled(calculator, float("nan")), case)
    require(bad.state == "failed" and bad.reason, f"a potential of NaN gives {bad.state}, not a failure with a reason")
