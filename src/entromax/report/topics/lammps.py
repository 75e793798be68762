"""LAMMPS: does it give what ASE gives, does it conserve energy, how fast is it, and the input file to copy."""

from collections.abc import Sequence

from entromax.config.models import PotentialSettings
from entromax.registry import FAMILIES
from entromax.report.kit import Block, Cell, Light, Section, Table, number, signed
from entromax.report.results import ElementResults, PotentialResults, Written, read_written
from entromax.validation.lammps import TEMPERATURE, TOLERANCE

UNITS = {"energy": "eV/atom", "forces": "eV/Å", "stress": "eV/Å³"}
PYTHON = """\
# LAMMPS drives, ASE calculates: one process, as fast as with ASE
from entromax.potentials import load_potential
from entromax.potentials.lammps_python import NO_PAIR_STYLE, Driver, open_lammps

lmp = open_lammps("log.lammps")
lmp.commands_string('''
units metal
atom_modify map array
read_data crystal.data
''' + NO_PAIR_STYLE)
driver = Driver(lmp, load_potential("{folder}"), "{element}")
driver.run('''
velocity all create 600 1 mom yes
fix integrate all nve
timestep 0.001
thermo 10
run 1000
''')
"""


class Motion(Written):
    """The run at constant energy: drift [meV/atom/ps], fluctuation [meV/atom]."""

    drift: float
    fluctuation: float
    atom_steps_per_second: float


class LammpsRun(Written):
    """``lammps.json`` of ``validate_lammps``."""

    lammps: str
    how: str
    reason: str
    structures: int
    differences: dict[str, float]
    agrees: bool
    atoms: int
    steps: int
    dynamics: Motion | None
    stopped: str = ""


def section(results: ElementResults) -> Section:
    """Return the section with all potentials that were run in LAMMPS."""
    blocks = [block for one in results.potentials for block in _blocks(results, one)]
    return Section(
        "lammps",
        "LAMMPS",
        "Every potential is run by LAMMPS as well: with its pair style where the LAMMPS of this campaign has it, else "
        f"through Python (fix external). Differences to ASE above {TOLERANCE:g} are an error. Then the crystal moves "
        f"at constant energy, at about {TEMPERATURE:g} K.",
        blocks,
    )


def _blocks(results: ElementResults, potential: PotentialResults) -> list[Block]:
    run = read_written(potential.folder / "lammps.json", LammpsRun)
    if run is None:
        return []
    settings: PotentialSettings = results.settings.potentials[potential.name]
    family, moved = FAMILIES[settings.family], run.dynamics
    styled = potential.card is not None and potential.card.lammps is not None  # not every potential of such a family
    package, gpu = (family.lammps_package, family.lammps_gpu) if styled else ("", "")
    by = f"LAMMPS {run.lammps}, {'through Python' if run.how == 'python' else 'its pair style'}"
    rows: list[Sequence[Cell | str]] = [
        ("run by", by),
        *([("why not by a pair style", f"{run.reason}{_remedy(package)}")] if run.reason else []),
        *(
            (f"{name}: largest difference to ASE, {run.structures} structures", _difference(value, UNITS[name]))
            for name, value in run.differences.items()
        ),
        *(
            [
                (f"drift, {run.steps} steps of 1 fs, {run.atoms} atoms", f"{signed(moved.drift)} meV/atom/ps"),
                ("fluctuation of the total energy", f"{number(moved.fluctuation)} meV/atom"),
                ("speed on one core", f"{number(moved.atom_steps_per_second)} atom-steps per second"),
            ]
            if moved
            else []
        ),
        *([(f"{run.steps} steps of 1 fs, {run.atoms} atoms", _stopped(run.stopped))] if run.stopped else []),
        *([("on a GPU (untested here)", gpu)] if gpu else []),
    ]
    folds = [("in.lammps, as it was run" if not run.reason else "in.lammps, not run here", _input(potential))]
    if run.reason:
        folder = f"{results.settings.results}/{results.element}/potentials/{potential.name}"
        folds = [*(folds if package else []), ("through Python", _python(folder, results.element))]
    prefix = results.prefix(potential)
    return [
        Block(table=Table((f"{prefix}LAMMPS", "result"), rows, wide=(1,))),
        *(Block(fold=f"{prefix}{title}", code=code) for title, code in folds),
    ]


def _remedy(package: str) -> str:
    return f"; name one with {package} in validation.lammps.command" if package else ""


def _difference(value: float, unit: str) -> Cell:
    return Cell(f"{value:.1e} {unit}".replace("-", "−"), Light("green" if value <= TOLERANCE else "red"))


def _stopped(said: str) -> Cell:
    return Cell(f"stopped before the end: {said}", Light("red"))


def _input(potential: PotentialResults) -> str:
    return (potential.folder / "lammps/in.lammps").read_text()


def _python(folder: str, element: str) -> str:
    return PYTHON.format(folder=folder, element=element)
