"""Settings of the potential families."""

from itertools import product
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from entromax.config.models.base import Positive, Settings


class FamilySettings(Settings):
    """What all families share."""

    sweep: dict[str, Annotated[list[bool | int | float], Field(min_length=1)]] = Field(
        {}, description="fit with every combination of these values, `key: [values]`, and take the best for its cost"
    )

    @model_validator(mode="after")
    def _swept(self) -> "FamilySettings":
        for key in self.sweep:
            if key == "sweep" or key not in type(self).model_fields:
                known = ", ".join(name for name in type(self).model_fields if name not in ("family", "sweep"))
                raise ValueError(f"sweep.{key}: is no key of this potential; choose from {known}")
        for name, values in self.points().items():
            try:
                type(self).model_validate(values)
            except ValidationError as error:
                raise ValueError(f"sweep: the combination {name} is impossible: {error.errors()[0]['msg']}") from error
        return self

    def points(self) -> dict[str, dict[str, Any]]:
        """Return the settings of every combination of the sweep, by a name fit for a file; none without a sweep."""
        if not self.sweep:
            return {}
        base = self.model_dump(mode="json", exclude={"sweep"})
        combinations = [dict(zip(self.sweep, values, strict=True)) for values in product(*self.sweep.values())]
        return {
            "_".join(f"{key}-{str(value).lower()}" for key, value in changed.items()): base | changed
            for changed in combinations
        }


class GapSettings(FamilySettings):
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


class WeightedSettings(FamilySettings):
    """Families that minimise weighted squared errors."""

    energy_weight: float = Field(100.0, ge=0, description="weight of squared energy errors [1/(eV/atom)^2]")
    force_weight: float = Field(1.0, ge=0, description="weight of squared force errors [1/(eV/Å)^2]")
    stress_weight: float = Field(1000.0, ge=0, description="weight of squared stress errors [1/(eV/Å^3)^2]")
    energy_scale: float = Field(5.0, gt=0, description="weights fall as exp(-E/energy_scale), E above lowest [eV/atom]")

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.energy_weight == self.force_weight == self.stress_weight == 0:
            raise ValueError(
                "energy_weight, force_weight and stress_weight are all zero; at least one must be positive"
            )
        return self


class LinearSettings(WeightedSettings):
    """Families whose energy is linear in their coefficients, over a ZBL repulsion."""

    cutoff: float = Field(2.0, gt=1, le=4, description="cutoff radius [d_nn]")
    zbl: list[Positive] | None = Field(
        [0.5, 0.8],
        min_length=2,
        max_length=2,
        description="radii between which the ZBL repulsion goes to zero [d_nn]; null: no ZBL",
    )
    folds: int = Field(8, ge=3, le=32, description="parts of the cross-validation; members of the committee")

    @model_validator(mode="after")
    def _repulsion_inside(self) -> Self:
        if self.zbl is not None and not self.zbl[0] < self.zbl[1] <= self.cutoff:
            raise ValueError(f"zbl: {self.zbl} must ascend and end below the cutoff {self.cutoff} [d_nn]")
        return self


class SnapSettings(LinearSettings):
    """Spectral neighbour analysis potential, linear or quadratic in the bispectrum, over a ZBL repulsion."""

    family: Literal["snap"] = "snap"
    twojmax: int = Field(8, ge=2, le=10, description="twice the largest angular momentum of the bispectrum")
    quadratic: bool = Field(False, description="products of two components, too")
    constant: bool = Field(
        True, description="fit the zero of energy, too; false: free atoms keep theirs exactly, at a price in accuracy"
    )
    zbl: list[Positive] | None = Field(
        [0.6, 0.95],
        min_length=2,
        max_length=2,
        description="radii between which the ZBL repulsion goes to zero [d_nn]; null: no ZBL",
    )


class MaceSettings(WeightedSettings):
    """MACE, equivariant message passing: small by default, trained by mace-torch, on the GPU when there is one."""

    family: Literal["mace"] = "mace"
    cutoff: float = Field(1.8, gt=1, le=4, description="cutoff radius of one layer [d_nn]")
    channels: int = Field(16, ge=4, le=256, description="channels of the node features")
    max_l: int = Field(0, ge=0, le=3, description="largest angular momentum of the messages")
    layers: int = Field(2, ge=1, le=4, description="message passing layers")
    correlation: int = Field(3, ge=1, le=4, description="correlation order; body order of the messages less one")
    zbl: bool = Field(True, description="ZBL repulsion of close pairs below the network")
    epochs: int = Field(100, ge=1, le=10_000, description="passes over the training set")
    batch_size: int = Field(8, ge=1, le=1024, description="structures per step of the optimiser")
    learning_rate: float = Field(0.01, gt=0, le=0.1, description="of the first epoch; falls to a hundredth of it [1]")
    precision: Literal["float64", "float32"] = Field("float64", description="floating point type of the training")


class AceSettings(LinearSettings):
    """Linear atomic cluster expansion over a ZBL repulsion, by python-ace (licensed for non-commercial use only)."""

    family: Literal["ace"] = "ace"
    functions: int = Field(
        500, ge=10, le=5000, description="basis functions; at most half of the training environments are used"
    )
    n_max: list[Annotated[int, Field(ge=1, le=30)]] = Field(
        [15, 6, 4, 3], min_length=1, max_length=6, description="radial functions by order, pairs first"
    )
    l_max: list[Annotated[int, Field(ge=0, le=10)]] = Field(
        [0, 5, 4, 2], min_length=1, max_length=6, description="largest angular momentum by order; 0 for pairs"
    )

    @model_validator(mode="after")
    def _possible(self) -> "AceSettings":
        if len(self.n_max) != len(self.l_max) or self.l_max[0] != 0:
            raise ValueError(f"l_max: {self.l_max} must begin with 0 and have as many entries as n_max {self.n_max}")
        return self


class PluginSettings(Settings):
    """A family of your own: a Python file, from anywhere, that defines `FAMILY` (see docs/plugin.md)."""

    family: Literal["plugin"] = "plugin"
    file: str = Field(pattern=r"\.py$", description="that file, relative to the working directory")
    options: dict[str, Any] = Field({}, description="its settings, checked by its own model")


PotentialSettings = Annotated[
    GapSettings | SnapSettings | MaceSettings | AceSettings | PluginSettings, Field(discriminator="family")
]

ERROR_BAR_FAMILIES = ("snap", "ace")
"""Families whose calculators answer ``energy_std`` and ``forces_std``."""
