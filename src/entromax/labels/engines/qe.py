"""Quantum ESPRESSO (pw.x) through ASE's calculator, with GTH-PBE or the user's own pseudopotential."""

import hashlib
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms, units
from pydantic import Field

from entromax.config.models.reference import Level, PlaneWaveSettings
from entromax.config.presets import plane_wave_preset
from entromax.labels.engines.base import (
    ATOM_WIDTH,
    PATIENCE,
    WIDEN,
    Engine,
    EngineUnavailableError,
    Label,
    Rung,
    UnconvergedError,
    compact,
    hund_moment,
    is_isolated,
    mesh,
)
from entromax.labels.engines.gth import gth_file, read_gth, write_upf

CUTOFFS = {"Al": (220, 280, 410), "C": (680, 950, 1360), "Sb": (220, 300, 410), "Te": (270, 350, 480)}
"""Plane-wave cutoffs [eV] at the levels coarse (and smoke), standard, tight, with GTH-PBE; the harder ones (Be, W, Re,
Os) need more than 1400 eV: there a user brings a softer pseudopotential."""
CONVERGENCE = 1e-8
"""Estimated error of the energy at which the SCF ends [Ry/atom]; forces are then good to about 1 meV/Å."""
MIXING, DAMPED = 0.5, 0.1
"""Part of the new density that is mixed in, on the first rung and on the others."""
EMPTY = 0.5
"""Empty bands, relative to the occupied ones, where more than pw.x's own choice (0.2) are asked for."""
POLARISED = 0.5
"""Polarisation of the valence that a spin-polarised calculation starts from."""
OUTPUT, ERRORS = "espresso.pwo", "espresso.err"
LONGEST = 300
"""Characters of what an mpirun complains of that go into a message."""


@dataclass(frozen=True)
class _Pseudopotential:
    """UPF file of an element and its charge of the valence."""

    path: Path
    charge: float
    digest: str


class QeSettings(PlaneWaveSettings):
    """Quantum ESPRESSO (pw.x) through ASE; the functional is the one of the pseudopotential (PBE by default)."""

    own_tags = (
        {"ecutwfc": "ecut", "ecutrho": "density_factor", "degauss": "width", "electron_maxstep": "maxiter"}
        | {"nspin": "spin"}
        | dict.fromkeys(("calculation", "tprnfor", "tstress", "disk_io", "outdir", "prefix", "pseudo_dir"), "")
        | (dict.fromkeys(("occupations", "smearing", "tot_magnetization"), ""))
    )
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
    extra: dict[str, Any] = Field(
        {},
        description="further variables of pw.x, `vdw_corr: grimme-d3`, for whichever namelist they belong to; physics",
    )

    def describe(self) -> str:
        """Return the engine and its settings in one phrase."""
        own = Path(self.pseudopotential).name if self.pseudopotential else "GTH-PBE"
        return f"Quantum ESPRESSO, pseudopotential {own}, {self.waves()}"


class QeEngine(Engine[QeSettings]):
    """pw.x: Davidson and plain mixing first; then damped mixing, more bands and another eigensolver.

    The total energy that pw.x prints with smearing is the free energy, which is the one whose derivatives the forces
    and the stress are. Every attempt has a folder of its own: two runs in one folder destroy each other's output.
    """

    name = "qe"
    settings = QeSettings
    citation = (
        "P. Giannozzi et al., Quantum ESPRESSO, J. Chem. Phys. 152, 154105 (2020), doi:10.1063/5.0005082; "
        "GTH pseudopotentials: S. Goedecker et al., Phys. Rev. B 54, 1703 (1996), "
        "M. Krack, Theor. Chem. Acc. 114, 145 (2005)."
    )
    licence = "GPL-2.0"
    remedy = "`apt-get install quantum-espresso cp2k-data`, or load the module of your cluster and set `command`"
    preload = ("ase.calculators.espresso",)
    numerical = frozenset({"maxiter", "command"})
    files = frozenset({"pseudopotential"})
    spin = True
    default_level = "standard"
    preset_elements = tuple(CUTOFFS)
    rungs = (
        Rung("default"),
        Rung("damped", f"mixing beta {DAMPED}, {PATIENCE}x maxiter"),
        Rung("robust", f"damped, conjugate gradients, {100 * EMPTY:.0f} % empty bands, local Thomas-Fermi screening"),
        Rung("wide", f"damped, {WIDEN:g}x the Fermi-Dirac width", changed_physics=True),
    )

    def preset(self, symbol: str, level: object) -> dict[str, Any] | None:
        """Return cutoff, k-spacing and width of a level; see ``Engine.preset``."""
        return plane_wave_preset(CUTOFFS, symbol, level)

    def problem(self, settings: QeSettings) -> str | None:
        """Return what is missing, or a variable of ``extra`` that ASE would leave out; see ``Engine.problem``."""
        if not settings.extra:
            return super().problem(settings)
        from ase.io.espresso_namelist.keys import ALL_KEYS

        known = {key for namelist in ALL_KEYS["pw"].values() for key in namelist}
        unknown = [name for name in settings.extra if name.split("(")[0].lower() not in known]
        if unknown:
            return f"reference.extra.{unknown[0]}: is no variable of pw.x that ASE knows; correct its spelling"
        return super().problem(settings)

    def label(self, atoms: Atoms, settings: QeSettings, rung: int, text: Path) -> Label:
        """Label one structure; see ``Engine.label``."""
        from ase.calculators.espresso import Espresso, EspressoProfile

        atoms = compact(atoms).copy()
        if settings.spin:  # ASE writes the moments of the atoms as starting_magnetization
            atoms.set_initial_magnetic_moments([POLARISED] * len(atoms))
        with tempfile.TemporaryDirectory(dir=text.parent, prefix=f"{text.stem}-") as name:
            folder = Path(name)
            pseudopotential = _pseudopotential(atoms, settings, folder)
            parameters = self._parameters(atoms, settings, self.rungs[rung].name, pseudopotential)
            calculator = Espresso(
                profile=EspressoProfile(command=settings.command, pseudo_dir=pseudopotential.path.parent),
                directory=folder,
                pseudopotentials={symbol: pseudopotential.path.name for symbol in set(atoms.get_chemical_symbols())},
                kpts=None if is_isolated(atoms) else mesh(atoms, settings),
                input_data=parameters,
            )
            try:
                label = self.single_point(atoms, calculator, stress=not is_isolated(atoms))
            except FileNotFoundError as error:
                raise EngineUnavailableError(f"qe: {settings.command!r} cannot be started ({error})") from error
            except subprocess.CalledProcessError as error:
                raise _failure(_output(folder), error.returncode, _output(folder, ERRORS)) from error
            finally:
                output = _output(folder)
                with text.open("a") as file:
                    file.write(output)
                _require_one_run(output, settings.command)  # whatever ASE made of such an output
        found = re.search(r"convergence has been achieved in\s+(\d+) iterations", output)
        if found is None:
            raise _failure(output, 0)
        info: dict[str, Any] = {
            "version": _first(r"Program PWSCF (\S+)", output),
            "pseudopotential": pseudopotential.path.name,
            "pseudopotential_sha256": pseudopotential.digest,
            "kpts": list(mesh(atoms, settings)),
            "width": parameters["degauss"] * units.Ry,
        }
        if is_isolated(atoms) or settings.spin:
            info["magnetic_moment"] = float(_last(r"total magnetization\s+=\s+(\S+)", output))
        return Label(label.energy, label.forces, label.stress, int(found[1]), info)

    def _parameters(
        self, atoms: Atoms, settings: QeSettings, rung: str, pseudopotential: _Pseudopotential
    ) -> dict[str, Any]:
        """Return the input of pw.x; a free atom has the moment of Hund's rules."""
        careful = rung != "default"
        width = min(settings.width, ATOM_WIDTH) if is_isolated(atoms) else settings.width
        parameters: dict[str, Any] = {
            "tprnfor": True,
            "tstress": not is_isolated(atoms),
            "disk_io": "none",
            "outdir": ".",
            "ecutwfc": settings.ecut / units.Ry,
            "ecutrho": settings.density_factor * settings.ecut / units.Ry,
            "occupations": "smearing",
            "smearing": "fermi-dirac",
            "degauss": width * (WIDEN if rung == "wide" else 1.0) / units.Ry,
            "conv_thr": CONVERGENCE * len(atoms),
            "electron_maxstep": settings.maxiter * (PATIENCE if careful else 1),
            "mixing_beta": MIXING,
            **settings.extra,
        }
        if careful:
            parameters["mixing_beta"] = DAMPED
        if rung == "robust":
            occupied = np.ceil(pseudopotential.charge * len(atoms) / 2)
            parameters |= {"diagonalization": "cg", "mixing_mode": "local-TF"}
            parameters["nbnd"] = int(np.ceil((1 + EMPTY) * occupied)) + 4
        if is_isolated(atoms):
            parameters |= {"nspin": 2, "tot_magnetization": hund_moment(atoms.get_chemical_symbols()[0])}
        elif settings.spin:
            parameters["nspin"] = 2
        return parameters


def _pseudopotential(atoms: Atoms, settings: QeSettings, folder: Path) -> _Pseudopotential:
    """Return the user's UPF file, or write the GTH-PBE one of the element into ``folder``."""
    symbol, *others = sorted(set(atoms.get_chemical_symbols()))
    if others:
        raise EngineUnavailableError(f"qe: structures of one element only, not of {symbol} with {', '.join(others)}")
    try:
        if settings.pseudopotential is None:
            text = write_upf(read_gth(symbol, gth_file().read_text()))
            path = folder / f"{symbol}.GTH-PBE.upf"
            path.write_text(text)
        else:
            path = Path(settings.pseudopotential).resolve()
            text = path.read_text()
    except (FileNotFoundError, ValueError) as error:
        raise EngineUnavailableError(f"reference.pseudopotential: {error}") from error
    charge = re.search(r"z_valence\s*=\s*\"\s*([^\"]+)\"|(\S+)\s+Z valence", text)
    element = re.search(r"element\s*=\s*\"\s*(\w+)|(\w+)\s+Element", text)
    if charge is None or element is None:
        raise EngineUnavailableError(f"reference.pseudopotential: {path} is no UPF file: no element or z_valence in it")
    if (element[1] or element[2]) != symbol:
        raise EngineUnavailableError(
            f"reference.pseudopotential: {path} is for {element[1] or element[2]}, not for {symbol}"
        )
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return _Pseudopotential(path, float(charge[1] or charge[2]), digest)


def _require_one_run(output: str, command: str) -> None:
    """Refuse the output of several serial runs in one folder: what an mpirun of another MPI than pw.x' own makes."""
    starts = output.count("Program PWSCF")
    if starts > 1:
        raise EngineUnavailableError(
            f"reference.command: {command!r} starts pw.x {starts} times instead of once in parallel; use the mpirun of "
            "the MPI that pw.x was built with (Debian: /usr/bin/mpirun.openmpi, not the one of a Python environment)"
        )


def _output(folder: Path, name: str = OUTPUT) -> str:
    path = folder / name
    return path.read_text(errors="replace") if path.exists() else ""


def _failure(output: str, code: int, complaints: str = "") -> Exception:
    """Return the error that the output of a failed run stands for, or what the programs around it complained of."""
    if "convergence NOT achieved" in output:
        return UnconvergedError(_first(r"(convergence NOT achieved.*)", output))
    message = _first(r"Error in routine (.*\n.*)", output)
    if re.search(r"readpp|read_upf|pseudo", message):
        return EngineUnavailableError(f"reference.pseudopotential: pw.x cannot read it: {' '.join(message.split())}")
    words = " ".join(message.split()) or " ".join(complaints.split())[:LONGEST] or "no message in its output"
    return RuntimeError(f"pw.x ended with exit code {code}: {words}")


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""


def _last(pattern: str, text: str) -> str:
    return re.findall(pattern, text)[-1]


ENGINE = QeEngine()
