"""Settings of the engines that make labels, and of the elements."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from entromax.config.elements import CRYSTALS
from entromax.config.models.base import Range, Settings

Level = Literal["smoke", "coarse", "standard", "tight"]


class _Levelled(Settings):
    """Settings of a DFT engine; numbers may come from a preset, filled in when a campaign is loaded."""

    @model_validator(mode="after")
    def _filled_in(self) -> Self:
        if getattr(self, "level", None) is not None and not {"ecut", "kspacing"} <= self.model_fields_set:
            raise ValueError("level: is resolved when a campaign is loaded; here ecut and kspacing are needed as well")
        return self


def _plane_waves(ecut: float, kspacing: float, width: float, spin: bool) -> str:
    polarised = "spin-polarised" if spin else "without spin"
    return f"plane waves to {ecut:g} eV, k-points every {kspacing:g} 1/Å, smearing {width:g} eV, {polarised}"


class GpawSettings(_Levelled):
    """GPAW in plane waves: the embedded DFT engine."""

    engine: Literal["gpaw"] = "gpaw"
    level: Level | None = Field(None, description="preset of the element for the numbers below that are not given")
    xc: Literal["PBE", "LDA", "PBEsol", "RPBE"] = Field("PBE", description="exchange-correlation functional")
    ecut: float = Field(400.0, ge=100, le=1500, description="plane-wave cutoff [eV]")
    kspacing: float = Field(0.3, ge=0.05, le=2, description="largest k-point spacing, including 2 pi [1/Å]")
    width: float = Field(0.1, gt=0, le=1, description="Fermi-Dirac width [eV]")
    maxiter: int = Field(100, ge=10, le=1000, description="SCF steps before a calculation counts as unconverged")
    spin: bool = Field(False, description="spin-polarised calculation; the free atom is always spin-polarised")

    def describe(self) -> str:
        """Return the engine and its settings in one phrase."""
        return f"GPAW, {self.xc}, {_plane_waves(self.ecut, self.kspacing, self.width, self.spin)}"


class QeSettings(_Levelled):
    """Quantum ESPRESSO (pw.x) through ASE; the functional is the one of the pseudopotential (PBE by default)."""

    engine: Literal["qe"] = "qe"
    level: Level | None = Field(None, description="preset of the element for the numbers below that are not given")
    pseudopotential: str | None = Field(
        None, min_length=1, description="UPF file of this element; none: GTH-PBE, made from the file in cp2k-data"
    )
    ecut: float = Field(
        ge=100, le=3000, description="plane-wave cutoff of the wave functions, 13.606 eV to the Rydberg [eV]"
    )
    density_factor: float = Field(
        4.0, ge=4, le=20, description="cutoff of the density over ecut: 4 norm-conserving, 8-12 ultrasoft or PAW [1]"
    )
    kspacing: float = Field(0.25, ge=0.05, le=2, description="largest k-point spacing, including 2 pi [1/Å]")
    width: float = Field(0.1, gt=0, le=1, description="Fermi-Dirac width [eV]")
    maxiter: int = Field(100, ge=10, le=1000, description="SCF steps before a calculation counts as unconverged")
    spin: bool = Field(False, description="spin-polarised calculation; the free atom is always spin-polarised")
    command: str = Field("pw.x", min_length=1, description="how pw.x is started, such as `srun pw.x`; no physics")

    def describe(self) -> str:
        """Return the engine and its settings in one phrase."""
        own = Path(self.pseudopotential).name if self.pseudopotential else "GTH-PBE"
        return (
            f"Quantum ESPRESSO, pseudopotential {own}, {_plane_waves(self.ecut, self.kspacing, self.width, self.spin)}"
        )


class VaspSettings(_Levelled):
    """VASP with PBE PAW sets through ASE; needs a licence, the program, and VASP_PP_PATH."""

    engine: Literal["vasp"] = "vasp"
    level: int | None = Field(
        None,
        ge=1,
        le=6,
        description="convergence level of Baghishov et al. (2026) for ecut and kspacing that are not given",
    )
    ecut: float = Field(500.0, ge=100, le=1500, description="ENCUT [eV]")
    kspacing: float = Field(0.5, ge=0.05, le=10, description="KSPACING, including 2 pi; 10 stands for Γ alone [1/Å]")
    smearing: Literal["fermi-dirac", "gaussian", "methfessel-paxton"] = Field(
        "fermi-dirac", description="ISMEAR -1, 0 or 1"
    )
    width: float = Field(0.1, gt=0, le=1, description="SIGMA [eV]")
    ediff: float = Field(1e-6, gt=0, le=1e-3, description="EDIFF, change of the energy at convergence [eV]")
    paw: str | None = Field(
        None, min_length=1, description="PAW set of this element, such as W_sv; none: the one VASP recommends"
    )
    paw_version: str | None = Field(None, description="release of the sets (potpaw_PBE.<release>), such as '64' [-]")
    maxiter: int = Field(100, ge=10, le=1000, description="NELM, SCF steps before a calculation is unconverged")
    spin: bool = Field(False, description="ISPIN = 2; the free atom is always spin-polarised")
    command: str = Field("vasp_std", min_length=1, description="how VASP is started: `srun vasp_std`; no physics")
    kpar: int = Field(1, ge=1, description="KPAR, groups of MPI tasks that share the k-points; no physics")
    ncore: int = Field(1, ge=1, description="NCORE, MPI tasks that work on one band; no physics")

    def describe(self) -> str:
        """Return the engine and its settings in one phrase."""
        waves = _plane_waves(self.ecut, self.kspacing, self.width, self.spin)
        return f"VASP, PBE, PAW set {self.paw or 'as recommended'}, {waves}"


class LammpsSettings(Settings):
    """An interatomic potential run by LAMMPS: a fast reference for tests and teaching, not DFT."""

    engine: Literal["lammps"] = "lammps"
    pair_style: str = Field(
        min_length=1, description="arguments of LAMMPS' pair_style in units metal, such as eam/alloy"
    )
    pair_coeff: list[str] = Field(
        min_length=1, description="arguments of pair_coeff, one entry per command; {file} stands for the file below"
    )
    file: str | None = Field(None, min_length=1, description="parameter file of the potential; its content is physics")

    def describe(self) -> str:
        """Return the engine and its settings in one phrase."""
        potential = f"{self.pair_style}, {Path(self.file).name}" if self.file else self.pair_style
        return f"LAMMPS, {potential} (an interatomic potential, not DFT)"


class EmtSettings(Settings):
    """ASE's effective-medium theory for Al, Cu, Ag, Au, Ni, Pd, Pt: a teaching potential, not DFT."""

    engine: Literal["emt"] = "emt"

    def describe(self) -> str:
        """Return the engine in one phrase."""
        return "EMT (a teaching potential, not DFT)"


ReferenceSettings = Annotated[
    GpawSettings | QeSettings | VaspSettings | LammpsSettings | EmtSettings, Field(discriminator="engine")
]


class CrystalSettings(Settings):
    """One reference crystal."""

    volume: float = Field(gt=1, lt=200, description="volume at which its E(V) curve is centred [Å^3/atom]")
    c_over_a: float | None = Field(None, gt=0.3, lt=5, description="ratio c/a of hexagonal and trigonal crystals [1]")
    u: float | None = Field(None, gt=0, lt=0.5, description="free internal coordinate of A7 and A8 [1]")


class ElementSettings(Settings):
    """One element: length scale, part of the library it uses, reference settings, reference crystals."""

    d_nn: float = Field(
        ge=0.7,
        le=6,
        description="nearest-neighbour distance of the ground state: scale of the library, and unit of [d_nn] in "
        "labels, potentials and validation [Å]",
    )
    d_nn_from: Literal["config", "dft"] = Field(
        "config",
        description="dft: the library is scaled by the distance at the minimum of E(V) of the ground state by the "
        "reference engine, found before any other label; d_nn remains the unit of all else",
    )
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
