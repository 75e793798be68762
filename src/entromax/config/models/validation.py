"""Settings of the tests of a potential."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator, model_validator

from entromax.config.elements import ELEMENTS
from entromax.config.models.base import Positive, Settings
from entromax.registry import PROPERTIES

if TYPE_CHECKING:
    PropertyName = str
else:
    PropertyName = Literal[tuple(PROPERTIES)]
CHEAP_BY_DFT: list[PropertyName] = ["lattice", "elastic", "zone_boundary", "bain", "trigonal", "hexagonal"]


class RobustnessSettings(Settings):
    """Short molecular dynamics from the ground state, hot and compressed (METHOD section 9.4)."""

    temperatures: list[Positive] = Field([300.0, 1000.0, 3000.0], min_length=1, description="temperatures [K]")
    compressions: list[Positive] = Field([1.0, 0.85], min_length=1, description="volume over equilibrium volume [1]")
    atoms: int = Field(32, ge=1, le=1000, description="atoms in the supercell, at least")
    steps: int = Field(500, ge=10, description="steps per run")
    timestep: float = Field(2.0, gt=0, le=10, description="time step [fs]")
    min_distance_ratio: float = Field(
        0.7,
        gt=0,
        le=1,
        description="unphysical below this part of the covalent diameter, or of the shortest distance of the crystal "
        "where that is less [1]",
    )
    repeats: int = Field(1, ge=1, le=1000, description="independent runs at each temperature and compression")
    relaxations: int = Field(0, ge=0, le=10_000, description="random cells of up to 8 atoms that are relaxed")
    relaxation_steps: int = Field(60, ge=10, description="steps after which a relaxation ends")
    crystal_atoms: int = Field(
        32, ge=1, le=1000, description="atoms of the ground state that must stay itself at 300 K"
    )
    crystal_steps: int = Field(500, ge=10, description="steps of that run")


class LammpsRunSettings(Settings):
    """Every potential run in LAMMPS: compared with ASE, dynamics at constant energy, speed."""

    run: bool = Field(True, description="do it")
    command: str = Field("lmp", min_length=1, description="the program; the one that pip installs has no PACE and QUIP")
    compared: int = Field(10, ge=1, le=1000, description="structures on which LAMMPS and ASE are compared")
    atoms: int = Field(32, ge=1, le=100_000, description="atoms of the dynamics, at least")
    steps: int = Field(1000, ge=20, description="steps of 1 fs of the dynamics")
    through_python: bool = Field(
        False, description="dynamics of potentials that this LAMMPS has no pair style for, too; as slow as with ASE"
    )


class TransferSettings(Settings):
    """Transfer test: the library against a conventional set, each tested on both (METHOD section 9.2)."""

    structures: int = Field(0, ge=0, description="conventional structures labelled per element; 0: no transfer test")
    atoms: int = Field(6, ge=2, le=256, description="largest cell of the conventional set")
    percents: list[Annotated[int, Field(ge=1, le=100)]] = Field(
        [25, 50, 100], min_length=1, description="parts of both training sets in the learning curve [%]"
    )

    @model_validator(mode="after")
    def _ends_with_all(self) -> "TransferSettings":
        if self.percents != sorted(set(self.percents)) or self.percents[-1] != 100:
            raise ValueError(f"percents: {self.percents} must rise and end with 100, the whole training sets")
        if 0 < self.structures < 10:
            raise ValueError(f"structures: {self.structures} is too few to train and test on; give 0 or at least 10")
        return self


class PropertySettings(Settings):
    """Sizes and tolerances of the physical properties."""

    atoms: int = Field(64, ge=8, le=1000, description="atoms in the supercell of phonons and vacancy, at least")
    layers: int = Field(9, ge=6, le=60, description="atomic layers of a slab, at least")
    strain: float = Field(0.01, ge=1e-4, le=0.03, description="strain to both sides for elastic constants [1]")
    displacement: float = Field(0.02, ge=1e-3, le=0.1, description="displacement for phonons [Å]")
    path_points: int = Field(13, ge=5, le=101, description="structures on a transformation path or dimer curve")
    fmax: float = Field(0.01, gt=0, le=0.1, description="relaxations end below this force [eV/Å]")
    relaxation_steps: int = Field(200, ge=10, description="relaxations fail after so many steps")
    melt_atoms: int = Field(32, ge=16, le=1000, description="atoms of the melt, at least")
    melt_steps: int = Field(300, ge=50, description="steps of 2 fs of the melt")


class ScorecardSettings(Settings):
    """Scorecard: how far a potential may be from its references and still pass (docs/validation.md)."""

    volume: Positive = Field(1.5, description="volume of the ground state, off its reference at most [%]")
    bulk_modulus: Positive = Field(12.0, description="bulk modulus of the ground state, off at most [%]")
    phase_energy: Positive = Field(
        30.0,
        description="energy of a crystal above the ground state, off at most this or phase_energy_percent [meV/atom]",
    )
    phase_energy_percent: Positive = Field(
        15.0, description="the same in parts of the reference, the wider one counts [%]"
    )
    elastic: Positive = Field(10.0, description="an elastic constant, off at most this or elastic_percent [GPa]")
    elastic_percent: Positive = Field(20.0, description="the same in parts of the reference, the wider one counts [%]")
    soft_mode: Positive = Field(0.3, description="no phonon of the ground state below minus this [THz]")
    zone_boundary: Positive = Field(15.0, description="phonons at the zone boundary, off at most [%]")
    vacancy: Positive = Field(25.0, description="formation energy of a vacancy, off at most [%]")
    physical: float = Field(98.0, gt=0, le=100, description="runs and relaxations that stay physical, at least [%]")
    lindemann: Positive = Field(
        0.2, description="displacement of the atoms of the ground state at 300 K, at most [d_nn]"
    )
    low_energy: Positive = Field(
        1.0, description="unseen library structures this near to E(V) of the reference crystals count [eV/atom]"
    )
    low_energy_rmse: Positive = Field(25.0, description="RMSE of their energies, at most [meV/atom]")
    low_energy_rmse_of: dict[str, Positive] = Field(
        {"C": 40.0, "Sb": 40.0, "Te": 40.0}, description="the same for single elements, instead [meV/atom]"
    )
    force_rmse: Positive = Field(20.0, description="RMSE of their forces, at most, in parts of their spread [%]")

    @field_validator("low_energy_rmse_of")
    @classmethod
    def _known_elements(cls, value: dict[str, float]) -> dict[str, float]:
        for symbol in value:
            if symbol not in ELEMENTS:
                raise ValueError(f"{symbol!r} is not a chemical element; use symbols such as C or Te")
        return value


class ValidationSettings(Settings):
    """Tests of the fitted potentials."""

    properties: list[PropertyName] = Field(
        list(PROPERTIES), description="physical properties of every potential, one job each; [] for none"
    )
    properties_by_dft: list[PropertyName] = Field(
        CHEAP_BY_DFT,
        description="those that the labelling engine calculates as well; the others show its value as missing",
    )
    property_settings: PropertySettings = PropertySettings()
    robustness: RobustnessSettings = RobustnessSettings()
    lammps: LammpsRunSettings = LammpsRunSettings()
    transfer: TransferSettings = TransferSettings()
    scorecard: ScorecardSettings = ScorecardSettings()
