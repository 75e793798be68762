"""Errors of a potential against hand-made differences."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from entromax.validation.errors import bin_errors, predict, summarise
from tests.support.emt_cells import labelled


def mislabelled(atoms: Atoms, energy: float = 0.0, force: float = 0.0, pressure: float = 0.0) -> Atoms:
    """Label with EMT plus errors: energy [eV/atom], every force component [eV/Å], every normal stress [GPa]."""
    shifted = labelled(atoms)
    shifted.info["REF_energy"] -= energy * len(atoms)
    shifted.arrays["REF_forces"] -= force
    shifted.info["REF_stress"] -= pressure * units.GPa * np.array([1, 1, 1, 0, 0, 0])
    return shifted


def cells() -> list[Atoms]:
    made = []
    for k, n in enumerate((1, 2, 3)):
        atoms = bulk("Al", "fcc", a=4.0 + 0.1 * k) * (n, 1, 1)
        atoms.rattle(0.05, seed=k)
        made.append(atoms)
    return made


def test_errors_are_those_put_into_the_labels() -> None:
    one, two, three = cells()
    structures = [mislabelled(one, 0.010, 0.1, 1.0), mislabelled(two, -0.020, 0.2), mislabelled(three, 0.030, 0.3)]
    table, forces = predict(structures, EMT(), "test")
    numbers = summarise(table)
    assert table["energy_error"].tolist() == pytest.approx([10, -20, 30])
    assert numbers["energy_rmse"] == pytest.approx(np.sqrt((100 + 400 + 900) / 3))
    assert numbers["energy_mae"] == pytest.approx(20)
    assert numbers["energy_bias"] == pytest.approx(20 / 3)
    # Every component counts once: 3, 6 and 9 of them.
    assert numbers["force_rmse"] == pytest.approx(np.sqrt((3 * 0.01 + 6 * 0.04 + 9 * 0.09) / 18))
    assert numbers["force_mae"] == pytest.approx((3 * 0.1 + 6 * 0.2 + 9 * 0.3) / 18)
    assert numbers["stress_rmse"] == pytest.approx(np.sqrt(3 * 1.0 / 18))
    assert len(forces) == 18
    assert np.sqrt(np.mean((forces["potential"] - forces["reference"]) ** 2)) == pytest.approx(numbers["force_rmse"])


def test_isolated_atoms_do_not_count() -> None:
    atom = Atoms("Al", positions=[[5, 5, 5]], cell=[10, 10, 10], pbc=True)
    atom.info["config_type"] = "isolated_atom"
    table, _ = predict([mislabelled(atom, 1.0), mislabelled(cells()[0], 0.01)], EMT(), "train")
    assert table["energy_error"].tolist() == pytest.approx([10])


def test_a_set_without_structures_has_no_errors() -> None:
    table, forces = predict([], EMT(), "validation")
    assert table.empty and forces.empty


def test_labels_without_stress_give_no_stress_error() -> None:
    atoms = mislabelled(cells()[0])
    del atoms.info["REF_stress"]
    numbers = summarise(predict([atoms], EMT(), "test")[0])
    assert numbers["stress_rmse"] is None
    assert numbers["energy_rmse"] == pytest.approx(0, abs=1e-9)


class Broken(Calculator):
    """Gives no number for cells of two atoms."""

    implemented_properties = ("energy", "forces", "stress")

    def calculate(
        self, atoms: Atoms | None = None, properties: object = None, system_changes: list[str] = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        copy = self.atoms.copy()
        copy.calc = EMT()
        bad = np.nan if len(copy) == 2 else 1.0
        self.results = {"energy": copy.get_potential_energy() * bad, "forces": copy.get_forces() * bad}
        self.results["stress"] = copy.get_stress() * bad


def test_numbers_that_are_not_finite_are_counted_and_left_out() -> None:
    structures = [mislabelled(atoms, 0.01) for atoms in cells()]
    numbers = summarise(predict(structures, Broken(), "test")[0])
    assert (numbers["structures"], numbers["not_finite"]) == (3, 1)
    assert numbers["energy_rmse"] == pytest.approx(10)


def test_every_structure_is_in_exactly_one_bin_of_each_kind() -> None:
    tables = [
        predict([mislabelled(atoms, 0.01 * k) for k, atoms in enumerate(cells())], EMT(), split)[0]
        for split in ("train", "test")
    ]
    bins = bin_errors(pd.concat(tables, ignore_index=True), d_nn=2.86)
    counts = bins.groupby(["split", "by"])["structures"].sum()
    assert set(counts) == {3}
    sizes = bins[(bins["by"] == "atoms in the cell") & (bins["split"] == "test")]
    assert dict(zip(sizes["bin"], sizes["structures"], strict=True)) == {"1": 1, "2 – 4": 2}
