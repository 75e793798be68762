"""Does molecular dynamics with the potential stay physical, hot and compressed? (METHOD section 9.4)."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.data import covalent_radii
from ase.md.langevin import Langevin
from ase.md.md import MolecularDynamics
from ase.md.verlet import VelocityVerlet
from ase.neighborlist import neighbor_list

from entromax.config.models import RobustnessSettings
from entromax.potentials import load_potential
from entromax.runtime import atomic_path, write_json
from entromax.structures.io import read_structures

log = logging.getLogger(__name__)

CHECK_INTERVAL = 5
"""Steps between two looks at a run."""
FRICTION = 0.02
"""Friction of the Langevin thermostat [1/fs]."""
HOLE_MARGIN = 0.1
"""Potential energy this far below the relaxed ground state is a hole of the potential [eV/atom]."""
RUNAWAY_BASE, RUNAWAY_THERMAL = 1.0, 10.0
"""Total energy may rise above the start by 1 eV + 10 k_B T per atom (equipartition: 3 k_B T, plus disorder)."""
DRIFT_LIMIT = 5.0
"""An NVE run whose total energy drifts faster than this is not conservative [meV/atom/ps]."""
MAX_FORCE = 1e4
"""A larger force is a failure, and would only move atoms to infinity [eV/Å]."""

NOT_FINITE = "energy or forces are not finite"


@dataclass(frozen=True)
class Limits:
    """What counts as physical in one run: distance [Å], potential energy floor and total energy ceiling [eV/atom]."""

    distance: float
    floor: float
    ceiling: float


def supercell(atoms: Atoms, minimum: int) -> Atoms:
    """Return a supercell of at least ``minimum`` atoms, grown along its shortest edge each time."""
    repeats = np.ones(3, dtype=int)
    lengths = atoms.cell.lengths()
    while len(atoms) * repeats.prod() < minimum:
        repeats[int(np.argmin(lengths * repeats))] += 1
    copy = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)
    return copy.repeat(tuple(int(n) for n in repeats))


def closest_pair(atoms: Atoms, cutoff: float) -> float:
    """Return the shortest distance between atoms, periodic images included; ``cutoff`` [Å] when none is closer."""
    distances = neighbor_list("d", atoms, cutoff)
    return float(distances.min()) if len(distances) else cutoff


def judge(atoms: Atoms, limits: Limits) -> str:
    """Return why the present state of ``atoms`` is unphysical, or an empty string."""
    potential, forces = atoms.get_potential_energy() / len(atoms), atoms.get_forces()
    if not (np.isfinite(potential) and np.isfinite(forces).all() and np.isfinite(atoms.positions).all()):
        return NOT_FINITE
    if np.abs(forces).max() > MAX_FORCE:
        return f"force above {MAX_FORCE:g} eV/Å"
    distance = closest_pair(atoms, limits.distance)
    if distance < limits.distance:
        return f"atoms closer than {limits.distance:.2f} Å"
    if potential < limits.floor:
        return f"energy more than {HOLE_MARGIN:g} eV/atom below the ground state"
    if potential + atoms.get_kinetic_energy() / len(atoms) > limits.ceiling:
        return "energy runs away upwards"
    return ""


def _thermalise(atoms: Atoms, temperature: float, rng: np.random.Generator) -> None:
    """Draw velocities from the Maxwell-Boltzmann distribution, the centre of mass at rest."""
    momenta = rng.standard_normal((len(atoms), 3)) * np.sqrt(atoms.get_masses() * units.kB * temperature)[:, None]
    atoms.set_momenta(momenta - momenta.mean(axis=0) if len(atoms) > 1 else momenta)


def _dynamics(atoms: Atoms, motion: MolecularDynamics, steps: int, look: Callable[[], str]) -> tuple[int, str]:
    """Advance until ``look`` finds a failure; return the steps done and its reason (empty: none)."""
    reason = look()
    done = 0
    while done < steps and not reason:
        count = min(CHECK_INTERVAL, steps - done)
        try:
            motion.run(count)
            done += count
            reason = look()
        except Exception as error:  # boundary: a calculator may raise on an exploded cell, which is a failure to record
            log.warning("the potential raised %s: %s", type(error).__name__, error)
            finite = np.isfinite(atoms.positions).all()
            reason = f"the potential raised {type(error).__name__}" if finite else NOT_FINITE
    return done, reason


def hot_run(
    start: Atoms,
    calculator: BaseCalculator,
    *,
    temperature: float,
    compression: float,
    floor: float,
    settings: RobustnessSettings,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Run Langevin dynamics at fixed volume and tell whether it stays physical.

    Args:
        start: supercell at equilibrium volume.
        calculator: the potential.
        temperature: [K]; velocities start at twice it, which equipartition with a perfect crystal halves.
        compression: volume over equilibrium volume.
        floor: lowest credible potential energy [eV/atom].
        settings: steps, time step, distance criterion.
        rng: random numbers of velocities and thermostat.

    Returns:
        One row: temperature, compression, ``state`` (``physical``, ``failed``; ``skipped`` when the perfect crystal
        already violates the distance criterion), ``reason``, ``time`` survived [fs], ``closest`` pair at the end [Å],
        ``seconds``.
    """
    begun = time.perf_counter()
    atoms = start.copy()
    atoms.set_cell(atoms.cell * compression ** (1 / 3), scale_atoms=True)
    radius = covalent_radii[atoms.numbers[0]]
    distance = settings.min_distance_ratio * 2 * radius
    row: dict[str, Any] = {"temperature": temperature, "compression": compression, "atoms": len(atoms)}
    if closest_pair(atoms, distance) < distance:
        reason = f"the perfect crystal is already closer than {distance:.2f} Å"
        return row | {"state": "skipped", "reason": reason, "time": 0.0, "closest": np.nan, "seconds": 0.0}
    atoms.calc = calculator
    rise = RUNAWAY_BASE + RUNAWAY_THERMAL * units.kB * temperature
    limits = Limits(distance, floor, atoms.get_potential_energy() / len(atoms) + rise)
    _thermalise(atoms, 2 * temperature, rng)
    motion = Langevin(
        atoms,
        settings.timestep * units.fs,
        temperature_K=temperature,
        friction=FRICTION / units.fs,
        fixcm=False,
        rng=rng,
    )
    done, reason = _dynamics(atoms, motion, settings.steps, lambda: judge(atoms, limits))
    finite = bool(np.isfinite(atoms.positions).all())
    return row | {
        "state": "failed" if reason else "physical",
        "reason": reason,
        "time": done * settings.timestep,
        "closest": closest_pair(atoms, 6 * radius) if finite else np.nan,
        "seconds": time.perf_counter() - begun,
    }


def nve_run(
    start: Atoms,
    calculator: BaseCalculator,
    *,
    temperature: float,
    floor: float,
    settings: RobustnessSettings,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Run dynamics at constant energy; forces that are not the gradient of the energy let the total energy drift.

    Returns:
        ``state`` (``conserved``, ``drifts`` or ``failed``), ``reason``, ``drift`` (slope of a straight line through
        the total energy, meV/atom/ps), ``fluctuation`` (RMS about it, meV/atom), ``temperature``, ``time`` [fs],
        ``seconds``.
    """
    begun = time.perf_counter()
    atoms = start.copy()
    atoms.calc = calculator
    _thermalise(atoms, 2 * temperature, rng)
    rise = RUNAWAY_BASE + RUNAWAY_THERMAL * units.kB * temperature
    distance = settings.min_distance_ratio * 2 * covalent_radii[atoms.numbers[0]]
    limits = Limits(distance, floor, atoms.get_potential_energy() / len(atoms) + rise)
    energies: list[float] = []

    def look() -> str:
        energies.append(atoms.get_total_energy() / len(atoms))
        return judge(atoms, limits)

    motion = VelocityVerlet(atoms, settings.timestep * units.fs)
    done, reason = _dynamics(atoms, motion, settings.steps, look)
    row = {"temperature": temperature, "time": done * settings.timestep, "atoms": len(atoms)}
    seconds = time.perf_counter() - begun
    if reason or len(energies) < 3:
        return row | {"state": "failed", "reason": reason, "drift": None, "fluctuation": None, "seconds": seconds}
    times = np.linspace(0.0, done * settings.timestep / 1000, len(energies))
    line = np.polynomial.Polynomial.fit(times, np.array(energies) * 1000, 1)
    drift = float(line.convert().coef[-1])
    fluctuation = float(np.std(np.array(energies) * 1000 - line(times)))
    conserved = abs(drift) <= DRIFT_LIMIT
    return row | {
        "state": "conserved" if conserved else "drifts",
        "reason": "" if conserved else f"total energy drifts faster than {DRIFT_LIMIT:g} meV/atom/ps",
        "drift": drift,
        "fluctuation": fluctuation,
        "seconds": seconds,
    }


def run_robustness(
    crystal: Atoms, calculator: BaseCalculator, settings: RobustnessSettings, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Run all temperatures and compressions, and one NVE run at the lowest temperature.

    Args:
        crystal: ground state at its equilibrium volume.
        calculator: the potential.
        settings: runs to make and criteria.
        seed: of velocities and thermostat; every run has its own stream, so adding one changes no other.

    Returns:
        One row per run of :func:`hot_run`, and a summary: ``runs``, ``physical``, ``skipped``, ``fraction``
        (None when nothing could be tested), ``nve``, ``seconds``, ``microseconds_per_atom_step``.
    """
    cell = supercell(crystal, settings.atoms)
    probe = cell.copy()
    probe.calc = calculator
    floor = probe.get_potential_energy() / len(probe) - HOLE_MARGIN
    rows = []
    for compression in settings.compressions:
        for temperature in settings.temperatures:
            rng = np.random.default_rng([seed, round(1000 * temperature), round(1e6 * compression)])
            row = hot_run(
                cell,
                calculator,
                temperature=temperature,
                compression=compression,
                floor=floor,
                settings=settings,
                rng=rng,
            )
            log.info("%g K, V/V0 %g: %s %s", temperature, compression, row["state"], row["reason"])
            rows.append(row)
    lowest = min(settings.temperatures)
    rng = np.random.default_rng([seed, 0, round(1000 * lowest)])
    nve = nve_run(cell, calculator, temperature=lowest, floor=floor, settings=settings, rng=rng)
    table = pd.DataFrame(rows)
    tested = table[table["state"] != "skipped"]
    atom_steps = float((table["time"].sum() + nve["time"]) / settings.timestep * len(cell))
    seconds = float(table["seconds"].sum() + nve["seconds"])
    summary = {
        "runs": len(table),
        "physical": int((table["state"] == "physical").sum()),
        "skipped": int((table["state"] == "skipped").sum()),
        "fraction": float((tested["state"] == "physical").mean()) if len(tested) else None,
        "nve": nve,
        "seconds": seconds,
        "microseconds_per_atom_step": 1e6 * seconds / atom_steps if atom_steps else None,
    }
    return table, summary


def validate_robustness(
    reference: str | Path,
    potential: str | Path,
    *,
    ground_state: str,
    settings: RobustnessSettings,
    seed: int,
    runs: str | Path,
    metrics: str | Path,
) -> None:
    """Run :func:`run_robustness` from the labelled ground state of lowest energy; write runs (CSV) and summary (JSON).

    Args:
        reference: extended XYZ of the labelled crystals.
        potential: folder of the fitted potential.
        ground_state: name of the ground-state crystal (``config_type`` in ``reference``).
        settings: runs to make and criteria.
        seed: seed of velocities and thermostat.
        runs: CSV written.
        metrics: JSON written.

    Raises:
        ValueError: the ground state is not among the labelled crystals.
    """
    crystals = [atoms for atoms in read_structures(reference) if atoms.info.get("config_type") == ground_state]
    if not crystals:
        raise ValueError(f"{reference}: no labelled crystal {ground_state!r}; label the ground state first")
    crystal = min(crystals, key=lambda atoms: float(atoms.info["REF_energy"]) / len(atoms))
    table, summary = run_robustness(crystal, load_potential(potential), settings, seed)
    with atomic_path(runs) as temporary:
        table.to_csv(temporary, index=False)
    write_json(metrics, summary | {"settings": settings.model_dump(), "seed": seed})
