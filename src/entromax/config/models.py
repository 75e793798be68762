"""The settings of a campaign: one pydantic model per section, the only source of keys, units and defaults.

Lengths of the *library* are in units of the nearest-neighbour distance d_nn of an element's ground state ("reduced
units", METHOD section 1); everything that carries an element is in eV and Å. ``extra="forbid"`` turns a misspelt key
into an error, strict types turn ``"200 eV"`` into one.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from entromax.config.elements import CRYSTALS, ELEMENTS


def _ascending(value: list[float]) -> list[float]:
    if not value[0] <= value[1]:
        raise ValueError(f"the first number must not exceed the second: write [{value[1]}, {value[0]}]")
    return value


def _widening(value: list[float]) -> list[float]:
    if value[0] == value[1]:
        raise ValueError("the range is empty: the second number must exceed the first")
    return _ascending(value)


Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Range = Annotated[list[Positive], Field(min_length=2, max_length=2), AfterValidator(_widening)]
Counts = Annotated[
    list[Annotated[int, Field(ge=1, le=256)]], Field(min_length=2, max_length=2), AfterValidator(_ascending)
]


class Settings(BaseModel):
    """Base of every section: unknown keys and wrong types are errors, values cannot change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


# ---------------------------------------------------------------------------------------------------- library
class FeatureSettings(Settings):
    """Descriptor whose distribution is made as wide as possible (METHOD section 2)."""

    name: Literal["bispectrum", "power_spectrum"] = Field("bispectrum", description="feature set")
    cutoff: float = Field(2.0, gt=1, le=4, description="cutoff radius [d_nn]")
    twojmax: int = Field(8, ge=2, le=10, description="bispectrum: twice the largest angular momentum")
    rfac0: float = Field(0.99363, gt=0, lt=1, description="bispectrum: fraction of pi that the cutoff maps to")
    n_max: int = Field(5, ge=1, le=12, description="power_spectrum: radial functions")
    l_max: int = Field(4, ge=0, le=9, description="power_spectrum: largest angular momentum")


class EntropySettings(Settings):
    """Functional H = 1/2 ln det S of the normalised features (METHOD section 3)."""

    rows: Literal["atoms", "structures"] = Field("atoms", description="one row per atom, or the mean of each structure")
    eps: float = Field(1e-5, gt=0, le=1e-2, description="regularisation added to the covariance [1]")
    strata: int = Field(
        4, ge=1, le=16, description="ranges of v*, equally wide in ln v*, that each get an entropy of their own [1]"
    )


class CellSettings(Settings):
    """Which periodic cells may be made (METHOD section 4). All lengths in d_nn, volumes in d_nn^3 per atom."""

    atoms: Counts = Field([1, 32], description="smallest and largest number of atoms in a cell")
    volume: Range = Field([0.5, 3.5], description="reduced volume per atom v* [d_nn^3]; graphite needs 3.1, fcc 0.71")
    core_radius: float = Field(0.8, gt=0, le=1, description="soft repulsion begins below this distance [d_nn]")
    min_height: float = Field(0.6, gt=0, le=2, description="lower bound of every height of the cell [d_nn]")
    max_aspect: float = Field(4.0, ge=1, le=10, description="largest ratio of edges of a random cell [1]")
    angles: Range = Field([60.0, 120.0], description="angles of a random cell [degree]")

    @model_validator(mode="after")
    def _physical(self) -> "CellSettings":
        densest = 0.70711 * (0.9 * self.core_radius) ** 3  # close packing of spheres as large as the hard core
        if self.volume[0] < densest:
            raise ValueError(
                f"volume: v* = {self.volume[0]} cannot be filled: spheres of 0.9 core_radius pack no closer than "
                f"{densest:.3f}; raise volume or lower core_radius"
            )
        if self.volume[1] > 10:
            raise ValueError("volume: v* above 10 d_nn^3 holds isolated atoms only; lower its second number")
        if self.angles[0] < 30 or self.angles[1] > 150:
            raise ValueError("angles: must lie within [30, 150] degrees, flatter cells have no sensible k-points")
        return self


class SeedSettings(Settings):
    """What the structures of a batch grow from: relative shares of the kinds of seeds, and their disorder."""

    random: float = Field(0.6, ge=0, description="share of random cells [1]")
    symmetric: float = Field(0.25, ge=0, description="share of crystals of a random space group [1]")
    crystal: float = Field(0.15, ge=0, description="share of common crystals, from fcc to A8 [1]")
    disordered: float = Field(
        0.8,
        ge=0,
        le=1,
        description="part of the one- and two-atom crystals that is strained and rattled; larger ones all are [1]",
    )
    strain: float = Field(0.15, ge=0, le=0.5, description="largest standard deviation of the strain [1]")
    rattle: float = Field(0.12, ge=0, le=0.5, description="largest standard deviation of displacements [d_nn]")
    sizes: Literal["uniform", "log_uniform"] = Field("log_uniform", description="distribution of the numbers of atoms")

    @model_validator(mode="after")
    def _some_kind(self) -> "SeedSettings":
        if self.random + self.symmetric + self.crystal == 0:
            raise ValueError("random, symmetric and crystal are all 0: there is nothing to start from; raise one")
        return self


class OptimiserSettings(Settings):
    """Joint optimisation of one batch."""

    steps: int = Field(60, ge=1, le=10_000, description="optimiser steps per batch")
    relax_steps: int = Field(60, ge=1, le=10_000, description="steps of the pre-relaxation on the soft core alone")
    max_pairs: int = Field(500_000, ge=10_000, description="neighbour pairs in memory at once; lower for a small GPU")
    push: float = Field(0.1, gt=0, le=1, description="entropic force at the start, the soft core giving up to 1 [1]")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: cuda when there is one")
    precision: Literal["float64", "float32"] = Field("float64", description="floating point type of the features")


class LibrarySettings(Settings):
    """Entropy-maximised library in reduced units: made once, shared by all elements (METHOD sections 2-6)."""

    features: FeatureSettings = FeatureSettings()
    entropy: EntropySettings = EntropySettings()
    cells: CellSettings = CellSettings()
    seeds: SeedSettings = SeedSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    reference_structures: int = Field(256, ge=16, description="random relaxed structures that fix the normalisation")
    rounds: int = Field(8, ge=1, le=1000, description="rounds; each starts from the merged state of the one before")
    batches: int = Field(8, ge=1, le=1000, description="independent batch jobs per round (GPU or CPU)")
    structures_per_batch: int = Field(64, ge=1, le=4096, description="structures optimised together in one batch")
    order: Literal["d_optimal", "leverage_energy", "leverage_block", "random"] = Field(
        "d_optimal", description="how the library is ordered; every element labels a prefix (METHOD section 6)"
    )


# ---------------------------------------------------------------------------------------------------- reference
class GpawSettings(Settings):
    """GPAW in plane waves: the embedded DFT engine."""

    engine: Literal["gpaw"] = "gpaw"
    xc: Literal["PBE", "LDA", "PBEsol", "RPBE"] = Field("PBE", description="exchange-correlation functional")
    ecut: float = Field(400.0, ge=100, le=1500, description="plane-wave cutoff [eV]")
    kspacing: float = Field(0.3, ge=0.05, le=2, description="largest k-point spacing, including 2 pi [1/Å]")
    width: float = Field(0.1, gt=0, le=1, description="Fermi-Dirac width [eV]")
    maxiter: int = Field(100, ge=10, le=1000, description="SCF steps before a calculation counts as unconverged")
    spin: bool = Field(False, description="spin-polarised calculation; the isolated atom is always spin-polarised")


class EmtSettings(Settings):
    """ASE's effective-medium theory for Al, Cu, Ag, Au, Ni, Pd, Pt: a teaching potential, not DFT."""

    engine: Literal["emt"] = "emt"


ReferenceSettings = Annotated[GpawSettings | EmtSettings, Field(discriminator="engine")]


class CrystalSettings(Settings):
    """One reference crystal."""

    volume: float = Field(gt=1, lt=200, description="volume at which its E(V) curve is centred [Å^3/atom]")
    c_over_a: float | None = Field(None, gt=0.3, lt=5, description="ratio c/a of hexagonal and trigonal crystals [1]")
    u: float | None = Field(None, gt=0, lt=0.5, description="free internal coordinate of A7 and A8 [1]")


class ElementSettings(Settings):
    """One element: length scale, part of the library it uses, reference settings, reference crystals."""

    d_nn: float = Field(ge=0.7, le=6, description="nearest-neighbour distance of the ground state [Å]")
    volume: Range = Field(description="library structures used for this element: reduced volume per atom v* [d_nn^3]")
    ground_state: str = Field(description="name of the ground-state crystal; must be one of crystals")
    crystals: dict[str, CrystalSettings] = Field(min_length=1, description="reference crystals, by structure type")
    reference: ReferenceSettings = Field(description="engine that makes the labels, and its settings")

    @model_validator(mode="after")
    def _known_crystals(self) -> "ElementSettings":
        for name in self.crystals:
            if name not in CRYSTALS:
                raise ValueError(f"crystals: unknown structure type {name!r}; choose from {', '.join(CRYSTALS)}")
        if self.ground_state not in self.crystals:
            raise ValueError(f"ground_state: {self.ground_state!r} is not among crystals; add it there")
        return self


# ---------------------------------------------------------------------------------------------------- labels
class EosSettings(Settings):
    """Volumes at which the reference crystals are labelled."""

    crystals: Literal["ground_state", "all"] = Field("ground_state", description="which crystals of the element")
    points: int = Field(7, ge=5, le=51, description="volumes per crystal")
    strain: float = Field(0.06, ge=0.005, le=0.3, description="largest relative change of volume to both sides [1]")


class LabelSettings(Settings):
    """Which structures are labelled, how they are packed into jobs, and what counts as a label."""

    structures: int = Field(1000, ge=1, description="library structures labelled per element")
    shard_size: int = Field(50, ge=1, description="structures per job; aim at 15-60 minutes of work")
    min_distance: float = Field(0.6, ge=0, le=1, description="closer pairs are rejected before any DFT [d_nn]")
    max_force: float = Field(100.0, gt=0, description="labels with a larger force are rejected [eV/Å]")
    structure_timeout: float = Field(1800.0, ge=1, description="wall time for one attempt at one structure [s]")
    max_attempts: int = Field(3, ge=1, le=10, description="rungs of the engine's recovery ladder that are tried")
    max_failed_fraction: float = Field(0.2, ge=0, le=1, description="aggregation stops above this fraction of failures")
    eos: EosSettings = EosSettings()
    store: str = Field("label_store", min_length=1, description="folder of the label store; no rule ever deletes it")

    @property
    def shards(self) -> int:
        """Number of label jobs per element."""
        return -(-self.structures // self.shard_size)


class DatasetSettings(Settings):
    """Quality control and split of the labelled structures."""

    validation_fraction: Fraction = Field(0.1, description="part of the structures for early stopping and model choice")
    test_fraction: Fraction = Field(0.2, description="part of the structures never seen in training")
    max_energy: float = Field(20.0, gt=0, description="outlier: energy above the lowest of the set [eV/atom]")
    max_force: float = Field(50.0, gt=0, description="outlier: largest force [eV/Å]")
    max_pressure: float = Field(300.0, gt=0, description="outlier: absolute pressure [GPa]")

    @model_validator(mode="after")
    def _leaves_training_data(self) -> "DatasetSettings":
        if self.validation_fraction + self.test_fraction > 0.8:
            raise ValueError("validation_fraction + test_fraction must not exceed 0.8: too little is left to train on")
        return self


# ---------------------------------------------------------------------------------------------------- potentials
class GapSettings(Settings):
    """Gaussian approximation potential: two-body + SOAP, fitted by quippy's gap_fit."""

    family: Literal["gap"] = "gap"
    cutoff: float = Field(1.8, gt=1, le=4, description="cutoff radius [d_nn]")
    transition: float = Field(
        0.8, gt=0, le=2, description="width of the cutoff; length scale of the two-body kernel [d_nn]"
    )
    n_max: int = Field(8, ge=2, le=14, description="SOAP radial functions")
    l_max: int = Field(6, ge=1, le=12, description="SOAP largest angular momentum")
    atom_sigma: float = Field(0.25, gt=0.05, le=0.6, description="width of the SOAP density of an atom [d_nn]")
    zeta: int = Field(4, ge=1, le=8, description="power of the SOAP kernel")
    delta: float = Field(0.5, gt=0, description="prior width of the SOAP energy of an atom [eV]")
    delta_two_body: float = Field(10.0, gt=0, description="prior width of the two-body energy of a pair [eV]")
    n_sparse: int = Field(500, ge=10, description="SOAP sparse points (at most the number of environments)")
    n_sparse_two_body: int = Field(20, ge=5, description="two-body sparse points")
    sigma_energy: float = Field(0.005, gt=0, description="expected error of energies [eV/atom]")
    sigma_force: float = Field(0.1, gt=0, description="expected error of forces [eV/Å]")
    sigma_stress: float = Field(0.003, gt=0, description="expected error of stresses [eV/Å^3]")
    energy_scale: float = Field(5.0, gt=0, description="errors grow as exp(E/2 energy_scale), E above lowest [eV/atom]")


PotentialSettings = Annotated[GapSettings, Field()]


# ---------------------------------------------------------------------------------------------------- validation
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


class Thresholds(Settings):
    """Traffic lights of the report: up to the first number green, up to the second amber, beyond it red."""

    energy_rmse: Range = Field([20.0, 60.0], description="energy RMSE on the test set [meV/atom]")
    force_rmse: Range = Field([0.15, 0.5], description="force RMSE on the test set [eV/Å]")
    volume_error: Range = Field([1.0, 3.0], description="|V0 - V0(DFT)| / V0(DFT) [%]")
    bulk_modulus_error: Range = Field([10.0, 25.0], description="|B - B(DFT)| / B(DFT) [%]")
    failed_labels: Range = Field([5.0, 20.0], description="structures without a label [%]")
    unphysical_runs: Range = Field([1.0, 35.0], description="robustness runs that turn unphysical [%]")


class CampaignSettings(Settings):
    """A whole campaign."""

    campaign: str = Field("campaign", pattern=r"^[A-Za-z0-9_.-]+$", description="name, used in titles")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of everything random")
    results: str = Field("results", min_length=1, description="folder of all results, in the working directory")
    library: LibrarySettings = LibrarySettings()
    elements: dict[str, ElementSettings] = Field(
        min_length=1,
        description="elements served: a list of symbols, or symbols with overrides of their files",
    )
    labels: LabelSettings = LabelSettings()
    dataset: DatasetSettings = DatasetSettings()
    potentials: dict[str, PotentialSettings] = Field(
        {"gap": GapSettings()}, min_length=1, description="potentials to fit, by a name of your choice"
    )
    validation: ValidationSettings = ValidationSettings()
    thresholds: Thresholds = Thresholds()

    @model_validator(mode="after")
    def _consistent(self) -> "CampaignSettings":
        for symbol, element in self.elements.items():
            if symbol not in ELEMENTS:
                raise ValueError(f"elements: {symbol!r} is not a chemical element; use symbols such as Al or W")
            low, high = self.library.cells.volume
            if element.volume[0] >= high or element.volume[1] <= low:
                raise ValueError(
                    f"elements.{symbol}.volume: {element.volume} has nothing in common with library.cells.volume "
                    f"{self.library.cells.volume}; widen one of them"
                )
        made = self.library.rounds * self.library.batches * self.library.structures_per_batch
        if self.labels.structures > made:
            raise ValueError(
                f"labels.structures: {self.labels.structures} labels wanted but the library makes at most {made} "
                "structures (rounds x batches x structures_per_batch); lower the one or raise the other"
            )
        return self
