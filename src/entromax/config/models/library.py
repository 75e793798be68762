"""Settings of the library: features, entropy, cells, seeds, optimiser."""

from typing import Literal

from pydantic import Field, model_validator

from entromax.config.models.base import Chosen, Counts, Range, Settings
from entromax.registry import FEATURES


class FeatureSettings(Chosen):
    """Descriptor whose distribution is made as wide as possible (METHOD section 2)."""

    registry = FEATURES
    default_kind = "bispectrum"
    name: str
    cutoff: float = Field(2.0, gt=1, le=4, description="cutoff radius [d_nn]")


class EntropySettings(Settings):
    """Functional H = 1/2 ln det S of the normalised features (METHOD section 3)."""

    rows: Literal["atoms", "structures"] = Field("atoms", description="one row per atom, or the mean of each structure")
    eps: float = Field(1e-5, gt=0, le=1e-2, description="regularisation added to the covariance [1]")
    strata: int = Field(
        4, ge=1, le=16, description="ranges of v*, equally wide in ln v*, that each get an entropy of their own [1]"
    )
    worth: float = Field(
        0.75,
        ge=0,
        le=1,
        description="information that a structure must bring to be accepted, over that of an average one of the "
        "dataset; 1: it must raise H [1]",
    )
    apart: float = Field(
        20.0,
        ge=0,
        le=1000,
        description="weight of the force that keeps atoms of one structure from becoming equivalent; 0: H alone [1]",
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
        if self.volume[1] < 1.1 * self.volume[0]:
            raise ValueError(f"volume: {self.volume} leaves random cells no room; raise its second number by 10 %")
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

    steps: int = Field(80, ge=1, le=10_000, description="optimiser steps per batch")
    harvests: int = Field(
        3,
        ge=1,
        le=100,
        description="how often structures are taken, at equal intervals from half of the steps to the last; 1: at the "
        "end only; many are fast and bring close relatives, docs/entropy_engine.md [1]",
    )
    relax_steps: int = Field(40, ge=1, le=10_000, description="steps of the pre-relaxation on the soft core alone")
    max_pairs: int = Field(500_000, ge=10_000, description="neighbour pairs in memory at once; lower for a small GPU")
    push: float = Field(0.1, gt=0, le=1, description="entropic force at the start, the soft core giving up to 1 [1]")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto: cuda when there is one; the log of the job says what was found and chosen"
    )
    gpu_share: float = Field(
        1.0, gt=0, le=1, description="part of the memory of the GPU that a batch may take; lower when they share it [1]"
    )
    compile: bool = Field(
        False,
        description="compile the features for the machine, once (a minute or two, kept in ~/.cache/entromax or "
        "ENTROMAX_CACHE), for campaigns that make large libraries; without a C++ compiler they run as they are",
    )
    precision: Literal["float64", "float32"] = Field(
        "float32", description="floating point type of the features while optimising; the merge is always in float64"
    )

    @property
    def harvest_steps(self) -> list[int]:
        """Numbers of the steps after which structures are taken."""
        return [self.steps - k * self.steps // (2 * max(self.harvests - 1, 1)) for k in range(self.harvests)][::-1]


class LibrarySettings(Settings):
    """Entropy-maximised library in reduced units, shared by all elements (METHOD sections 2-6).

    The shipped one is made already; all that is left to choose is ``version``, ``shipped_order`` and
    ``cells.atoms``.
    """

    source: Literal["shipped", "made"] = Field(
        "shipped", description="take the library that comes with entromax, or make one with the settings below"
    )
    version: int = Field(1, ge=1, description="shipped: version of the library; docs/library.md describes it")
    shipped_order: Literal["labels", "diverse"] = Field(
        "labels",
        description="shipped: labels, every prefix stands for the whole; diverse, the most different environments "
        "first, which potentials should not be fitted to alone",
    )
    features: FeatureSettings = Field(
        default_factory=lambda: FeatureSettings.model_validate({}), description="feature set, and its settings"
    )
    entropy: EntropySettings = EntropySettings()
    cells: CellSettings = CellSettings()
    seeds: SeedSettings = SeedSettings()
    optimiser: OptimiserSettings = OptimiserSettings()
    reference_structures: int = Field(256, ge=16, description="random relaxed structures that fix the normalisation")
    rounds: int = Field(8, ge=1, le=1000, description="rounds; each starts from the merged state of the one before")
    batches: int = Field(8, ge=1, le=1000, description="independent batch jobs per round (GPU or CPU)")
    structures_per_batch: int = Field(
        64, ge=1, le=65_536, description="structures optimised together in one batch; a large GPU wants some 10 000"
    )
    crystals: int = Field(
        1000,
        ge=0,
        description="perfect crystals of random space groups, up to four atoms, that compete for places after the last "
        "round, together with the common crystals over volume and c/a",
    )
    order: Literal["d_optimal", "leverage_energy", "leverage_block", "random"] = Field(
        "d_optimal", description="how the library is ordered; every element labels a prefix (METHOD section 6)"
    )

    @property
    def round_numbers(self) -> range:
        """Numbers of the rounds in which it is made; none when it is shipped."""
        return range(1, self.rounds + 1) if self.source == "made" else range(0)

    @model_validator(mode="after")
    def _made_already(self) -> "LibrarySettings":
        if self.source == "made":
            return self
        free = LibrarySettings.model_construct(source="made")
        changed = [key for key in MADE_ONLY if getattr(self, key) != getattr(free, key)]
        cells = free.cells.model_copy(update={"atoms": self.cells.atoms})
        changed += [
            f"cells.{key}" for key in CellSettings.model_fields if getattr(self.cells, key) != getattr(cells, key)
        ]
        if changed:
            raise ValueError(
                f"{', '.join(changed)}: the shipped library is made already, only version, shipped_order and "
                "cells.atoms are left to choose; leave them out (another version has saved other defaults), or write "
                "source: made to make a library of your own"
            )
        return self


MADE_ONLY = sorted(
    set(LibrarySettings.model_fields) - {"source", "version", "shipped_order", "cells", "reference_structures"}
)
"""Settings that mean nothing to a shipped library."""
