"""Energy against volume of crystals by potential, by its reference, and published (METHOD section 9.3)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator

from entromax.potentials import load_potential
from entromax.runtime import atomic_path, write_json
from entromax.structures.geometry import bare
from entromax.structures.io import read_structures
from entromax.structures.kinds import ISOLATED, kind_of
from entromax.validation.references import cohesive_energy, equations_of_state, phase_energies

WIDE_RATIOS = np.linspace(0.6, 1.6, 26)
"""Volumes, relative to the minimum of the reference, at which the potential alone is scanned for holes."""
HOLE_DEPTH = 0.001
"""A second minimum of the wide scan counts when it is deeper than this [eV/atom]."""


@dataclass(frozen=True)
class Fit:
    """Birch-Murnaghan fit: V0 [Å^3/atom], E0 [eV/atom], B [GPa], B' [1]; or why there is none."""

    status: Literal["minimum", "none"]
    reason: str
    volume: float | None = None
    energy: float | None = None
    bulk_modulus: float | None = None
    derivative: float | None = None


def birch_murnaghan(
    volumes: np.ndarray, energy: float, volume: float, bulk_modulus: float, derivative: float
) -> np.ndarray:
    """Return the third-order Birch-Murnaghan energy [eV/atom] at ``volumes`` [Å^3/atom]; B in GPa."""
    eta = (volume / np.asarray(volumes)) ** (2 / 3)
    strain = eta - 1
    prefactor = 9 * volume * bulk_modulus * units.GPa / 16
    return energy + prefactor * (strain**3 * derivative + strain**2 * (6 - 4 * eta))


def fit_birch_murnaghan(volumes: Sequence[float] | np.ndarray, energies: Sequence[float] | np.ndarray) -> Fit:
    """Fit the third-order Birch-Murnaghan equation of state.

    The energy is a cubic polynomial in V^(-2/3), so the fit is linear and cannot fail to converge (as in the Delta
    project). It is the same function as ``ase.eos`` "birchmurnaghan".

    Args:
        volumes: [Å^3/atom], at least four.
        energies: [eV/atom].

    Returns:
        Status ``none`` with a reason when numbers are not finite or no minimum lies within the volumes.
    """
    v, e = np.asarray(volumes, dtype=float), np.asarray(energies, dtype=float)
    if len(v) < 4:
        return Fit("none", f"{len(v)} volumes are too few for a fit (4 needed)")
    if not np.isfinite(e).all():
        return Fit("none", "energies are not finite")
    scale = float(v.mean())
    x = (scale / v) ** (2 / 3)
    cubic = np.polynomial.Polynomial.fit(x, e, 3).convert()
    slope, curvature, third = cubic.deriv(), cubic.deriv(2), cubic.deriv(3)
    roots = [float(r.real) for r in slope.roots() if abs(r.imag) < 1e-9 and x.min() <= r.real <= x.max()]
    minima = [r for r in roots if curvature(r) > 0]
    if not minima:
        return Fit("none", f"no minimum between {v.min():.2f} and {v.max():.2f} Å³/atom")
    x0 = min(minima, key=cubic)
    v0 = scale * x0**-1.5
    # With x = (s/V)^(2/3): B = V E''(V) = 4 x^2 f'' / (9 V) at the minimum, and B' = 4 + 2 x f'''/(3 f'').
    bulk = 4 / 9 * x0**2 * curvature(x0) / v0 / units.GPa
    derivative = 4 + 2 * x0 * third(x0) / (3 * curvature(x0))
    return Fit("minimum", "", float(v0), float(cubic(x0)), float(bulk), float(derivative))


def potential_energies(structures: Sequence[Atoms], calculator: BaseCalculator) -> np.ndarray:
    """Return the energy per atom of every structure [eV/atom]."""
    energies = []
    for atoms in structures:
        copy = bare(atoms)
        copy.calc = calculator
        energies.append(float(copy.get_potential_energy()) / len(copy))
    return np.array(energies)


def scaled_energies(atoms: Atoms, volumes: np.ndarray, calculator: BaseCalculator) -> np.ndarray:
    """Return the energies [eV/atom] of a crystal scaled to some volumes [Å^3/atom]."""
    scaled = []
    for target in volumes:
        copy = atoms.copy()
        copy.set_cell(atoms.cell * (target * len(atoms) / atoms.get_volume()) ** (1 / 3), scale_atoms=True)
        scaled.append(copy)
    return potential_energies(scaled, calculator)


def count_minima(energies: np.ndarray, depth: float = HOLE_DEPTH) -> int:
    """Return the number of local minima of a curve whose walls are higher than ``depth`` on both sides.

    The ends of the curve are minima when it falls towards them: a potential that collapses under compression.
    """
    padded = np.concatenate([[np.inf], np.where(np.isfinite(energies), energies, -np.inf), [np.inf]])
    minima, lowest, highest, falling = 0, np.inf, -np.inf, True
    for value in padded:
        if falling:
            lowest = min(lowest, value)
            if value > lowest + depth:
                minima, highest, falling = minima + 1, value, False
        else:
            highest = max(highest, value)
            if value < highest - depth:
                lowest, falling = value, True
    return minima


def compare_crystal(
    structures: Sequence[Atoms], calculator: BaseCalculator, *, symbol: str, crystal: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare E(V) of one crystal.

    Args:
        structures: the crystal at several volumes with ``REF_energy`` [eV].
        calculator: the potential.
        symbol: element, to find published curves.
        crystal: name of the structure type.

    Returns:
        Curves (crystal, source, kind, volume [Å^3/atom], energy [eV/atom], each source on its own absolute scale;
        published curves have their minimum at that of the reference) and one row per source (fit parameters).
    """
    ordered = sorted(structures, key=lambda atoms: atoms.get_volume() / len(atoms))
    volumes = np.array([atoms.get_volume() / len(atoms) for atoms in ordered])
    labelled = np.array([float(atoms.info["REF_energy"]) / len(atoms) for atoms in ordered])
    own = potential_energies(ordered, calculator)
    fits = {"reference": fit_birch_murnaghan(volumes, labelled), "potential": fit_birch_murnaghan(volumes, own)}
    centre = fits["reference"].volume or float(volumes[int(np.argmin(labelled))])
    middle = ordered[int(np.argmin(np.abs(volumes - centre)))]
    wide_volumes, grid = WIDE_RATIOS * centre, np.linspace(volumes.min(), volumes.max(), 41)
    wide = scaled_energies(middle, wide_volumes, calculator)
    curves = [
        ("reference", "points", volumes, labelled),
        ("potential", "points", volumes, own),
        ("potential", "curve", grid, scaled_energies(middle, grid, calculator)),
        ("potential", "wide", wide_volumes, wide),
    ]
    rows: list[dict[str, Any]] = [{"source": source, **asdict(fit)} for source, fit in fits.items()]
    rows[1]["minima"] = count_minima(wide)
    rows[1]["wide_minimum_volume"] = float(wide_volumes[int(np.argmin(wide))])
    zero = fits["reference"].energy if fits["reference"].energy is not None else float(labelled.min())
    for source, eos in equations_of_state(symbol, crystal).items():
        energies = birch_murnaghan(grid, zero, eos.volume, eos.bulk_modulus, eos.derivative)
        curves.append((source, "curve", grid, energies))
        fit = Fit("minimum", "", eos.volume, None, eos.bulk_modulus, eos.derivative)
        rows.append({"source": source, **asdict(fit), "citation": eos.source})
    curve_table = pd.concat(
        [pd.DataFrame({"source": s, "kind": k, "volume": v, "energy": e}) for s, k, v, e in curves], ignore_index=True
    )
    table = pd.DataFrame(rows)
    for frame in (curve_table, table):
        frame.insert(0, "crystal", crystal)
    return curve_table, table


def compare_crystals(
    reference: Sequence[Atoms], calculator: BaseCalculator, *, symbol: str, ground_state: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare E(V) of all labelled crystals; energies count from each source's minimum of the ground state.

    Args:
        reference: labelled crystals (``config_type`` is the structure type) and the free atom, if labelled.
        calculator: the potential.
        symbol: element.
        ground_state: name of the ground-state crystal; must be among ``reference``.

    Returns:
        Curves and fit parameters of :func:`compare_crystal`, and rows of published energies. Parameters gain
        ``phase_energy`` (above the ground state, meV/atom) and, for the ground state, ``cohesive_energy`` [eV/atom]
        where the free atom is known.

    Raises:
        ValueError: the ground state is not among the labelled crystals.
    """
    kinds: dict[str, list[Atoms]] = {}
    for atoms in reference:
        kinds.setdefault(kind_of(atoms), []).append(atoms)
    isolated = kinds.pop(ISOLATED, [])
    if ground_state not in kinds:
        found = ", ".join(kinds) or "none"
        raise ValueError(f"ground state {ground_state!r} is not among the labelled crystals ({found}); label it first")
    names = [ground_state, *(name for name in kinds if name != ground_state)]
    parts = [compare_crystal(kinds[name], calculator, symbol=symbol, crystal=name) for name in names]
    curves, table = (pd.concat(list(frames), ignore_index=True) for frames in zip(*parts, strict=True))
    zeros = {source: _zero(curves, table, ground_state, source) for source in ("reference", "potential")}
    zeros |= {source: zeros["reference"] for source in ("wien2k", "experiment")}
    table["phase_energy"] = 1000 * (table["energy"].astype(float) - table["source"].map(zeros))
    table["cohesive_energy"] = np.nan
    is_ground = table["crystal"] == ground_state
    if isolated:
        atom = {
            "reference": float(isolated[0].info["REF_energy"]) / len(isolated[0]),
            "potential": float(potential_energies(isolated[:1], calculator)[0]),
        }
        for source, energy in atom.items():
            table.loc[is_ground & (table["source"] == source), "cohesive_energy"] = energy - zeros[source]
    table = pd.concat([table, _published(symbol, ground_state, names)], ignore_index=True)
    curves["energy"] -= curves["source"].map(zeros)
    return curves, table


def _published(symbol: str, ground_state: str, names: Sequence[str]) -> pd.DataFrame:
    """Return published phase and cohesive energies as rows; phases only where they count from the ground state."""
    phases, cohesive = phase_energies(symbol), cohesive_energy(symbol)
    rows: list[dict[str, Any]] = []
    if ground_state in phases and phases[ground_state].value == 0:
        rows += [
            {"crystal": name, "source": "acwf", "phase_energy": phases[name].value, "citation": phases[name].source}
            for name in names
            if name in phases and name != ground_state
        ]
    if cohesive is not None:
        row = {"crystal": ground_state, "source": "matpes", "cohesive_energy": cohesive.value}
        rows.append({**row, "citation": cohesive.source})
    return pd.DataFrame(rows).assign(status="published", reason="") if rows else pd.DataFrame()


def _zero(curves: pd.DataFrame, table: pd.DataFrame, crystal: str, source: str) -> float:
    """Return the energy of the ground state of one source: its fitted minimum, else its lowest point [eV/atom]."""
    fitted = table.loc[(table["crystal"] == crystal) & (table["source"] == source), "energy"].iloc[0]
    if fitted is not None and np.isfinite(fitted):
        return float(fitted)
    points = curves[(curves["crystal"] == crystal) & (curves["source"] == source) & (curves["kind"] == "points")]
    return float(points["energy"].min())


def summarise_crystals(table: pd.DataFrame) -> dict[str, Any]:
    """Return the potential's deviations from its reference by crystal: V0 [%], B [%], B', phase energy [meV/atom]."""
    crystals: dict[str, Any] = {}
    for name, part in table.groupby("crystal", sort=False):
        rows = {str(row["source"]): row for row in part.to_dict("records")}
        reference, own = rows["reference"], rows["potential"]
        entry: dict[str, Any] = {"reference": reference["status"], "potential": own["status"]}
        entry |= {
            "reference_reason": reference["reason"],
            "potential_reason": own["reason"],
            "minima": int(own["minima"]),
            "wide_minimum_volume": float(own["wide_minimum_volume"]),
        }
        if reference["status"] == own["status"] == "minimum":
            entry["volume_error"] = 100 * (own["volume"] / reference["volume"] - 1)
            entry["bulk_modulus_error"] = 100 * (own["bulk_modulus"] / reference["bulk_modulus"] - 1)
            entry["derivative_error"] = own["derivative"] - reference["derivative"]
            entry["phase_energy_error"] = own["phase_energy"] - reference["phase_energy"]
        crystals[str(name)] = entry
    return crystals


def validate_eos(
    reference: str | Path,
    potential: str | Path,
    *,
    element: str,
    ground_state: str,
    curves: str | Path,
    parameters: str | Path,
    metrics: str | Path,
) -> None:
    """Write E(V) curves, fit parameters and the deviations from the reference of all labelled crystals.

    Args:
        reference: extended XYZ of the labelled crystals and the free atom.
        potential: folder of the fitted potential.
        element: chemical symbol.
        ground_state: name of the ground-state crystal.
        curves: CSV written.
        parameters: CSV written.
        metrics: JSON written.

    Raises:
        ValueError: the ground state is not among the labelled crystals.
    """
    calculator = load_potential(potential)
    curve_table, table = compare_crystals(
        read_structures(reference), calculator, symbol=element, ground_state=ground_state
    )
    with atomic_path(curves) as temporary:
        curve_table.to_csv(temporary, index=False)
    with atomic_path(parameters) as temporary:
        table.to_csv(temporary, index=False)
    summary = summarise_crystals(table)
    units_ = {"volume_error": "%", "bulk_modulus_error": "%", "derivative_error": "1", "phase_energy_error": "meV/atom"}
    write_json(metrics, {"units": units_, "ground_state": ground_state, "crystals": summary})
