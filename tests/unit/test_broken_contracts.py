"""The contracts hold for all of ours that are fast, and each notices what it is there to notice."""

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

from entromax.config.models import CrystalSettings, ElementSettings, EosSettings, ReferenceSettings
from entromax.config.models.validation import PropertySettings
from entromax.contracts import BrokenContractError, check_engine, check_features, check_property
from entromax.features.bispectrum import Bispectrum, BispectrumSettings
from entromax.features.power_spectrum import PowerSpectrumSettings
from entromax.labels.engines.base import Label
from entromax.labels.engines.emt import EmtEngine, EmtSettings
from entromax.labels.engines.lammps import LammpsSettings
from entromax.registry import PROPERTIES
from entromax.validation.properties import Case, Quantity, Result
from entromax.validation.properties.vacancy import Vacancy

SMALL = PropertySettings(atoms=8, layers=6, path_points=5, fmax=0.002, melt_atoms=16, melt_steps=50)


def distorted():
    atoms = bulk("Al", "hcp", a=2.8, c=4.6)
    atoms.rattle(0.1, seed=0)
    return atoms


@pytest.mark.parametrize(
    "settings",
    [EmtSettings(), LammpsSettings(pair_style="morse 6.0", pair_coeff=["* * 0.27 1.16 3.25"])],
    ids=lambda settings: settings.engine,
)
def test_engines_keep_their_contract(settings: ReferenceSettings) -> None:
    check_engine(settings, distorted(), step=1e-3, tolerance=1e-4, stress_tolerance=1e-5)


@pytest.mark.parametrize(
    "settings",
    [BispectrumSettings(), BispectrumSettings(twojmax=5, cutoff=1.7), PowerSpectrumSettings()],
    ids=lambda settings: f"{settings.name} {settings.cutoff}",
)
def test_feature_sets_keep_their_contract(settings) -> None:
    check_features(settings)


def case(ground_state: str = "fcc") -> Case:
    crystals = {ground_state: CrystalSettings(volume=16.0), "hcp": CrystalSettings(volume=16.2, c_over_a=1.63)}
    element = ElementSettings(
        d_nn=2.86, volume=[0.5, 1.6], ground_state=ground_state, crystals=crystals, reference=EmtSettings()
    )
    return Case("Al", element, EosSettings(), SMALL)


@pytest.mark.parametrize("name", PROPERTIES)
def test_properties_keep_their_contract(name: str) -> None:
    check_property(PROPERTIES[name], EMT(), case(), tolerance=0.02)


def broken(call, promise: str) -> None:
    with pytest.raises(BrokenContractError, match=promise):
        call()


@pytest.mark.parametrize(
    ("spoil", "promise"),
    [
        (lambda label: Label(label.energy, -label.forces, label.stress), "forces are the negative derivative"),
        (lambda label: Label(label.energy, label.forces, -label.stress), "stress xx is"),
        (lambda label: Label(label.energy, label.forces, label.stress[[0, 1, 2, 5, 4, 3]]), "stress yz is"),
        (lambda label: Label(label.energy / 27.2, label.forces, label.stress), "forces are the negative derivative"),
        (lambda label: Label(label.energy, label.forces[:, :2], label.stress), "shape"),
    ],
    ids=["sign of forces", "sign of stress", "order of stress", "Hartree", "shape"],
)
def test_an_engine_with_a_wrong_sign_unit_or_order_is_found_out(spoil, promise: str, monkeypatch) -> None:
    right = EmtEngine.label
    monkeypatch.setattr(EmtEngine, "label", lambda *arguments: spoil(right(*arguments)))
    broken(lambda: check_engine(EmtSettings(), distorted()), promise)


def test_an_engine_that_moves_the_atoms_or_forgets_the_free_atom_is_found_out(monkeypatch) -> None:
    right = EmtEngine.label

    def moving(self, atoms, *rest):
        label = right(self, atoms, *rest)
        atoms.wrap()
        atoms.positions += 0.01
        return label

    monkeypatch.setattr(EmtEngine, "label", moving)
    broken(lambda: check_engine(EmtSettings(), distorted()), "labelling changes the structure")

    def pressed(self, atoms, *rest):
        label = right(self, atoms, *rest)
        return label if len(atoms) > 1 else Label(label.energy, label.forces, np.full(6, 1e-3))

    monkeypatch.setattr(EmtEngine, "label", pressed)
    broken(lambda: check_engine(EmtSettings(), distorted()), "free atom: its stress is zero")


def test_features_that_turn_with_the_crystal_or_jump_at_the_cutoff_are_found_out(monkeypatch) -> None:
    right = Bispectrum.__call__

    def turning(self, vectors, centre, n_atoms):
        values = right(self, vectors, centre, n_atoms)
        return values.index_add(0, centre, 1e-3 * vectors[:, :1].double().expand(-1, self.dim) ** 2)

    monkeypatch.setattr(Bispectrum, "__call__", turning)
    broken(lambda: check_features(BispectrumSettings(twojmax=2)), "rotation changes nothing")

    def counting(self, vectors, centre, n_atoms):
        values = right(self, vectors, centre, n_atoms)
        inside = ((vectors**2).sum(1) < self.cutoff**2).double()[:, None]
        return values.index_add(0, centre, 1e-3 * inside.expand(-1, self.dim).to(values.dtype))

    monkeypatch.setattr(Bispectrum, "__call__", counting)
    broken(lambda: check_features(BispectrumSettings(twojmax=2)), "fades away|derivative|another cell")


def test_a_property_with_a_wrong_unit_or_without_one_is_found_out() -> None:
    class Mislabelled(Vacancy):
        """A vacancy whose energy is called a length."""

        def calc(self, calculator, case):
            result = super().calc(calculator, case)
            return Result("done", quantities=[Quantity(name, value, self.unit) for name, value, _ in result.quantities])

        def published(self, case):
            return {}

    for unit, promise in (("Å", "all energies doubled"), ("", "has no unit")):
        Mislabelled.unit = unit
        broken(lambda: check_property(Mislabelled(), EMT(), case(), tolerance=0.02), promise)
