"""Settings of the tests of a potential."""

from pydantic import Field

from entromax.config.models.base import Positive, Settings


class RobustnessSettings(Settings):
    """Short molecular dynamics from the ground state, hot and compressed (METHOD section 9.4)."""

    temperatures: list[Positive] = Field([300.0, 1000.0, 3000.0], min_length=1, description="temperatures [K]")
    compressions: list[Positive] = Field([1.0, 0.85], min_length=1, description="volume over equilibrium volume [1]")
    atoms: int = Field(32, ge=1, le=1000, description="atoms in the supercell, at least")
    steps: int = Field(500, ge=10, description="steps per run")
    timestep: float = Field(2.0, gt=0, le=10, description="time step [fs]")
    min_distance_ratio: float = Field(
        0.7, gt=0, le=1, description="unphysical below this part of covalent diameter [1]"
    )


class ValidationSettings(Settings):
    """Tests of the fitted potentials."""

    robustness: RobustnessSettings = RobustnessSettings()
