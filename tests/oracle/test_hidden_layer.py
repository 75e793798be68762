"""Hidden units over cluster functions against finite differences, and against a sum written out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from entromax.potentials import cutoffs, open_ace
from entromax.potentials.base import CARD, FitData
from entromax.potentials.hidden_layer import HiddenLayer
from entromax.potentials.linear import LinearFit, fit_linear
from entromax.potentials.open_ace import OpenAceSettings, untrained
from entromax.potentials.open_ace_model import OpenAceCalculator, OpenAceDesign, OpenAceModel
from entromax.potentials.posterior import Posterior
from tests.support.emt_cells import cells, free_atom

UNCALIBRATED = {name: {"scale": 1.0} for name in ("energy", "forces")}


def rattled(seed: int) -> Atoms:
    """Return a distorted cell of four atoms."""
    atoms = bulk("Al", "fcc", a=4.05, cubic=True)
    atoms.rattle(0.2, seed=seed)
    return atoms


@pytest.fixture(scope="module")
def model() -> OpenAceModel:
    """Return an open ACE with units, and coefficients by lot."""
    settings = OpenAceSettings(functions=60, hidden_units=9, cutoff=2.2)
    known = [rattled(seed) for seed in range(4)]
    found = untrained(settings, FitData(known, [], "Al", 2.86, seed=0), 2.2, e0=-1.0)
    return replace(found, coefficients=np.random.default_rng(0).normal(size=69))


def test_units_are_gaussians_around_environments_of_the_training_set(model: OpenAceModel) -> None:
    layer, atoms = model.layer, rattled(7)
    b = model.basis.projections(atoms)
    known = np.concatenate([model.basis.projections(rattled(seed)) for seed in range(4)]) / layer.scales
    for centre in layer.centres:
        assert np.abs(known - centre).sum(axis=1).min() < 1e-9
    wanted = [
        [np.exp(-sum((x / s - c) ** 2 for x, s, c in zip(row, layer.scales, centre, strict=True)) / 2)
         - np.exp(-sum(c**2 for c in centre) / 2) for centre in layer.centres]
        for row in b
    ]  # fmt: skip
    np.testing.assert_allclose(layer.extend(b), np.hstack([b, wanted]), atol=1e-12)
    assert np.all(layer.extend(np.zeros((1, 60))) == 0)  # a free atom


def test_rows_and_calculator_agree_and_are_derivatives(model: OpenAceModel) -> None:
    atoms, step = rattled(11), 1e-5  # bells are narrow
    energy, forces, stress = model.rows(atoms)
    np.testing.assert_allclose(energy, model.projections(atoms).sum(axis=0), atol=1e-12)
    bare = replace(model, zbl=None)
    atoms.calc = OpenAceCalculator(bare)
    c = model.coefficients
    assert atoms.get_potential_energy() == pytest.approx(energy @ c - len(atoms), abs=1e-9)
    np.testing.assert_allclose(atoms.get_forces(), forces @ c, atol=1e-9)
    np.testing.assert_allclose(atoms.get_stress(), stress @ c, atol=1e-9)
    ends = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[2, 1] += sign * step
        ends.append(model.projections(moved).sum(axis=0))
    np.testing.assert_allclose(forces[2, 1], (ends[1] - ends[0]) / (2 * step), atol=1e-5 * np.abs(forces).max())
    ends = []
    for sign in (1, -1):
        strained = atoms.copy()
        strained.set_cell(atoms.cell.array * [1 + sign * step, 1, 1], scale_atoms=True)
        ends.append(model.projections(strained).sum(axis=0))
    slope = (ends[0] - ends[1]) / (2 * step) / atoms.get_volume()
    np.testing.assert_allclose(stress[0], slope, atol=1e-5 * np.abs(stress).max())


def test_a_model_with_units_is_kept_and_is_not_for_lammps(model: OpenAceModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model.npz")
    again = OpenAceModel.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.projections(rattled(3)), model.projections(rattled(3)))
    assert again.commands() is None
    assert replace(model, centres=None, input_scales=None, coefficients=np.zeros(60)).commands() is not None


def test_without_units_nothing_changes() -> None:
    b = np.random.default_rng(0).normal(size=(3, 5))
    layer = HiddenLayer.none()
    np.testing.assert_array_equal(layer.extend(b), b)
    np.testing.assert_array_equal(layer.slopes(np.arange(5.0), b), np.tile(np.arange(5.0), (3, 1)))


def test_readout_has_the_prior_of_a_gaussian_process(model: OpenAceModel) -> None:
    """Its covariance between two environments is what a process that knows the centres alone has."""
    layer, b = model.layer, model.basis.projections(rattled(5))
    x = b[:, : len(layer.scales)] / layer.scales

    def kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.exp(-np.sum((one[:, None] - other) ** 2, axis=-1) / 2)

    away = kernel(x, layer.centres) - kernel(np.zeros((1, x.shape[1])), layer.centres)
    expected = away @ np.linalg.solve(kernel(layer.centres, layer.centres), away.T)
    whitened = layer.extend(b)[:, 60:] @ layer.whitening()
    np.testing.assert_allclose(whitened @ whitened.T, expected, atol=1e-6)


def test_coefficients_of_a_fit_give_what_its_rows_say(model: OpenAceModel) -> None:
    design, atoms, rng = OpenAceDesign(model), rattled(12), np.random.default_rng(2)
    solved = LinearFit(rng.normal(size=69), rng.normal(size=(3, 69)), 1.0, {}, UNCALIBRATED, 0)
    atoms.info["REF_energy"], atoms.arrays["REF_forces"] = 0.0, np.zeros((4, 3))
    rows, _ = design.rows(atoms)
    np.testing.assert_allclose(design.energy(atoms)[0], rows[0], atol=1e-10)
    found = design.fitted(solved)
    energy, forces, _ = found.rows(atoms)
    np.testing.assert_allclose(energy @ found.coefficients / 4, rows[0] @ solved.coefficients, atol=1e-8)
    np.testing.assert_allclose((forces @ found.coefficients).ravel(), rows[1:] @ solved.coefficients, atol=1e-8)
    np.testing.assert_allclose(found.deviations @ energy / 4, solved.deviations @ rows[0], atol=1e-8)


def test_what_is_expected_of_units_does_not_depend_on_their_size(model: OpenAceModel) -> None:
    design, sizes = OpenAceDesign(model), np.arange(1.0, 70.0)
    scale = design.scale(sizes)
    assert set(scale[60:]) == {10.0}
    np.testing.assert_allclose(scale[:60], OpenAceDesign(model).scale(np.ones(69))[:60] * sizes[:60])


@pytest.mark.parametrize("units", [1, 9])
def test_one_environment_again_and_again_is_no_problem(units: int) -> None:
    same = np.tile(np.arange(5.0), (9, 1))
    layer = HiddenLayer.at_environments(same, np.arange(5), units, seed=0)
    assert layer.size == units
    assert np.isfinite(layer.extend(same)).all()
    assert np.isfinite(layer.whitening()).all()


@pytest.mark.parametrize(("part", "units"), [(1e9, 20), (0.0, 0)])
def test_units_are_kept_where_left_out_structures_say_so(
    part: float, units: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_ace, "BETTER", part)
    settings = OpenAceSettings(functions=40, hidden_units=20, hidden_if="better", cutoff=2.0)
    facts = open_ace.FAMILY.fit(FitData([free_atom(), *cells(24, 0)], [], "Al", 2.86, seed=0), settings, tmp_path)
    assert facts["hidden_units"] == units and facts["functions"] == 40 + units
    assert set(facts["left_out_scores"]) == {"0", "20"} and min(facts["left_out_scores"].values()) > 0
    assert OpenAceModel.load(tmp_path / "open_ace.npz").layer.size == units
    assert (tmp_path / "open_ace.yace").is_file() == (units == 0)  # LAMMPS knows no units


@pytest.mark.parametrize("units", [0, 20])
def test_units_fit_what_is_low_for_its_volume_as_closely_as_what_is_low(
    units: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}

    def watched(*arguments: Any, **options: Any) -> LinearFit:
        seen.update(options)
        return fit_linear(*arguments, **options)

    monkeypatch.setattr(cutoffs, "fit_linear", watched)
    known = [*cells(24, 0)]
    settings = OpenAceSettings(functions=40, hidden_units=units, cutoff=2.0, height=0.02)
    data = FitData([free_atom(), *known], [], "Al", 2.86, seed=0)
    facts = open_ace.FAMILY.fit(data, settings, tmp_path)
    volumes = np.array([atoms.get_volume() / len(atoms) for atoms in known])
    energies = np.array([atoms.info["REF_energy"] / len(atoms) for atoms in known])
    above = energies - energies.min()
    if units:
        near = [abs(np.log(volumes / volume)) < 0.1 for volume in volumes]
        above = np.array([energy - energies[like].min() for energy, like in zip(energies, near, strict=True)])
    np.testing.assert_allclose(seen["errors"][:, 0], 0.1 * np.sqrt(1 + (above / 0.02) ** 2))
    card = {"family": "open_ace", "settings": settings.model_dump(), "facts": facts, "element": "Al", "d_nn": 2.86}
    card |= {"provenance": {"seed": 0}, "label_noise": data.noise.model_dump()}
    (tmp_path / CARD).write_text(json.dumps(card))
    posterior = Posterior.load(tmp_path, known)  # expects of labels to be made what the fit expects of those it has
    np.testing.assert_allclose(posterior.errors(volumes, energies - energies.min()), seen["errors"])


def test_few_library_structures_do_not_choose_units() -> None:
    settings = OpenAceSettings(hidden_units=20, hidden_if="better")
    few = FitData([free_atom(), *cells(12, 0)], [], "Al", 2.86, seed=0)
    assert open_ace.units_tried(settings, few) == [0]
    assert open_ace.units_tried(OpenAceSettings(hidden_units=20), few) == [20]
    assert open_ace.worth_it({0: 1.0, 20: 0.7}) == 20 and open_ace.worth_it({0: 1.0, 20: 0.8}) == 0
