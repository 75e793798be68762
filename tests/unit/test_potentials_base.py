"""Families of potentials by name, and folders that are whole or not there."""

from pathlib import Path

import pytest
from ase import Atoms

from entromax.potentials import load_potential
from entromax.potentials.base import Family, FitError, family_available
from entromax.potentials.folder import atomic_folder
from entromax.potentials.gap import GapSettings
from entromax.potentials.jobs import of_pools
from entromax.registry import FAMILIES


def test_every_family_can_be_loaded() -> None:
    for name in FAMILIES:
        assert isinstance(FAMILIES[name], Family) and FAMILIES[name] is FAMILIES[name]
    with pytest.raises(ValueError, match=f"family: 'nep' is unknown; choose from {', '.join(FAMILIES)}"):
        FAMILIES["nep"]


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert family_available(GapSettings()) is None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = family_available(GapSettings())
    assert message is not None and "'quippy'" in message and "install quippy-ase" in message


def test_a_folder_replaces_the_old_one_only_when_it_is_complete(tmp_path: Path) -> None:
    final = tmp_path / "potential"
    with atomic_folder(final) as folder:
        (folder / "a").write_text("1")
    said = r"input and log of the fit: .*potential\.failed"
    with pytest.raises(FitError, match=said), atomic_folder(final) as folder:
        (folder / "a").write_text("2")
        raise FitError("no")
    assert (tmp_path / "potential.failed" / "a").read_text() == "2"
    with pytest.raises(KeyboardInterrupt), atomic_folder(final) as folder:
        raise KeyboardInterrupt
    assert (final / "a").read_text() == "1"
    with atomic_folder(final) as folder:
        (folder / "b").touch()
    assert [path.name for path in final.iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["potential"]


def test_an_empty_folder_is_no_potential(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no fitted potential"):
        load_potential(tmp_path)


def test_a_fit_to_some_pools_sees_these_and_the_free_atom() -> None:
    kinds = ["isolated_atom", "library", "low_energy", "library", "near_equilibrium"]
    structures = [Atoms("Al", info={"config_type": kind}) for kind in kinds]
    library = of_pools(structures, ["library"])
    assert [atoms.info["config_type"] for atoms in library] == ["isolated_atom", "library", "library"]
    assert of_pools(structures, None) == structures
    with pytest.raises(FitError, match="has no structure of active; name others or none"):
        of_pools(structures, ["active"])


@pytest.mark.parametrize("name", sorted(set(FAMILIES) - {"external", "plugin"}))
def test_a_family_that_writes_pair_commands_names_the_package(name: str) -> None:
    """Or its report has no input file for a LAMMPS with that package; of the two left out only their authors know."""
    family = FAMILIES[name]
    assert bool(family.lammps_package) == (type(family).export is not Family.export)
