"""Engines: what is known of them without importing them, hashes of the physics, k-point meshes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from entromax.labels.engines import engine_available, engine_version, load_engine, physics_hash
from entromax.labels.engines.base import Label, UnconvergedError, kpoint_mesh, mesh
from entromax.labels.engines.emt import EmtSettings
from entromax.labels.engines.gpaw import GpawSettings
from entromax.labels.engines.lammps import LammpsSettings
from entromax.labels.engines.qe import QeSettings
from entromax.labels.engines.vasp import VaspSettings, incar
from entromax.registry import ENGINES


def test_asking_for_an_engine_imports_neither_it_nor_torch() -> None:
    code = (
        "import sys; from entromax.config.models import ReferenceSettings; from entromax.labels.engines import *;"
        "lammps = {'engine': 'lammps', 'pair_style': 'lj/cut 6', 'pair_coeff': ['* * 1 1']};"
        "sections = [{'engine': 'qe', 'ecut': 300.0}, lammps, *({'engine': name} for name in ('gpaw', 'vasp', 'emt'))];"
        "every = [ReferenceSettings.model_validate(section) for section in sections];"
        "[function(settings) for settings in every for function in (engine_available, physics_hash, engine_version)];"
        "names = 'gpaw.new', 'lammps', 'torch', 'pandas', 'quippy', 'ase.calculators.vasp', 'ase.calculators.espresso';"
        "print([name for name in names if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_engine_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = engine_available(GpawSettings())
    assert message is not None and "'gpaw'" in message and "gpaw-data" in message
    with pytest.raises(ValueError, match="'castep' is unknown; choose from emt, gpaw, lammps, plugin, qe, vasp"):
        engine_available(GpawSettings.model_construct(engine="castep"))


def test_hash_changes_with_every_physical_setting_and_with_no_numerical_one() -> None:
    base = GpawSettings()
    assert physics_hash(GpawSettings(maxiter=999)) == physics_hash(base)
    changed = [
        {"xc": "LDA"},
        {"ecut": 401.0},
        {"kspacing": 0.31},
        {"kspacing_atoms": 4},
        {"width": 0.11},
        {"spin": True},
        {"valence": 4},
    ]
    hashes = {physics_hash(GpawSettings(**change)) for change in changed}
    assert len(hashes | {physics_hash(base), physics_hash(EmtSettings())}) == len(changed) + 2
    every = {"engine", "level", "maxiter", "extra", *(key for change in changed for key in change)}
    assert set(GpawSettings.model_fields) == every


@pytest.mark.parametrize(
    ("settings", "physics", "numerical"),
    [
        (
            QeSettings(ecut=300.0, kspacing=0.25),
            [
                {"ecut": 301.0},
                {"density_factor": 8.0},
                {"kspacing": 0.3},
                {"kspacing_atoms": 4},
                {"width": 0.2},
                {"spin": True},
                {"extra": {"nosym": True}},
            ],
            [{"maxiter": 99}, {"command": "srun pw.x"}, {"extra": {}}, {"level": "tight"}],
        ),
        (
            VaspSettings(ecut=500.0, kspacing=0.5),
            [
                *(
                    {"ecut": 501.0},
                    {"kspacing": 0.4},
                    {"kspacing_atoms": 4},
                    {"smearing": "gaussian"},
                    {"width": 0.2},
                    {"ediff": 1e-5},
                ),
                *({"paw": "Al_GW"}, {"paw_version": "64"}, {"spin": True}, {"extra": {"GGA": "PS"}}),
            ],
            [{"maxiter": 99}, {"command": "srun vasp_std"}, {"kpar": 2}, {"ncore": 2}, {"level": 4}],
        ),
    ],
)
def test_every_key_of_an_engine_is_physics_or_not(
    settings: QeSettings | VaspSettings, physics: list[Any], numerical: list[dict[str, Any]]
) -> None:
    hashes = {physics_hash(settings.model_copy(update=change)) for change in physics}
    assert len(hashes | {physics_hash(settings)}) == len(physics) + 1
    assert {physics_hash(settings.model_copy(update=change)) for change in numerical} == {physics_hash(settings)}
    named = {key for change in physics + numerical for key in change}
    assert set(type(settings).model_fields) - named <= {"engine", "pseudopotential"}


def test_the_content_of_a_pseudopotential_is_physics_and_a_missing_one_is_said(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("first.upf", "copy.upf", "other.upf")]
    for path, text in zip(files, ("one", "one", "two"), strict=True):
        path.write_text(text)
    first, copy, other = (physics_hash(QeSettings(ecut=300.0, pseudopotential=str(path))) for path in files)
    assert first == copy != other
    message = engine_available(QeSettings(ecut=300.0, pseudopotential=str(tmp_path / "gone.upf"), command="true"))
    assert message is not None and "reference.pseudopotential" in message and "gone.upf" in message


def test_version_of_the_engine_counts_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def all_hashes(version: str) -> list[str]:
        monkeypatch.setattr("entromax.labels.engines.package_version", lambda name: version)
        return [physics_hash(GpawSettings(), policy) for policy in ("ignore", "major", "exact")]

    old, patch, new = all_hashes("26.7.0"), all_hashes("26.7.1"), all_hashes("27.1.0")
    assert [a == b for a, b in zip(old, patch, strict=True)] == [True, True, False]
    assert [a == b for a, b in zip(old, new, strict=True)] == [True, False, False]


def test_versions_are_those_installed() -> None:
    from ase import __version__

    assert engine_version(EmtSettings()) == f"ase {__version__}"
    assert engine_version(QeSettings(ecut=300.0)) == f"qe by ase {__version__}"  # its own one is in each label
    assert set(ENGINES) == {"gpaw", "qe", "vasp", "lammps", "emt", "plugin"}
    assert load_engine(EmtSettings()).rungs[0].name == "default"


@pytest.mark.parametrize(
    ("cell", "spacing", "mesh"),
    [
        (np.diag([4.0, 5.0, 30.0]), 0.4, (4, 4, 1)),  # 2 pi / 4 / 0.4 = 3.93, 3.14, 0.52
        (np.diag([np.pi, np.pi, np.pi]), 0.5, (4, 4, 4)),  # exactly 4: rounding must not make it 5
        (bulk("Al", "fcc", a=4.05).cell.array, 0.4, (7, 7, 7)),  # |b| = sqrt(3) 2 pi / a = 2.687
        ([[3.0, 0, 0], [-1.5, 2.598076, 0], [0, 0, 4.9]], 0.5, (5, 5, 3)),
    ],
)
def test_mesh_is_the_smallest_within_the_spacing(
    cell: list[list[float]] | np.ndarray, spacing: float, mesh: tuple[int, int, int]
) -> None:
    assert kpoint_mesh(np.array(cell), spacing) == mesh


def test_a_label_that_is_not_finite_is_none() -> None:
    with pytest.raises(UnconvergedError):
        Label(-1.0, np.array([[0.0, np.inf, 0.0]]), np.zeros(6))


def test_emt_forces_and_stress_are_derivatives_of_its_energy(tmp_path: Path) -> None:
    atoms = bulk("Al", "hcp", a=2.8, c=4.6)
    atoms.rattle(0.1, seed=0)
    engine, settings = load_engine(EmtSettings()), EmtSettings()

    def energy(structure: Atoms) -> float:
        return engine.label(structure, settings, 0, tmp_path / "text").energy

    label = engine.label(atoms, settings, 0, tmp_path / "text")
    step = 1e-5
    moved = [atoms.copy(), atoms.copy()]
    for sign, structure in zip((1, -1), moved, strict=True):
        structure.positions[1, 2] += sign * step
    assert -(energy(moved[0]) - energy(moved[1])) / (2 * step) == pytest.approx(label.forces[1, 2], abs=1e-5)
    for index, (i, j) in enumerate([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]):
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[i, j] += sign * step
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ strain.T, scale_atoms=True)
            energies.append(energy(strained))
        derivative = (energies[0] - energies[1]) / (2 * step) / atoms.get_volume()
        assert derivative == pytest.approx(label.stress[index], abs=1e-5)


PINNED = {
    "c4327a5bab2f": GpawSettings(),
    "aa1fe8350cb4": GpawSettings(ecut=200.0, kspacing=0.6, width=0.2, level="smoke", maxiter=33),
    "d58c9bbae37e": GpawSettings(ecut=300.0, kspacing=0.25, spin=True),
    "bf3d1e74107e": QeSettings(ecut=300.0),
    "ff8287c5a051": QeSettings(ecut=280.0, kspacing=0.4, width=0.2, command="srun pw.x"),
    "c8c4172c278a": VaspSettings(),
    "cb763066f2b7": VaspSettings(ecut=700.0, kspacing=0.25, paw="W_sv", paw_version="64", kpar=2),
    "cd75d35a4ce5": LammpsSettings(pair_style="lj/cut 6.0", pair_coeff=["* * 0.4 2.2"]),
    "afa22e2535ae": EmtSettings(),
}


@pytest.mark.parametrize("digest", PINNED)
def test_stores_of_earlier_versions_are_found_again(digest):
    """These hashes name folders of labels that exist: a change here throws away calculations."""
    assert physics_hash(PINNED[digest]) == digest


def test_extra_tags_are_physics_and_none_of_them_is_what_it_was():
    for name in ("gpaw", "qe", "vasp"):
        plain = ENGINES[name].settings.model_validate({"engine": name, "ecut": 300.0})
        hashes = {physics_hash(plain.model_copy(update={"extra": extra})) for extra in ({}, {"a": 1}, {"a": 2})}
        assert len(hashes) == 3 and physics_hash(plain) in hashes


@pytest.mark.parametrize(
    ("settings", "tag", "remedy"),
    [
        (GpawSettings, "xc", "use the key `xc`"),
        (VaspSettings, "ENCUT", "use the key `ecut`"),
        (VaspSettings, "NSW", "entromax sets it itself"),
        (QeSettings, "nspin", "use the key `spin`"),
    ],
)
def test_a_tag_that_has_a_key_of_its_own_is_refused(settings, tag, remedy):
    with pytest.raises(ValueError, match=rf"extra\.{tag}: is not passed on; {remedy}"):
        settings(ecut=300.0, extra={tag: 1})


def test_a_variable_that_pw_x_does_not_have_is_named_before_any_job():
    message = engine_available(QeSettings(ecut=300.0, command="true", extra={"vdw_cor": "grimme-d3"}))
    assert message is not None and message.startswith("reference.extra.vdw_cor: is no variable of pw.x")
    known = QeSettings(ecut=300.0, command="true", extra={"vdw_corr": "grimme-d3", "starting_magnetization(1)": 0.3})
    assert engine_available(known) is None


@pytest.mark.parametrize(("atoms", "spacing"), [(1, 0.252), (2, 0.3175), (3, 0.3634), (4, 0.4), (7, 0.4)])
def test_small_cells_get_denser_kpoints_of_the_same_cost(atoms, spacing):
    settings = GpawSettings(kspacing=0.4, kspacing_atoms=4)
    assert settings.spacing(atoms) == pytest.approx(spacing, abs=1e-4)
    assert GpawSettings(kspacing=0.4).spacing(atoms) == 0.4
    assert "denser below 4 atoms" in settings.describe()


def test_a_spacing_by_size_is_physics_that_every_engine_uses():
    crystal = bulk("Al", "fcc", a=4.05)
    for name in ("gpaw", "qe", "vasp"):
        plain = ENGINES[name].settings.model_validate({"engine": name, "ecut": 300.0, "kspacing": 0.4})
        dense = plain.model_copy(update={"kspacing_atoms": 4})
        assert physics_hash(plain) != physics_hash(dense)
        assert mesh(crystal, plain) == (7, 7, 7) and mesh(crystal, dense) == (11, 11, 11)
        assert mesh(crystal.repeat((2, 2, 1)), plain) == mesh(crystal.repeat((2, 2, 1)), dense)
    assert incar(crystal, dense)["kspacing"] == pytest.approx(0.252, abs=1e-4)
