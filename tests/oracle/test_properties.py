"""Every property against exact results: fcc of atoms bound to their nearest neighbours only (Morse)."""

import numpy as np
import pytest
from ase import units
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.morse import MorsePotential
from ase.data import atomic_masses

from entromax.config.models import CrystalSettings, ElementSettings, EosSettings
from entromax.config.models.validation import PropertySettings
from entromax.labels.engines.emt import EmtSettings
from entromax.structures import crystal
from entromax.validation.properties import PROPERTIES, Case, Result
from entromax.validation.properties.base import equilibrium
from entromax.validation.properties.paths import Path as TransformationPath
from entromax.validation.properties.surfaces import JOULE_PER_M2
from entromax.validation.properties.zone_boundary import boundary_points, doubled_cell

D, DEPTH, RHO = 2.86, 0.4, 4.5
STIFFNESS = 2 * DEPTH * (RHO / D) ** 2
"""Second derivative of the pair energy at its minimum [eV/Å^2]."""
TERAHERTZ = np.sqrt(STIFFNESS * units._e / 1e-20 / (atomic_masses[13] * units._amu)) / (2 * np.pi) / 1e12
"""Unit of the frequencies of these springs: sqrt(k/m)/2π."""
EDGE = D * np.sqrt(2)


def morse() -> MorsePotential:
    """Pair potential that ends between the first and the second neighbours of fcc."""
    return MorsePotential(epsilon=DEPTH, r0=D, rho0=RHO, rcut1=1.25, rcut2=1.38)


def case(symbol: str = "Al", ground_state: str = "fcc", **crystals: CrystalSettings) -> Case:
    chosen = crystals or {"fcc": CrystalSettings(volume=D**3 / np.sqrt(2)), "hcp": CrystalSettings(volume=16.5)}
    element = ElementSettings(
        d_nn=D, volume=[0.5, 1.6], ground_state=ground_state, crystals=chosen, reference=EmtSettings()
    )
    return Case(symbol, element, EosSettings(strain=0.02), PropertySettings(atoms=27, layers=9, fmax=1e-3))


def values(name: str, calculator: Calculator, of: Case) -> tuple[dict[str, float], Result]:
    result = PROPERTIES[name].calc(calculator, of)
    assert result.state == "done"
    return {one.name: one.value for one in result.quantities}, result


def test_lattice() -> None:
    found, _ = values("lattice", morse(), case())
    assert found["a"] == pytest.approx(EDGE, rel=1e-4)
    assert found["nearest neighbours"] == pytest.approx(D, rel=1e-4)
    assert found["bulk modulus"] == pytest.approx(4 / 3 * STIFFNESS / EDGE / units.GPa, rel=0.01)


def test_elastic_constants_of_nearest_neighbour_springs() -> None:
    found, result = values("elastic", morse(), case())
    spring = STIFFNESS / EDGE / units.GPa
    assert found["C11"] == pytest.approx(2 * spring, rel=0.01)
    assert found["C12"] == pytest.approx(spring, rel=0.01)
    assert found["C44"] == pytest.approx(spring, rel=0.01)
    assert not result.flags


@pytest.mark.parametrize("symbol", ["Cu", "Al"])
def test_elastic_constants_are_second_derivatives_of_the_energy(symbol: str) -> None:
    """The property takes them from stresses."""
    of = case(symbol, fcc=CrystalSettings(volume={"Cu": 11.6, "Al": 15.9}[symbol]))
    found, _ = values("elastic", EMT(), of)
    atoms = equilibrium(EMT(), of)
    energy, volume, step = atoms.get_potential_energy(), atoms.get_volume(), 0.005

    def curvature(strain: np.ndarray) -> float:
        energies = []
        for sign in (-1, 1):
            copy = atoms.copy()
            copy.calc = EMT()
            copy.set_cell(atoms.cell @ (np.eye(3) + sign * step * strain), scale_atoms=True)
            energies.append(copy.get_potential_energy())
        return (energies[0] + energies[1] - 2 * energy) / step**2 / volume / units.GPa

    c11 = curvature(np.diag([1.0, 0, 0]))
    c12 = curvature(np.diag([1.0, 1.0, 0])) / 2 - c11
    c44 = curvature(np.array([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]]))
    assert [found["C11"], found["C12"], found["C44"]] == pytest.approx([c11, c12, c44], rel=0.03)


def test_ions_relax_under_strain() -> None:
    """In hcp a shear in the basal plane moves the sublattices: C66 = (C11 - C12)/2 is lower than with fixed ions."""
    of = case(ground_state="hcp", hcp=CrystalSettings(volume=D**3 / np.sqrt(2)))
    found, _ = values("elastic", morse(), of)
    spring = STIFFNESS / EDGE / units.GPa
    # Exact for hcp of nearest-neighbour springs, in units of k/(√2 d): 29/12 11/12 2/3 8/3 2/3.
    exact = {"C11": 29 / 12, "C12": 11 / 12, "C13": 2 / 3, "C33": 8 / 3, "C44": 2 / 3}
    assert {name: found[name] / spring for name in exact} == pytest.approx(exact, rel=0.02)


def test_phonons_of_nearest_neighbour_springs() -> None:
    found, result = values("phonons", morse(), case())
    assert found["highest frequency"] == pytest.approx(np.sqrt(8) * TERAHERTZ, rel=0.01)
    assert found["lowest frequency"] == pytest.approx(0, abs=1e-3)
    assert not result.flags
    assert {"Γ", "X", "L"} <= set(dict(result.ticks))


def test_phonons_at_the_zone_boundary_need_no_more_than_doubled_cells() -> None:
    found, _ = values("zone_boundary", morse(), case())
    exact = {"lowest at X": 2.0, "highest at X": np.sqrt(8), "lowest at L": np.sqrt(2), "highest at L": np.sqrt(8)}
    assert {name: value / TERAHERTZ for name, value in found.items()} == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("name", ["bcc", "hcp", "graphite", "A7", "A8"])
def test_doubled_cells_hold_the_waves_of_their_points(name: str) -> None:
    """The wave has the same phase at both ends of each edge."""
    points = boundary_points(crystal(name, "Al", 17.0))
    assert points and not any(label[-1].isdigit() for label in points)
    for point in points.values():
        cell = doubled_cell(point)
        assert round(np.linalg.det(cell)) == 2
        assert np.allclose(cell @ point, np.rint(cell @ point))


def test_imaginary_phonons_are_flagged() -> None:
    """Simple cubic copper does not resist shear."""
    _, result = values("phonons", EMT(), case("Cu", "sc", sc=CrystalSettings(volume=14.0)))
    assert result.flags and "imaginary" in result.flags[0]


def test_thermal_expansion_is_that_of_the_grueneisen_parameter() -> None:
    """Springs of a Morse pair have <γ> = ρ/2 - 1/3; hot and classical, α = γ k_B / (B v)."""
    _, result = values("expansion", morse(), case())
    bulk, volume = 4 / 3 * STIFFNESS / EDGE, D**3 / np.sqrt(2)
    classical = (RHO / 2 - 1 / 3) * units.kB / (bulk * volume) * 1e6
    at_500 = float(np.interp(500.0, result.curves["x"], result.curves["y"]))
    assert at_500 == pytest.approx(classical, rel=0.15)


def test_vacancy_breaks_twelve_bonds_and_gains_six() -> None:
    found, _ = values("vacancy", morse(), case())
    assert found["formation energy, unrelaxed"] == pytest.approx(6 * DEPTH, rel=1e-3)
    assert found["formation energy"] == pytest.approx(6 * DEPTH, rel=2e-3)


def test_surfaces_are_broken_bonds() -> None:
    found, _ = values("surfaces", morse(), case())
    bonds = {"(111)": 3 / (np.sqrt(3) / 2), "(100)": 4.0, "(110)": 6 / np.sqrt(2)}
    for facet, per_area in bonds.items():
        assert found[f"{facet}, unrelaxed"] == pytest.approx(per_area * DEPTH / 2 / D**2 * JOULE_PER_M2, rel=1e-3)
        assert found[facet] <= found[f"{facet}, unrelaxed"] + 1e-9


def test_stacking_fault_keeps_all_nearest_neighbours() -> None:
    found, _ = values("stacking_fault", morse(), case())
    assert found["intrinsic fault"] == pytest.approx(0, abs=1e-3)
    assert found["unstable fault, unrelaxed"] > 0.02


def test_stacking_fault_is_two_layers_of_hcp() -> None:
    """Energy of a pair model with a longer reach: twice the difference of hcp and fcc per layer, to first order."""
    of = case("Cu", fcc=CrystalSettings(volume=11.6))
    found, _ = values("stacking_fault", EMT(), of)
    atoms = equilibrium(EMT(), of)
    volume = atoms.get_volume()
    hcp = crystal("hcp", "Cu", volume)
    hcp.calc = EMT()
    area = np.sqrt(3) / 4 * (4 * volume) ** (2 / 3)
    first = 2 * (hcp.get_potential_energy() / 2 - atoms.get_potential_energy()) / area * JOULE_PER_M2
    assert found["intrinsic fault, unrelaxed"] == pytest.approx(first, abs=0.01)


@pytest.mark.parametrize(
    ("path", "stop"), [(p, s) for p in map(PROPERTIES.__getitem__, ("bain", "trigonal", "hexagonal")) for s in p.stops]
)
def test_paths_pass_through_the_crystals(path: TransformationPath, stop: str) -> None:
    volume = 16.0
    on_path, direct = path.structure(path.stops[stop], "Al", volume), crystal(stop, "Al", volume)
    energies = []
    for atoms in (on_path, direct):
        assert atoms.get_volume() / len(atoms) == pytest.approx(volume)
        atoms.calc = EMT()
        energies.append(atoms.get_potential_energy() / len(atoms))
    assert energies[0] == pytest.approx(energies[1], abs=1e-6)


def test_phases_count_from_the_ground_state() -> None:
    crystals = {name: CrystalSettings(volume=v) for name, v in (("fcc", 11.6), ("hcp", 11.6), ("bcc", 11.8))}
    found, result = values("phases", EMT(), case("Cu", **crystals))
    assert set(found) == {"hcp − fcc", "bcc − fcc"}
    assert set(result.curves["curve"]) == set(crystals)
    assert 0 < found["bcc − fcc"] < 60


def test_dimer_is_the_pair_potential() -> None:
    found, result = values("dimer", morse(), case())
    assert found["distance of lowest energy"] == pytest.approx(D, abs=0.1)
    assert found["lowest energy"] == pytest.approx(-DEPTH, rel=0.02)
    x = RHO * (0.5 - 1)
    assert found["energy at 0.5 d_nn"] == pytest.approx(DEPTH * (np.exp(-2 * x) - 2 * np.exp(-x)), rel=1e-6)
    assert not result.flags


def test_melt_of_emt_is_a_liquid() -> None:
    found, result = values("melt", EMT(), case(fcc=CrystalSettings(volume=16.0)))
    assert found["first peak at"] == pytest.approx(2.8, abs=0.25)
    assert 1.5 < found["height of the first peak"] < 5
    beyond = result.curves[result.curves["x"] > 4]["y"]
    assert beyond.mean() == pytest.approx(1.0, abs=0.25)
    assert len(result.structures["melt"]) >= 32
