"""One run with a potential, and whether it stays physical: hot dynamics, dynamics at constant energy, relaxation."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.data import covalent_radii
from ase.filters import UnitCellFilter
from ase.md.langevin import Langevin
from ase.md.md import MolecularDynamics
from ase.md.verlet import VelocityVerlet
from ase.optimize import FIRE

from entromax.config.models import RobustnessSettings
from entromax.structures.geometry import shortest_distance

log = logging.getLogger(__name__)

CHECK_INTERVAL = 5
"""Steps between two looks at a run."""
FRICTION = 0.02
"""Friction of the Langevin thermostat [1/fs]."""
HOLE_MARGIN = 0.1
"""Potential energy this far below the relaxed ground state is a hole of the potential [eV/atom]."""
RUNAWAY_BASE, RUNAWAY_THERMAL = 1.0, 10.0
"""Total energy may rise above the start by 1 eV + 10 k_B T per atom (equipartition: 3 k_B T, plus disorder)."""
HOT = 6.0
"""A kinetic temperature above so many times the wanted one is a runaway; the start is at twice it."""
DRIFT_LIMIT = 5.0
"""An NVE run whose total energy drifts faster than this is not conservative [meV/atom/ps]."""
MAX_GROWTH = 10.0
"""A relaxed cell that grows beyond so many times its volume has evaporated."""
MAX_FORCE = 1e4
"""A larger force is a failure, and would only move atoms to infinity [eV/Å]."""

NOT_FINITE = "energy or forces are not finite"

Watch = Callable[[Atoms], None]
"""Is shown every physical state of a run that is looked at; the calculator is attached."""


@dataclass(frozen=True)
class Limits:
    """What counts as physical: pair distance [Å], potential and total energy [eV/atom], kinetic temperature [K]."""

    distance: float
    floor: float
    ceiling: float = np.inf
    temperature: float = np.inf


def closest_allowed(crystal: Atoms, settings: RobustnessSettings) -> float:
    """Return the distance below which a pair is unphysical [Å].

    It is a part of the covalent diameter, or of the shortest distance in the crystal where the crystal is denser than
    that: tungsten's atoms are 2.74 Å apart, their covalent diameter is 3.24 Å, and at 3000 K published potentials
    bring pairs within 2.2 Å.

    Args:
        crystal: ground state at equilibrium.
        settings: which part.
    """
    diameter = 2 * float(covalent_radii[crystal.numbers[0]])
    return settings.min_distance_ratio * min(diameter, shortest_distance(crystal))


def judge(atoms: Atoms, limits: Limits) -> str:
    """Return why the present state of ``atoms`` is unphysical, or an empty string."""
    potential, forces = atoms.get_potential_energy() / len(atoms), atoms.get_forces()
    if not (np.isfinite(potential) and np.isfinite(forces).all() and np.isfinite(atoms.positions).all()):
        return NOT_FINITE
    if np.abs(forces).max() > MAX_FORCE:
        return f"force above {MAX_FORCE:g} eV/Å"
    distance = shortest_distance(atoms, limits.distance)
    if distance < limits.distance:
        return f"atoms closer than {limits.distance:.2f} Å"
    if potential < limits.floor:
        return f"energy more than {HOLE_MARGIN:g} eV/atom below the ground state"
    if potential + atoms.get_kinetic_energy() / len(atoms) > limits.ceiling:
        return "energy runs away upwards"
    if atoms.get_temperature() > limits.temperature:
        return "temperature runs away"
    return ""


def _thermalise(atoms: Atoms, temperature: float, rng: np.random.Generator) -> None:
    """Draw velocities from the Maxwell-Boltzmann distribution, the centre of mass at rest."""
    momenta = rng.standard_normal((len(atoms), 3)) * np.sqrt(atoms.get_masses() * units.kB * temperature)[:, None]
    atoms.set_momenta(momenta - momenta.mean(axis=0) if len(atoms) > 1 else momenta)


def nobody(atoms: Atoms) -> None:
    """Watch nothing."""


def _dynamics(
    atoms: Atoms, motion: MolecularDynamics, steps: int, look: Callable[[], str], watch: Watch
) -> tuple[int, str]:
    """Advance until ``look`` finds a failure; return the steps done and its reason (empty: none)."""
    reason, done = look(), 0
    while done < steps and not reason:
        count = min(CHECK_INTERVAL, steps - done)
        try:
            motion.run(count)
            done += count
            reason = look()
            if not reason:
                watch(atoms)
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
    watch: Watch = nobody,
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
        watch: is shown the physical states.

    Returns:
        One row: temperature, compression, ``state`` (``physical``, ``failed``; ``skipped`` when the perfect crystal
        already violates the distance criterion), ``reason``, ``time`` survived [fs], ``closest`` pair at the end [Å],
        ``seconds``.
    """
    begun = time.perf_counter()
    atoms = start.copy()
    atoms.set_cell(atoms.cell * compression ** (1 / 3), scale_atoms=True)
    radius = covalent_radii[atoms.numbers[0]]
    distance = closest_allowed(start, settings)
    row: dict[str, Any] = {"temperature": temperature, "compression": compression, "atoms": len(atoms)}
    if shortest_distance(atoms, distance) < distance:
        reason = f"the perfect crystal is already closer than {distance:.2f} Å"
        return row | {"state": "skipped", "reason": reason, "time": 0.0, "closest": np.nan, "seconds": 0.0}
    atoms.calc = calculator
    rise = RUNAWAY_BASE + RUNAWAY_THERMAL * units.kB * temperature
    limits = Limits(distance, floor, atoms.get_potential_energy() / len(atoms) + rise, HOT * temperature)
    _thermalise(atoms, 2 * temperature, rng)
    motion = Langevin(
        atoms,
        settings.timestep * units.fs,
        temperature_K=temperature,
        friction=FRICTION / units.fs,
        fixcm=False,
        rng=rng,
    )
    done, reason = _dynamics(atoms, motion, settings.steps, lambda: judge(atoms, limits), watch)
    finite = bool(np.isfinite(atoms.positions).all())
    return row | {
        "state": "failed" if reason else "physical",
        "reason": reason,
        "time": done * settings.timestep,
        "closest": min(shortest_distance(atoms, 6 * radius), 6 * radius) if finite else np.nan,
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
    watch: Watch = nobody,
) -> dict[str, Any]:
    """Run dynamics at constant energy; forces that are not the gradient of the energy let the total energy drift.

    Arguments are those of :func:`hot_run`.

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
    distance = closest_allowed(start, settings)
    limits = Limits(distance, floor, atoms.get_potential_energy() / len(atoms) + rise, HOT * temperature)
    energies: list[float] = []

    def look() -> str:
        energies.append(atoms.get_total_energy() / len(atoms))
        return judge(atoms, limits)

    motion = VelocityVerlet(atoms, settings.timestep * units.fs)
    done, reason = _dynamics(atoms, motion, settings.steps, look, watch)
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


def relaxation(
    start: Atoms,
    calculator: BaseCalculator,
    *,
    limits: Limits,
    steps: int,
    watch: Watch = nobody,
) -> dict[str, Any]:
    """Relax positions and cell of a random structure and tell whether it ends in a physical one.

    Args:
        start: random cell.
        calculator: the potential.
        limits: pair distance and lowest energy.
        steps: after which it ends.
        watch: is shown the physical states.

    Returns:
        One row: ``atoms``, ``state`` (``physical`` or ``failed``), ``reason``, ``steps``, ``converged`` (forces and
        stress times volume below 0.1 eV/Å), ``closest`` pair at the end [Å], ``energy`` at the end [eV/atom],
        ``seconds``.
    """
    begun = time.perf_counter()
    atoms = start.copy()
    atoms.calc = calculator
    radius = covalent_radii[atoms.numbers[0]]
    optimiser = FIRE(UnitCellFilter(atoms), logfile=None)
    reason, converged = "", False
    try:
        # One step at a time: what runs away is seen before its neighbour list fills the memory.
        for done in optimiser.irun(fmax=0.1, steps=steps):
            converged, reason = bool(done), judge(atoms, limits) or _burst(start, atoms)
            if reason:
                break
            watch(atoms)
    except Exception as error:  # boundary: a calculator may raise on an exploded cell, which is a failure to record
        log.warning("the potential raised %s: %s", type(error).__name__, error)
        reason = f"the potential raised {type(error).__name__}"
    finite = bool(np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all())
    return {
        "atoms": len(atoms),
        "state": "failed" if reason else "physical",
        "reason": reason,
        "steps": optimiser.nsteps,
        "converged": converged and not reason,
        "closest": np.nan if reason or not finite else min(shortest_distance(atoms, 6 * radius), 6 * radius),
        "energy": np.nan if reason else float(atoms.get_potential_energy()) / len(atoms),
        "seconds": time.perf_counter() - begun,
    }


def _burst(start: Atoms, atoms: Atoms) -> str:
    """Return why the cell is no longer one of a solid or liquid, or an empty string."""
    ratio = atoms.get_volume() / start.get_volume()
    return f"the cell grew to {ratio:.0f} times its volume" if ratio > MAX_GROWTH else ""
