"""Numbers that the potentials and their DFT are held against: published, and labels at level ``tight``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ase.collections import dcdft

DELTA_PROJECT = "Lejaeghere et al., Science 351, aad3000 (2016), WIEN2k, PBE (ase.collections.dcdft)"
DELTA_EXPERIMENT = (
    "experiment, corrected to 0 K and for zero-point effects, as collected by Lejaeghere et al., "
    "Crit. Rev. Solid State Mater. Sci. 39, 1 (2014) (ase.collections.dcdft)"
)
ACWF = "Bosoni et al., Nat. Rev. Phys. 6, 45 (2024), all-electron WIEN2k, PBE"
LANDOLT_ELASTIC = "experiment at room temperature: Every & McCurdy, Landolt-Börnstein III/29a (1992)"
MIGLIORI = "experiment at room temperature: Migliori et al., J. Appl. Phys. 95, 2436 (2004)"
BYGGMASTAR = "Byggmästar et al., Phys. Rev. B 100, 144105 (2019), VASP, PBE"
ANGSTEN = "Angsten et al., New J. Phys. 16, 015018 (2014), VASP, PBE"
BOSAK = "experiment at room temperature, inelastic X-ray scattering: Bosak et al., Phys. Rev. B 75, 153408 (2007)"
TRAN = "Tran et al., Sci. Data 3, 160080 (2016), VASP, PBE (Dryad doi:10.5061/dryad.f2n6f)"
CHEN = "experiment at room temperature, neutron scattering: Chen & Brockhouse, Solid State Commun. 2, 73 (1964)"
LANDOLT_PHONONS = (
    "experiment, neutron scattering: Landolt-Börnstein III/13a (1981), as tabulated by Savrasov & Savrasov, "
    "Phys. Rev. B 54, 16487 (1996)"
)
CRC_MELTING = "experiment: CRC Handbook of Chemistry and Physics, 97th edition (2016), as in the package mendeleev"
PYMATGEN = "experiment, polycrystal, as in the table of elements of pymatgen"
MATPES = "Kaplan et al., MatPES, arXiv 2503.04070 (2025), VASP, PBE"


@dataclass(frozen=True)
class Number:
    """A published number with its unit and source."""

    value: float
    unit: str
    source: str


@dataclass(frozen=True)
class EquationOfState:
    """Birch-Murnaghan parameters: V0 [Å^3/atom], B [GPa], B' [1]."""

    volume: float
    bulk_modulus: float
    derivative: float
    source: str


_DELTA_CRYSTALS = {
    "hcp": "He Be Mg Sc Ti Co Zn Y Zr Tc Ru Cd Lu Hf Re Os Tl",
    "fcc": "Ne Al Ar Ca Ni Cu Kr Sr Rh Pd Ag Xe Ir Pt Au Pb Rn",
    "bcc": "K V Cr Fe Rb Nb Mo Cs Ba Ta W",
    "diamond": "Si Ge Sn",
    "sc": "Po",
    "graphite": "C",
    "A7": "As Sb Bi",
    "A8": "Se Te",
}
HELD_SHAPE = ("graphite",)
"""Crystals held at a measured c/a: published V0 and B are those of the shape that PBE prefers."""
_DELTA_CRYSTAL = {symbol: crystal for crystal, symbols in _DELTA_CRYSTALS.items() for symbol in symbols.split()}

_PHASES = ("fcc", "bcc", "sc", "diamond")
_PHASE_ENERGIES = {  # meV/atom above the lowest of the four
    "Al": (0, 96, 371, 744),
    "W": (479, 0, 1438, 2644),
    "Be": (0, 19, 922, 1554),
    "Re": (0, 245, 1325, 1549),
    "Os": (0, 747, 1397, 1166),
    "C": (4435, 4225, 2625, 0),
    "Sb": (271, 185, 0, 258),
    "Te": (370, 265, 0, 374),
}
_ELASTIC: dict[str, tuple[dict[str, float], str]] = {  # GPa
    "Al": ({"C11": 108, "C12": 62, "C44": 28.3}, LANDOLT_ELASTIC),
    "W": ({"C11": 522, "C12": 195, "C44": 148}, BYGGMASTAR),
    "Be": ({"C11": 293.6, "C12": 26.8, "C13": 14.0, "C33": 356.7, "C44": 162.2}, MIGLIORI),
    "Re": ({"C11": 616, "C12": 273, "C13": 206, "C33": 683, "C44": 161}, LANDOLT_ELASTIC),
    "C": ({"C11": 1109}, BOSAK),  # C12: 139 there, 180 in older work
}
_VACANCY = {  # eV
    "Al": (0.61, ANGSTEN),
    "Be": (1.04, ANGSTEN),
    "W": (3.22, BYGGMASTAR),  # 120 atoms; 3.36 with 53
    "Re": (3.42, ANGSTEN),
    "Os": (3.03, ANGSTEN),
}
_SURFACES = {  # J/m^2, by facet
    "Al": ({"(111)": 0.795, "(100)": 0.915, "(110)": 0.977}, TRAN),
    "W": ({"(110)": 3.228, "(100)": 3.954}, TRAN),
}
_PHONONS = {  # THz
    "W": ({"lowest at H": 5.50, "highest at H": 5.50, "lowest at N": 4.15, "highest at N": 6.75}, CHEN),
    "Al": ({"lowest at X": 5.78, "highest at X": 9.69, "lowest at L": 4.19, "highest at L": 9.69}, LANDOLT_PHONONS),
}
_EXPANSION = {"Al": 23.1, "W": 4.5, "Be": 11.3, "Re": 6.2, "Os": 5.1, "Sb": 11.0}  # 1e-6/K
_MELTING = {"Al": 933.5, "W": 3687.2, "Be": 1560.2, "Re": 3458.2, "Os": 3306.2, "Sb": 903.8, "Te": 722.7}  # K
_COHESIVE = {"Al": 3.53, "W": 8.39, "Be": 3.72, "Re": 7.76, "Os": 8.34, "C": 7.97, "Sb": 2.71, "Te": 2.48}


def ground_state_crystal(symbol: str) -> str | None:
    """Return the ground state of an element in the Delta project; None where it is no crystal that entromax builds."""
    return _DELTA_CRYSTAL.get(symbol)


def equations_of_state(symbol: str, crystal: str) -> dict[str, EquationOfState]:
    """Return the published equations of state of an element in a crystal structure, by ``wien2k`` and ``experiment``.

    The Delta project holds one crystal per element, its ground state (without magnetic or other superstructures).
    For any other crystal, and for elements it does not hold, the result is empty.
    """
    if _DELTA_CRYSTAL.get(symbol) != crystal:
        return {}
    data = dcdft.data[symbol]
    found = {
        "wien2k": EquationOfState(data["wien2k_volume"], data["wien2k_B"], data["wien2k_Bp"], DELTA_PROJECT),
    }
    experiment = [data.get(key) for key in ("exp_volume", "exp_B", "exp_Bp")]
    if all(value is not None for value in experiment):
        volume, bulk, derivative = experiment
        found["experiment"] = EquationOfState(volume, bulk, derivative, DELTA_EXPERIMENT)
    return found


def phase_energies(symbol: str) -> dict[str, Number]:
    """Return energies of fcc, bcc, sc and diamond above the lowest of these four [meV/atom]; empty when unknown."""
    energies = _PHASE_ENERGIES.get(symbol, ())
    return {name: Number(float(value), "meV/atom", ACWF) for name, value in zip(_PHASES, energies, strict=False)}


def elastic_constants(symbol: str) -> dict[str, Number]:
    """Return the elastic constants of the ground state [GPa]; empty when unknown."""
    return _numbers(_ELASTIC, symbol, "GPa")


def vacancy_energy(symbol: str) -> Number | None:
    """Return the formation energy of a vacancy in the ground state [eV]; None when unknown."""
    if symbol not in _VACANCY:
        return None
    value, source = _VACANCY[symbol]
    return Number(value, "eV", source)


def surface_energies(symbol: str) -> dict[str, Number]:
    """Return energies of low-index surfaces of the ground state [J/m^2] by facet; empty when unknown."""
    return _numbers(_SURFACES, symbol, "J/m²")


def phonon_frequencies(symbol: str) -> dict[str, Number]:
    """Return phonon frequencies at special points of the ground state [THz]; empty when unknown."""
    return _numbers(_PHONONS, symbol, "THz")


def expansion_coefficient(symbol: str) -> Number | None:
    """Return the linear thermal expansion at room temperature [1e-6/K]; None when unknown."""
    return Number(_EXPANSION[symbol], "10⁻⁶/K", PYMATGEN) if symbol in _EXPANSION else None


def melting_point(symbol: str) -> Number | None:
    """Return the melting point [K]; None when unknown (carbon sublimes)."""
    return Number(_MELTING[symbol], "K", CRC_MELTING) if symbol in _MELTING else None


def _numbers(table: Mapping[str, tuple[Mapping[str, float], str]], symbol: str, unit: str) -> dict[str, Number]:
    if symbol not in table:
        return {}
    values, source = table[symbol]
    return {name: Number(value, unit, source) for name, value in values.items()}


def cohesive_energy(symbol: str) -> Number | None:
    """Return the cohesive energy of the ground state [eV/atom], positive when bound; None when unknown."""
    return Number(_COHESIVE[symbol], "eV/atom", MATPES) if symbol in _COHESIVE else None


def is_measured(number: Number) -> bool:
    """Tell whether a published number is an experiment, not a calculation."""
    return number.source.startswith("experiment")


@cache
def _tight_labels() -> dict[str, Any]:
    path = files("entromax") / "data/references.json"
    return dict(json.loads(path.read_text())["elements"]) if path.is_file() else {}


def tight_references(symbol: str, ground_state: str) -> dict[str, dict[str, Number]]:
    """Return what labels at level ``tight`` say, by metric of the scorecard and quantity; empty when there are none.

    ``benchmarks/labels/references.py`` has made them; engine, settings and version are in their source.
    """
    entry = _tight_labels().get(symbol)
    if entry is None or ground_state not in entry["crystals"]:
        return {}
    source, crystals = entry["source"], entry["crystals"]
    ground = crystals[ground_state]
    found = {
        "volume": {f"volume of {ground_state}": Number(ground["volume"], "Å³/atom", source)},
        "bulk_modulus": {f"bulk modulus of {ground_state}": Number(ground["bulk_modulus"], "GPa", source)},
        "phases": {
            f"{name} − {ground_state}": Number(1000 * (one["energy"] - ground["energy"]), "meV/atom", source)
            for name, one in crystals.items()
            if name != ground_state
        },
    }
    for name, numbers in entry.get("properties", {}).items():
        found[name] = {quantity: Number(value, unit, source) for quantity, (value, unit) in numbers.items()}
    return found


def published_references(symbol: str, ground_state: str) -> dict[str, dict[str, Number]]:
    """Return the published numbers of the ground state, by metric of the scorecard and quantity."""
    found: dict[str, dict[str, Number]] = {
        "elastic": elastic_constants(symbol),
        "zone_boundary": phonon_frequencies(symbol),
    }
    eos = None if ground_state in HELD_SHAPE else equations_of_state(symbol, ground_state).get("wien2k")
    if eos is not None:
        found["volume"] = {f"volume of {ground_state}": Number(eos.volume, "Å³/atom", eos.source)}
        found["bulk_modulus"] = {f"bulk modulus of {ground_state}": Number(eos.bulk_modulus, "GPa", eos.source)}
    phases = phase_energies(symbol)
    if ground_state in phases and phases[ground_state].value == 0:
        found["phases"] = {f"{name} − {ground_state}": n for name, n in phases.items() if name != ground_state}
    vacancy = vacancy_energy(symbol)
    if vacancy is not None:
        found["vacancy"] = {"formation energy": vacancy}
    return found
