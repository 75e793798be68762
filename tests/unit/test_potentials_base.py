"""Families of potentials by name, and folders that are whole or not there."""

from pathlib import Path

import pytest

from entromax.config.models import GapSettings
from entromax.potentials.base import FAMILIES, FitError, _atomic_folder, family_available, load_family, load_potential


def test_every_family_can_be_loaded() -> None:
    for name in FAMILIES:
        assert load_family(name) is load_family(name)
    with pytest.raises(ValueError, match=f"unknown family of potentials 'nep'; choose from {', '.join(FAMILIES)}"):
        load_family("nep")


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert family_available(GapSettings()) is None
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = family_available(GapSettings())
    assert message is not None and "'quippy'" in message and "install quippy-ase" in message


def test_a_folder_replaces_the_old_one_only_when_it_is_complete(tmp_path: Path) -> None:
    final = tmp_path / "potential"
    with _atomic_folder(final) as folder:
        (folder / "a").write_text("1")
    said = r"input and log of the fit: .*potential\.failed"
    with pytest.raises(FitError, match=said), _atomic_folder(final) as folder:
        (folder / "a").write_text("2")
        raise FitError("no")
    assert (tmp_path / "potential.failed" / "a").read_text() == "2"
    with pytest.raises(KeyboardInterrupt), _atomic_folder(final) as folder:
        raise KeyboardInterrupt
    assert (final / "a").read_text() == "1"
    with _atomic_folder(final) as folder:
        (folder / "b").touch()
    assert [path.name for path in final.iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["potential"]


def test_an_empty_folder_is_no_potential(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no fitted potential"):
        load_potential(tmp_path)
