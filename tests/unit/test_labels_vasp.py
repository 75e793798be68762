"""VASP: its input as written, and the real calculator replayed on output recorded from VASP (as ASE ships it).

There is no VASP here. The command of the engine copies recorded files into the folder of the calculation: everything
but VASP itself is real. OUTCAR of the recorded diamond is put together from ASE's recorded end of an SCF and the energy
in vasprun.xml, since ASE ships no OUTCAR of it.
"""

from pathlib import Path

import ase
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.vasp import Vasp
from ase.io import read

from entromax.config.models import LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines import engine_available, load_engine, physics_hash
from entromax.labels.engines.base import EngineUnavailableError, Label, UnconvergedError
from entromax.labels.engines.vasp import VaspSettings, incar
from entromax.labels.run import label_structures
from entromax.structures import with_sid

DATA = Path(ase.__file__).parent / "test" / "testdata" / "vasp"
DIAMOND = DATA / "vasprun_pstress.xml"
SETTINGS = VaspSettings(ecut=400.0, kspacing=0.5)
ENGINE = load_engine(SETTINGS)


@pytest.fixture(autouse=True)
def paw_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Placeholders of the licensed sets: only their names matter for what is tested."""
    for name in ("C", "W_sv", "W_pv", "Al", "Te", "Re_pv"):
        for release in ("potpaw_PBE", "potpaw_PBE.64"):
            folder = tmp_path / "paw" / release / name
            folder.mkdir(parents=True)
            (folder / "POTCAR").write_text(f"{release} {name}\n")
    monkeypatch.setenv("VASP_PP_PATH", str(tmp_path / "paw"))


def written(atoms: Atoms, settings: VaspSettings, folder: Path, rung: str = "default") -> dict[str, str]:
    folder.mkdir()
    Vasp(directory=str(folder), command="true", **incar(atoms, settings, rung)).write_input(atoms)
    lines = (folder / "INCAR").read_text().splitlines()
    return dict(line.strip().split(" = ", 1) for line in lines if " = " in line)


def test_input_of_a_library_structure(tmp_path: Path) -> None:
    atoms = bulk("W", "bcc", a=3.17)
    tags = written(atoms, VaspSettings(ecut=700.0, kspacing=0.25, kpar=2, ncore=4), tmp_path / "run")
    assert tags == {
        "ENCUT": "700.000000",
        "KSPACING": "0.250000",
        "SIGMA": "0.100000",
        "EDIFF": "1.00e-06",
        "ALGO": "Normal",
        "GGA": "PE",
        "PREC": "Accurate",
        "IBRION": "-1",
        "ISIF": "2",
        "ISMEAR": "-1",
        "KPAR": "2",
        "NCORE": "4",
        "NELM": "100",
        "NSW": "0",
        "KGAMMA": ".TRUE.",
        "LASPH": ".TRUE.",
        "LCHARG": ".FALSE.",
        "LWAVE": ".FALSE.",
        "LREAL": ".FALSE.",
    }
    assert not (tmp_path / "run" / "KPOINTS").exists()  # else VASP would not look at KSPACING
    assert (tmp_path / "run" / "POTCAR").read_text() == "potpaw_PBE W_sv\n"
    poscar = read(tmp_path / "run" / "POSCAR", format="vasp")
    assert poscar.get_chemical_symbols() == ["W"]
    assert poscar.cell.array == pytest.approx(atoms.cell.array, abs=1e-12)


def test_input_of_a_reference_crystal_has_its_own_mesh(tmp_path: Path) -> None:
    atoms = bulk("Al", "fcc", a=4.04)
    atoms.info["kpts"] = [9, 9, 9]
    tags = written(atoms, VaspSettings(smearing="methfessel-paxton", width=0.2, paw_version="64"), tmp_path / "run")
    assert "KSPACING" not in tags and (tags["ISMEAR"], tags["SIGMA"]) == ("1", "0.200000")
    kpoints = (tmp_path / "run" / "KPOINTS").read_text().split("\n")
    assert [kpoints[1].strip(), kpoints[2].strip(), kpoints[3].split()] == ["0", "Gamma", ["9", "9", "9"]]
    assert (tmp_path / "run" / "POTCAR").read_text() == "potpaw_PBE.64 Al\n"


def test_input_of_a_free_atom_is_polarised_after_hund(tmp_path: Path) -> None:
    atom = Atoms("Te", positions=[[5, 5, 5]], cell=[10, 10.3, 10.6], pbc=True, info={"config_type": "isolated_atom"})
    tags = written(atom, SETTINGS, tmp_path / "run")
    assert (tags["ISPIN"], tags["NUPDOWN"], tags["ISYM"], tags["ISMEAR"]) == ("2", "2.000000", "0", "0")
    assert tags["MAGMOM"].split() == ["1*2.0000"] and tags["SIGMA"] == "0.050000"
    assert (tmp_path / "run" / "KPOINTS").read_text().split("\n")[3].split() == ["1", "1", "1"]


def test_each_rung_writes_what_it_says(tmp_path: Path) -> None:
    atoms = bulk("Al", "fcc", a=4.04)
    plain = written(atoms, SETTINGS, tmp_path / "default")
    for rung in ENGINE.rungs[1:]:
        tags = written(atoms, SETTINGS, tmp_path / rung.name, rung.name)
        changed = {key for key in tags if plain.get(key) != tags[key]}
        mixing = {"AMIX", "BMIX", "AMIX_MAG", "BMIX_MAG", "NELM"}
        assert changed == {"damped": mixing, "all": {"ALGO", "ISYM", "NELM"}, "wide": {*mixing, "SIGMA"}}[rung.name]
        assert rung.changed_physics == ("SIGMA" in changed) and tags["NELM"] == "300"


def test_a_set_that_is_not_there_or_of_another_element_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match="'W_sv' is no PAW set of Al"):
        incar(bulk("Al"), SETTINGS.model_copy(update={"paw": "W_sv"}))
    with pytest.raises(EngineUnavailableError, match="VASP_PP_PATH"):
        ENGINE.label(bulk("Cu"), SETTINGS, 0, tmp_path / "text")


def diamond() -> Atoms:
    atoms = Atoms("C2", scaled_positions=[[0, 0, 0], [0.25, 0.25, 0.25]], cell=(np.ones((3, 3)) - np.eye(3)) * 1.785)
    atoms.pbc = True
    atoms.info["kpts"] = [4, 4, 4]
    return atoms


def recorded(
    folder: Path, *, end: str = "convergence_OUTCAR_y_y", energy: str = "-20.24695937", vasprun: Path = DIAMOND
) -> str:
    """Return a command that does what VASP did: it leaves the recorded files in its folder."""
    folder.mkdir(exist_ok=True)
    (folder / "OUTCAR").write_text((DATA / end).read_text() + f"  free  energy   TOTEN  =       {energy} eV\n")
    return f"test -s INCAR && test -s POTCAR && cp {folder}/OUTCAR OUTCAR && cp {vasprun} vasprun.xml"


def run(command: str, tmp_path: Path, atoms: Atoms | None = None, rung: int = 0) -> Label:
    settings = SETTINGS.model_copy(update={"command": command})
    return ENGINE.label(diamond() if atoms is None else atoms, settings, rung, tmp_path / "text")


def test_label_is_the_recorded_one(tmp_path: Path) -> None:
    label = run(recorded(tmp_path / "out"), tmp_path)
    assert label.energy == pytest.approx(-20.24695937)  # e_fr_energy, not e_0_energy (-20.24720095)
    assert label.forces == pytest.approx(np.zeros((2, 3)))
    pressure = {
        float(x) for x in DIAMOND.read_text().split('name="stress"')[1].split("</v>")[0].split("<v>")[1].split()
    }
    assert label.stress[:3] == pytest.approx(-max(pressure, key=abs) / 1602.1766208)  # kB, opposite sign to ASE's
    assert label.stress[3:] == pytest.approx(np.zeros(3), abs=1e-12)
    assert label.info["version"] == "6.3.0" and label.iterations == 9 and label.info["kpts"] == [4, 4, 4]


def test_an_scf_that_vasp_left_early_is_never_a_label(tmp_path: Path) -> None:
    with pytest.raises(UnconvergedError, match="NELM = 100"):
        run(recorded(tmp_path / "out", end="convergence_OUTCAR_y_n"), tmp_path)


def test_files_of_two_calculations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"OUTCAR \(-11.2 eV\) and vasprun.xml \(-20.246959 eV\) are not of one"):
        run(recorded(tmp_path / "out", energy="-11.2"), tmp_path)
    nickel = f"cp {DATA / 'OUTCAR_example_1'} OUTCAR && cp {DIAMOND} vasprun.xml"
    with pytest.raises((RuntimeError, UnconvergedError)):
        run(nickel, tmp_path)
    stretched = diamond()
    stretched.set_cell(stretched.cell.array * 1.01, scale_atoms=True)
    moved = diamond()
    moved.positions[1, 0] += 0.01
    for atoms in (stretched, moved):
        with pytest.raises(RuntimeError, match="of another structure"):
            run(recorded(tmp_path / "out"), tmp_path, atoms)


def test_what_vasp_says_before_it_dies_is_the_reason(tmp_path: Path) -> None:
    last_words = "echo ' Error EDDDAV: Call to ZHEGV failed. Returncode = 7' && exit 4"
    with pytest.raises(RuntimeError, match="exit code 4: Error EDDDAV: Call to ZHEGV failed"):
        run(last_words, tmp_path)
    assert "ZHEGV" in (tmp_path / "text").read_text()
    with pytest.raises(RuntimeError, match="exit code 9: no message"):
        run("exit 9", tmp_path)
    with pytest.raises(EngineUnavailableError, match="not found"):
        run("no_such_vasp", tmp_path)
    with pytest.raises(FileNotFoundError, match="OUTCAR"):
        run("true", tmp_path)


def test_the_ladder_stands_in_the_record_and_a_changed_smearing_is_marked(tmp_path: Path) -> None:
    """This VASP converges with a wide smearing only: the label is kept, and says so."""
    good, bad = recorded(tmp_path / "good"), recorded(tmp_path / "bad", end="convergence_OUTCAR_y_n")
    command = f"grep -q 'SIGMA = 0.3' INCAR && ({good}) || ({bad})"
    atoms = diamond()
    atoms.info |= {"element": "C"}
    (record,) = label_structures(
        [with_sid(atoms)],
        element="C",
        d_nn=1.42,
        reference=SETTINGS.model_copy(update={"command": command}),
        limits=LabelSettings(max_attempts=4),
        budget=LabelBudget(tmp_path / "store"),
    )
    assert record.state == "converged" and record.changed_physics.startswith("wide:")
    assert [(a.name, a.outcome) for a in record.attempts] == [
        ("default", "unconverged"),
        ("damped", "unconverged"),
        ("all", "unconverged"),
        ("wide", "converged"),
    ]
    assert "3x SIGMA" in record.attempts[3].changes and record.atoms().info["changed_physics"]


def test_the_command_and_the_parallel_layout_are_no_physics() -> None:
    assert physics_hash(SETTINGS.model_copy(update={"command": "srun vasp_gam", "kpar": 4})) == physics_hash(SETTINGS)
    assert physics_hash(SETTINGS.model_copy(update={"paw": "C_h"})) != physics_hash(SETTINGS)
    message = engine_available(SETTINGS.model_copy(update={"command": "no_such_vasp -np 4"}))
    assert message is not None and "'no_such_vasp'" in message and "licence" in message


def test_extra_tags_stand_in_incar_as_they_are_and_the_rungs_win_over_them(tmp_path: Path) -> None:
    extra = {"LDAU": True, "LDAUU": [4.0, 0.0], "PREC": "Normal", "algo": "Fast", "GGA": "PS"}
    settings = SETTINGS.model_copy(update={"extra": extra})
    for rung, algo in (("default", "Fast"), ("all", "All")):
        atoms = bulk("C", "diamond", a=3.57)
        calculator = Vasp(directory=str(tmp_path), **incar(atoms, settings, rung))
        calculator.initialize(atoms)
        calculator.write_incar(atoms, directory=str(tmp_path))
        lines = [line.split("#")[0].split("=") for line in (tmp_path / "INCAR").read_text().splitlines() if "=" in line]
        tags = {key.strip().upper(): value.strip() for key, value in lines}
        assert len(tags) == len(lines), "no tag stands there twice"
        assert tags["LDAU"] == ".TRUE." and tags["LDAUU"] == "4.0 0.0" and tags["GGA"] == "PS"
        assert tags["PREC"] == "Normal" and tags["ALGO"] == algo and float(tags["ENCUT"]) == settings.ecut
