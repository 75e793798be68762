"""Equations of state against analytic curves, ASE's own fit, and published tables."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.collections import dcdft
from ase.eos import EquationOfState, birchmurnaghan

from entromax.structures import eos_structures
from entromax.validation.eos import (
    birch_murnaghan,
    compare_crystals,
    count_minima,
    fit_birch_murnaghan,
    potential_energies,
    summarise_crystals,
)
from entromax.validation.references import (
    cohesive_energy,
    elastic_constants,
    equations_of_state,
    phase_energies,
)

VOLUMES = np.linspace(15.0, 18.0, 9)


def labelled_crystal(name: str, volume: float, shift: float = 0.0) -> list[Atoms]:
    structures = eos_structures(name, "Al", volume, 7, 0.06)
    for atoms, energy in zip(structures, potential_energies(structures, EMT()), strict=True):
        atoms.info["REF_energy"] = (energy + shift) * len(atoms)
    return structures


def free_atom() -> Atoms:
    atom = Atoms("Al", positions=[[5, 5, 5]], cell=[10, 10, 10], pbc=True)
    atom.info |= {"config_type": "isolated_atom", "REF_energy": float(potential_energies([atom], EMT())[0])}
    return atom


@pytest.mark.parametrize("derivative", [2.0, 4.57, 7.0])
def test_fit_recovers_the_curve_it_is_given(derivative: float) -> None:
    energies = birchmurnaghan(VOLUMES, -3.7, 78.1 * units.GPa, derivative, 16.48)
    fit = fit_birch_murnaghan(VOLUMES, energies)
    assert fit.status == "minimum"
    assert (fit.volume, fit.energy) == pytest.approx((16.48, -3.7))
    assert (fit.bulk_modulus, fit.derivative) == pytest.approx((78.1, derivative), rel=1e-6)


def test_curve_is_that_of_ase() -> None:
    ours = birch_murnaghan(VOLUMES, -3.7, 16.48, 78.1, 4.57)
    assert ours == pytest.approx(birchmurnaghan(VOLUMES, -3.7, 78.1 * units.GPa, 4.57, 16.48), abs=1e-12)


def test_fit_of_a_potential_agrees_with_ase() -> None:
    structures = eos_structures("fcc", "Al", 16.0, 7, 0.05)
    energies, volumes = potential_energies(structures, EMT()), [atoms.get_volume() for atoms in structures]
    theirs = EquationOfState(volumes, energies, eos="birchmurnaghan")
    volume, energy, bulk = theirs.fit()
    ours = fit_birch_murnaghan(volumes, energies)
    assert (ours.volume, ours.bulk_modulus) == pytest.approx((volume, bulk / units.GPa), rel=1e-4)
    assert ours.energy == pytest.approx(energy, abs=1e-6)


@pytest.mark.parametrize(
    ("energies", "words"),
    [
        (np.linspace(1, 2, 9), "no minimum between 15.00 and 18.00"),
        (-((VOLUMES - 16.5) ** 2), "no minimum"),
        (np.full(9, np.nan), "not finite"),
    ],
    ids=["slope", "maximum", "nan"],
)
def test_curve_without_a_minimum_is_reported_not_raised(energies: np.ndarray, words: str) -> None:
    fit = fit_birch_murnaghan(VOLUMES, energies)
    assert fit.status == "none" and fit.volume is None
    assert words in fit.reason


def test_too_few_volumes_are_reported_not_raised() -> None:
    assert "too few" in fit_birch_murnaghan(VOLUMES[:3], [1.0, 0.0, 1.0]).reason


@pytest.mark.parametrize(
    ("curve", "minima"),
    [
        ([3, 1, 0, 1, 3], 1),
        ([3, 1, 2, 0, 3], 2),
        ([-5, 2, 1, 0, 1], 2),  # collapses when compressed
        ([3, 1, 1.0005, 1, 3], 1),  # a ripple is no second minimum
        ([np.nan, 2, 0, 2], 2),
    ],
)
def test_holes_are_counted(curve: list[float], minima: int) -> None:
    assert count_minima(np.array(curve)) == minima


def test_same_calculator_has_no_deviation_from_itself() -> None:
    reference = [free_atom(), *labelled_crystal("fcc", 16.0), *labelled_crystal("sc", 19.0)]
    _, table = compare_crystals(reference, EMT(), symbol="Al", ground_state="fcc")
    summary = summarise_crystals(table)
    for crystal in ("fcc", "sc"):
        for key in ("volume_error", "bulk_modulus_error", "derivative_error", "phase_energy_error"):
            assert summary[crystal][key] == pytest.approx(0, abs=1e-6)
    own = table[table["source"] == "potential"].set_index("crystal")
    assert own.loc["fcc", "phase_energy"] == 0
    assert own.loc["sc", "phase_energy"] > 100
    # EMT counts energies from fcc, so the free atom's energy is the cohesive energy up to the depth of its minimum.
    assert own.loc["fcc", "cohesive_energy"] == pytest.approx(free_atom().info["REF_energy"], abs=0.01)


def test_deviations_do_not_depend_on_the_zero_of_energy() -> None:
    shifted = [*labelled_crystal("fcc", 16.0, -1000.0), *labelled_crystal("sc", 19.0, -1000.0)]
    _, table = compare_crystals(shifted, EMT(), symbol="Al", ground_state="fcc")
    summary = summarise_crystals(table)["sc"]
    assert summary["phase_energy_error"] == pytest.approx(0, abs=1e-4)
    assert summary["volume_error"] == pytest.approx(0, abs=1e-4)


def test_potential_without_a_minimum_is_reported() -> None:
    repulsive = LennardJones(sigma=6.0, epsilon=0.01, rc=7.0)
    curves, table = compare_crystals(labelled_crystal("fcc", 16.0), repulsive, symbol="Al", ground_state="fcc")
    summary = summarise_crystals(table)["fcc"]
    assert (summary["reference"], summary["potential"]) == ("minimum", "none")
    assert "no minimum" in summary["potential_reason"]
    assert "volume_error" not in summary
    assert np.isfinite(curves["energy"]).all()


def test_missing_ground_state_is_named() -> None:
    with pytest.raises(ValueError, match=r"'bcc' is not among the labelled crystals \(fcc\)"):
        compare_crystals(labelled_crystal("fcc", 16.0), EMT(), symbol="Al", ground_state="bcc")


def test_published_curves_belong_to_the_crystal_of_the_delta_project() -> None:
    assert set(equations_of_state("Al", "fcc")) == {"wien2k", "experiment"}
    assert equations_of_state("Al", "bcc") == {}
    assert equations_of_state("C", "diamond") == {}
    wolfram = equations_of_state("W", "bcc")["wien2k"]
    assert (wolfram.volume, wolfram.bulk_modulus) == pytest.approx((16.139, 301.6), rel=1e-3)


@pytest.mark.parametrize(
    ("symbol", "crystal"),
    [
        ("Al", "fcc"),
        ("W", "bcc"),
        ("Be", "hcp"),
        ("Re", "hcp"),
        ("Os", "hcp"),
        ("C", "graphite"),
        ("Sb", "A7"),
        ("Te", "A8"),
    ],
)
def test_every_element_of_the_papers_has_published_values(symbol: str, crystal: str) -> None:
    published = equations_of_state(symbol, crystal)["wien2k"]
    cell = dcdft[symbol]  # the structure is the project's own; its volume is that of the published curve
    assert published.volume == pytest.approx(cell.get_volume() / len(cell), rel=0.02)
    assert min(number.value for number in phase_energies(symbol).values()) == 0
    assert cohesive_energy(symbol) is not None
    assert all(number.source for number in elastic_constants(symbol).values())


@pytest.mark.parametrize(("symbol", "crystal"), [("Al", "fcc"), ("W", "bcc"), ("Be", "hcp"), ("Re", "hcp")])
def test_published_elastic_constants_have_the_published_bulk_modulus(symbol: str, crystal: str) -> None:
    """Numbers of two sources: a typing error in one would part them."""
    known = {name: number.value for name, number in elastic_constants(symbol).items()}
    normal, mixed = known["C11"], known["C12"]
    voigt = (normal + 2 * mixed) / 3
    if crystal == "hcp":
        voigt = (2 * (normal + mixed) + 4 * known["C13"] + known["C33"]) / 9
    assert voigt == pytest.approx(equations_of_state(symbol, crystal)["wien2k"].bulk_modulus, rel=0.06)
