"""GPAW in plane waves: the DFT engine that is installed with the project."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from pydantic import Field

from entromax.config.models.reference import Level, PlaneWaveSettings
from entromax.config.presets import plane_wave_preset
from entromax.labels.engines.base import (
    ATOM_WIDTH,
    PATIENCE,
    START_MOMENT,
    WIDEN,
    Engine,
    EngineUnavailableError,
    Label,
    Rung,
    UnconvergedError,
    compact,
    is_isolated,
    mesh,
)
from entromax.labels.engines.paw import paw_dataset

CUTOFFS = {
    "Al": (200, 300, 400),
    "Be": (300, 350, 500),
    "C": (400, 500, 700),
    "W": (300, 400, 600),
    "Re": (300, 400, 600),
    "Os": (300, 400, 600),
    "Sb": (400, 500, 700),
    "Te": (250, 300, 450),
}
"""Plane-wave cutoffs [eV] at the levels coarse (and smoke), standard, tight."""
ANNEAL = 5.0
"""Factor on the width of the first, easy calculation of the third rung."""
DAMPED = {"backend": "pulay", "beta": 0.02, "nmaxold": 5, "weight": 50.0}
"""Slow, short-memory mixing that converges where the default (beta 0.08, 16 old densities) oscillates."""
SYMMETRY = {"tolerance": 1e-6}
"""Relative; GPAW's 1e-7 is so near the rounding of stored structures (8 decimals) that it finds half of a point group
of some symmetric crystals and gives up with SymmetryAnalysisBug."""
EIGENSOLVER = "davidson"
"""Of the first rung: the same labels as GPAW's default (PPCG, used by the others) in a fifth to a quarter less time."""
CONVERGENCE = {"eigenstates": 2e-5}
"""Largest residual of the wave functions [eV^2 per valence electron], where GPAW asks for 4e-8.

The error of the energy is of second order in the wave functions: energy, forces and stress have settled before, and
the density, of which GPAW's criterion stays, decides about them (``benchmarks/labels/self_consistency.py``).
"""


class GpawSettings(PlaneWaveSettings):
    """GPAW in plane waves: the embedded DFT engine."""

    own_tags = {"mode": "ecut", "xc": "xc", "kpts": "kspacing", "occupations": "width", "maxiter": "maxiter"} | {
        "spinpol": "spin",
        "hund": "",
        "txt": "",
    }
    engine: Literal["gpaw"] = "gpaw"
    level: Level | None = Field(None, description="preset of the element for the numbers below that are not given")
    xc: Literal["PBE", "LDA", "PBEsol", "RPBE"] = Field("PBE", description="exchange-correlation functional")
    ecut: float = Field(400.0, ge=100, le=1500, description="plane-wave cutoff [eV]")
    kspacing: float = Field(0.3, ge=0.05, le=2, description="largest k-point spacing, including 2 pi [1/Å]")
    width: float = Field(0.1, gt=0, le=1, description="Fermi-Dirac width [eV]")
    maxiter: int = Field(100, ge=10, le=1000, description="SCF steps before a calculation counts as unconverged")
    spin: bool = Field(False, description="spin-polarised calculation; the free atom is always spin-polarised")
    valence: int | None = Field(
        None, ge=1, description="electrons of the PAW data set, made by GPAW's generator; none: that of gpaw-data [1]"
    )
    extra: dict[str, Any] = Field(
        {}, description="further arguments of the calculator GPAW, passed on as they are; physics"
    )

    def describe(self) -> str:
        """Return the engine and its settings in one phrase."""
        valence = "" if self.valence is None else f", {self.valence} valence electrons"
        return f"GPAW, {self.xc}{valence}, {self.waves()}"


class GpawEngine(Engine[GpawSettings]):
    """GPAW with plane waves: Davidson first and, in a difficult case, another eigensolver and ever more careful mixing.

    The energy is the free energy, which is the one whose derivatives the forces and the stress are.
    """

    name = "gpaw"
    settings = GpawSettings
    citation = "J. J. Mortensen et al., GPAW, J. Chem. Phys. 160, 092503 (2024), doi:10.1063/5.0182685."
    licence = "GPL-3.0"
    requires = distribution = "gpaw"
    remedy = "install it together with gpaw-data (see envs/), or choose `engine: emt` for a trial without DFT"
    preload = ("gpaw", "gpaw.new.ase_interface", "gpaw.occupations")
    numerical = frozenset({"maxiter"})
    optional = frozenset({"extra", "valence", "kspacing_atoms"})
    spin = True
    default_level = "standard"
    preset_elements = tuple(CUTOFFS)
    rungs = (
        Rung("default"),
        Rung("damped", f"eigensolver PPCG, density mixing beta {DAMPED['beta']}, {PATIENCE}x maxiter, no point group"),
        Rung("annealed", f"damped, from the density of a calculation with {ANNEAL:g}x the width; final width as set"),
        Rung("wide", f"damped, {WIDEN:g}x the Fermi-Dirac width", changed_physics=True),
    )

    def preset(self, symbol: str, level: object) -> dict[str, Any] | None:
        """Return cutoff, k-spacing and width of a level; see ``Engine.preset``."""
        return plane_wave_preset(CUTOFFS, symbol, level)

    def label(self, atoms: Atoms, settings: GpawSettings, rung: int, text: Path) -> Label:
        """Label one structure; see ``Engine.label``."""
        from gpaw import KohnShamConvergenceError

        name = self.rungs[rung].name
        atoms = compact(atoms)
        width = min(settings.width, ATOM_WIDTH) if is_isolated(atoms) else settings.width
        first = width * {"annealed": ANNEAL, "wide": WIDEN}.get(name, 1.0)
        calculator = self._calculator(atoms, settings, width=first, careful=rung > 0, text=text)
        copy = atoms.copy()
        if settings.spin and not is_isolated(atoms):
            copy.set_initial_magnetic_moments([START_MOMENT] * len(atoms))
        copy.calc = calculator
        try:
            if name == "annealed":
                copy.get_potential_energy()
                _change_width(calculator, width)
            energy = float(copy.get_potential_energy(force_consistent=True))
            forces = copy.get_forces()
            stress = copy.get_stress() if not is_isolated(atoms) else np.zeros(6)
        except KohnShamConvergenceError as error:
            raise UnconvergedError(str(error) or f"no self-consistency within maxiter = {settings.maxiter}") from error
        except FileNotFoundError as error:
            raise EngineUnavailableError(
                f"gpaw: no PAW set-up found ({error}); install gpaw-data or set GPAW_SETUP_PATH"
            ) from error
        info: dict[str, Any] = {
            "kpts": list(mesh(atoms, settings)),
            "width": first if name == "wide" else width,
        }
        if is_isolated(atoms) or settings.spin:
            info["magnetic_moment"] = float(copy.get_magnetic_moment())
        return Label(
            energy,
            np.array(forces, dtype=float),
            np.array(stress, dtype=float),
            int(calculator.get_number_of_iterations()),
            info,
        )

    def _calculator(self, atoms: Atoms, settings: GpawSettings, *, width: float, careful: bool, text: Path) -> Any:
        """Return a calculator; a free atom is spin-polarised after Hund's rules."""
        from gpaw import GPAW, PW

        options: dict[str, Any] = {"eigensolver": EIGENSOLVER, "symmetry": SYMMETRY, "convergence": CONVERGENCE}
        options |= settings.extra
        if careful:  # what helps convergence wins over tags that were given for the easy case
            easy = ("eigensolver", "mixer", "symmetry")
            options = {key: value for key, value in options.items() if key not in easy}
            options |= {"mixer": DAMPED, "symmetry": {"point_group": False}}
        if is_isolated(atoms):
            options["hund"] = True
        elif settings.spin:
            options["spinpol"] = True
        if settings.valence is not None:
            symbol = atoms.get_chemical_symbols()[0]
            options["setups"] = {symbol: paw_dataset(symbol, settings.valence, settings.xc)}
        return GPAW(
            mode=PW(settings.ecut),
            xc=settings.xc,
            kpts={"size": mesh(atoms, settings), "gamma": True},
            occupations={"name": "fermi-dirac", "width": width},
            maxiter=settings.maxiter * (PATIENCE if careful else 1),
            txt=str(text),
            **options,
        )


def _change_width(calculator: Any, width: float) -> None:
    """Make a converged calculator converge again, from its density and wave functions, with another width [eV]."""
    from gpaw.occupations import create_occ_calc

    occupations = calculator.dft.scf_loop.occ_calc
    occupations.occ = create_occ_calc(
        {"name": "fermi-dirac", "width": width}, parallel_layout=occupations.occ.parallel_layout
    )
    calculator.dft.results.clear()


ENGINE = GpawEngine()
