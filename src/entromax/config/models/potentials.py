"""Settings of the potential families."""

from typing import Annotated, Literal

from pydantic import Field

from entromax.config.models.base import Settings


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
