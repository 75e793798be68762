"""VASP with PBE PAW sets, through ASE's calculator."""

import re
import tempfile
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from ase import Atoms
from ase.calculators.calculator import CalculationFailed, CalculatorSetupError
from pydantic import Field

from entromax.config.models.reference import PlaneWaveSettings
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
    hund_moment,
    is_isolated,
    mesh,
)

LEVELS = {
    1: {"kspacing": 10.0, "ecut": 300.0},
    2: {"kspacing": 1.0, "ecut": 300.0},
    3: {"kspacing": 0.75, "ecut": 400.0},
    4: {"kspacing": 0.5, "ecut": 500.0},
    5: {"kspacing": 0.25, "ecut": 700.0},
    6: {"kspacing": 0.10, "ecut": 900.0},
}
"""[BJHP26]: k-spacing 1/Å and cutoff eV; level 1 is Γ alone, whatever the cell."""
ISMEAR = {"fermi-dirac": -1, "gaussian": 0, "methfessel-paxton": 1}
PAW = {"W": "W_sv"}
"""Where ASE's list of recommended sets is behind VASP's: W_pv is not among the releases since 54 any more."""
DAMPED = {"amix": 0.1, "bmix": 1e-4, "amix_mag": 0.2, "bmix_mag": 1e-4}
"""Nearly linear mixing, which VASP's manual advises where the charge sloshes."""
COMPLAINTS = re.compile(
    r"VERY BAD NEWS|BRMIX|EDDDAV|EDDRMM|ZPOTRF|ZHEGV|POSMAP|PRICEL|IBZKPT|TOO FEW BANDS|inverse of rotation matrix"
    r"|Sub-Space-Matrix is not hermitian|internal error|^\s*ERROR|I REFUSE TO CONTINUE",
    re.MULTILINE | re.IGNORECASE,
)
"""What VASP prints before it gives up; the line goes into the reason of the attempt."""
ENERGY_TOLERANCE = 1e-4
"""Largest difference between the energies in OUTCAR and vasprun.xml of one calculation [eV]."""
PLACE_TOLERANCE = 1e-4
"""Largest difference between the cell [Å] and fractional coordinates asked for and those in vasprun.xml."""
NOT_FOUND = 127
"""Exit code of a shell that does not find the command."""


class VaspSettings(PlaneWaveSettings):
    """VASP with PBE PAW sets through ASE; needs a licence, the program, and VASP_PP_PATH."""

    own_tags = (
        {"encut": "ecut", "kspacing": "kspacing", "ismear": "smearing", "sigma": "width", "ediff": "ediff"}
        | {
            "nelm": "maxiter",
            "ispin": "spin",
            "kpar": "kpar",
            "ncore": "ncore",
            "npar": "ncore",
        }
        | dict.fromkeys(("nsw", "ibrion", "isif", "kgamma", "magmom", "nupdown", "lwave", "lcharg"), "")
    )
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
    extra: dict[str, Any] = Field({}, description="further tags of INCAR, `LDAU: true`, written as they are; physics")

    def describe(self) -> str:
        """Return the engine and its settings in one phrase."""
        return f"VASP, PBE, PAW set {self.paw or 'as recommended'}, {self.waves()}"


class VaspEngine(Engine[VaspSettings]):
    """VASP: blocked Davidson first; then damped mixing, and all bands at once without symmetry.

    The energy is the free energy, which is the one whose derivatives the forces and the stress are. A k-point spacing
    goes into INCAR (KSPACING), a mesh that comes with a structure into KPOINTS. custodian, which recovers VASP for
    others, imports pymatgen; the rungs are its first remedies for an SCF that does not converge.
    """

    name = "vasp"
    settings = VaspSettings
    citation = "G. Kresse and J. Furthmüller, VASP, Phys. Rev. B 54, 11169 (1996)."
    licence = "proprietary"
    remedy = "load the module of your cluster and set `command`; VASP needs a licence"
    preload = ("ase.calculators.vasp",)
    numerical = frozenset({"maxiter", "command", "kpar", "ncore"})
    spin = True
    default_level = 5
    rungs = (
        Rung("default"),
        Rung("damped", f"AMIX {DAMPED['amix']}, BMIX {DAMPED['bmix']}, {PATIENCE}x NELM"),
        Rung("all", f"ALGO All, no symmetry, {PATIENCE}x NELM"),
        Rung("wide", f"damped, {WIDEN:g}x SIGMA", changed_physics=True),
    )

    def preset(self, symbol: str, level: object) -> dict[str, Any] | None:
        """Return cutoff and k-spacing of a level, the same for every element; see ``Engine.preset``."""
        return dict(LEVELS[level]) if isinstance(level, int) and level in LEVELS else None

    def label(self, atoms: Atoms, settings: VaspSettings, rung: int, text: Path) -> Label:
        """Label one structure; see ``Engine.label``."""
        from ase.calculators.vasp import Vasp

        atoms = compact(atoms)
        with tempfile.TemporaryDirectory(dir=text.parent, prefix=f"{text.stem}-") as name:
            folder = Path(name)
            parameters = incar(atoms, settings, self.rungs[rung].name)
            calculator = Vasp(directory=name, command=settings.command, **parameters)
            try:
                label = self.single_point(atoms, calculator, stress=not is_isolated(atoms))
            except CalculatorSetupError as error:
                raise EngineUnavailableError(f"vasp: {error}") from error
            except CalculationFailed as error:
                _failed(folder, str(error))
            except RuntimeError as error:
                if "pseudopotential" in str(error).lower():
                    raise EngineUnavailableError(
                        f"vasp: {error}; set VASP_PP_PATH to the folder that holds potpaw_PBE, and reference.paw"
                    ) from error
                raise
            finally:
                with text.open("a") as file:
                    file.write("".join(_text(folder / part) for part in ("vasp.out", "OSZICAR")))
            if not calculator.converged:
                raise UnconvergedError(f"EDIFF not reached within NELM = {parameters['nelm']}")
            require_pair(folder, atoms[calculator.sort], label.energy)
            run = _text(folder / "vasprun.xml")
            info: dict[str, Any] = {
                "version": "".join(re.findall(r'name="version"[^>]*>\s*(\S+)', run)[:1]),
                "paw": re.findall(r"TITEL\s+=\s+(.*\S)", _text(folder / "OUTCAR"))[:1],
                "kpts": list(mesh(atoms, settings)),
                "width": parameters["sigma"],
            }
            if is_isolated(atoms) or settings.spin:
                info["magnetic_moment"] = float(calculator.results["magmom"])
        return Label(label.energy, label.forces, label.stress, run.count("<scstep>"), info)


def incar(atoms: Atoms, settings: VaspSettings, rung: str = "default") -> dict[str, Any]:
    """Return the arguments of ASE's ``Vasp``: the INCAR tags in lower case, k-points and PAW set.

    Args:
        atoms: structure of one element; a free atom has the moment of Hund's rules.
        settings: settings of the engine.
        rung: name of the rung.
    """
    symbol = atoms.get_chemical_symbols()[0]
    careful, isolated = rung != "default", is_isolated(atoms)
    parameters: dict[str, Any] = {
        "xc": "pbe",
        "setups": {"base": "recommended"},
        "encut": settings.ecut,
        "prec": "Accurate",
        "lreal": False,
        "lasph": True,
        "algo": "All" if rung == "all" else "Normal",
        "ediff": settings.ediff,
        "nelm": settings.maxiter * (PATIENCE if careful else 1),
        "ismear": 0 if isolated else ISMEAR[settings.smearing],
        "sigma": min(settings.width, ATOM_WIDTH) if isolated else settings.width * (WIDEN if rung == "wide" else 1),
        "nsw": 0,
        "ibrion": -1,
        "isif": 2,
        "lwave": False,
        "lcharg": False,
    }
    paw = settings.paw or PAW.get(symbol)
    if paw is not None:
        if not re.fullmatch(rf"{symbol}(_\w+)?", paw):
            raise EngineUnavailableError(f"reference.paw: {paw!r} is no PAW set of {symbol}")
        parameters["setups"][symbol] = paw.removeprefix(symbol)
    if settings.paw_version is not None:
        parameters["pp_version"] = settings.paw_version
    if isolated or "kpts" in atoms.info:
        parameters |= {"kpts": mesh(atoms, settings), "gamma": True}
    else:
        parameters |= {"kspacing": settings.spacing(len(atoms)), "kgamma": True}
    if rung in ("damped", "wide"):
        parameters |= DAMPED
    if rung == "all" or isolated:
        parameters["isym"] = 0
    if isolated:
        parameters |= {"ispin": 2, "magmom": [hund_moment(symbol)], "nupdown": hund_moment(symbol)}
    elif settings.spin:
        parameters |= {"ispin": 2, "magmom": [START_MOMENT] * len(atoms)}
    parallel = {"kpar": settings.kpar, "ncore": settings.ncore}
    parameters |= {tag: value for tag, value in parallel.items() if value > 1}
    # What helps convergence, or makes the free atom one, wins over the user's tags.
    firm = {"algo", "isym", *DAMPED} if careful else {"isym"} if isolated else set()
    extra = {tag: value for tag, value in settings.extra.items() if tag.lower() not in firm}
    for tag in extra:
        parameters.pop(tag.lower(), None)
    if {"GGA", "METAGGA"} & {tag.upper() for tag in extra}:
        del parameters["xc"]  # which ASE writes as a GGA of its own
        parameters["pp"] = "PBE"
    return parameters | ({"custom": {tag.upper(): as_tag(value) for tag, value in extra.items()}} if extra else {})


def as_tag(value: object) -> str:
    """Return the value of a tag in the words of INCAR."""
    if isinstance(value, bool):
        return ".TRUE." if value else ".FALSE."
    return " ".join(map(as_tag, value)) if isinstance(value, list) else str(value)


def require_pair(folder: Path, atoms: Atoms, energy: float) -> None:
    """Refuse outputs that do not belong together, or not to this structure; ASE reads such a pair without a word.

    Args:
        folder: with OUTCAR and vasprun.xml.
        atoms: the structure that was asked for, in the order of POSCAR.
        energy: free energy read from vasprun.xml [eV].

    Raises:
        RuntimeError: a file of another calculation is among them.
    """
    from ase.io import read

    energies = re.findall(r"free\s+energy\s+TOTEN\s*=\s*(\S+)", _text(folder / "OUTCAR"))
    if not energies or abs(float(energies[-1]) - energy) > ENERGY_TOLERANCE:
        found = f"{energies[-1]} eV" if energies else "no energy"
        raise RuntimeError(f"OUTCAR ({found}) and vasprun.xml ({energy:.6f} eV) are not of one calculation")
    other = read(folder / "vasprun.xml")
    if not isinstance(other, Atoms):
        raise RuntimeError("vasprun.xml holds several structures: it is no single point")
    same = len(other) == len(atoms) and np.abs(other.cell.array - atoms.cell.array).max() < PLACE_TOLERANCE
    if same:
        apart = other.get_scaled_positions(wrap=False) - atoms.get_scaled_positions(wrap=False)
        same = bool(np.abs(apart - np.round(apart)).max() < PLACE_TOLERANCE)
    if not same:
        raise RuntimeError("vasprun.xml is of another structure than the one asked for")


def _failed(folder: Path, message: str) -> NoReturn:
    """Raise the error that an exit code other than 0 stands for."""
    code = re.search(r"returned an error: (-?\d+)", message)
    if code is not None and int(code[1]) == NOT_FOUND:
        raise EngineUnavailableError(f"vasp: the command was not found ({message.split('stderr')[-1].strip()})")
    complaint = next((line for line in _text(folder / "vasp.out").splitlines() if COMPLAINTS.search(line)), "")
    said = complaint.strip(" |") or message.split("stderr")[-1].strip() or "no message in its output"
    raise RuntimeError(f"VASP ended with exit code {code[1] if code else '?'}: {said}")


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


ENGINE = VaspEngine()
