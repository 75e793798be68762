"""Crystals in the feature space of a set; the force that keeps the atoms of a structure from becoming equivalent."""

import numpy as np
import pytest
import torch

from entromax.config.elements import CRYSTALS
from entromax.config.models import CellSettings, EntropySettings, LibrarySettings, SeedSettings
from entromax.entropy.apart import WIDTH, repulsion
from entromax.entropy.optimiser import maximise
from entromax.entropy.reach import common_crystals, measure_reach
from entromax.entropy.rounds import reference_sample
from entromax.entropy.seeding import relaxed_seeds
from entromax.entropy.strata import DatasetState
from entromax.features import build, evaluate
from entromax.features.bispectrum import BispectrumSettings
from entromax.structures import crystal
from entromax.structures.crystals import touching_volume
from entromax.structures.geometry import shortest_distance
from entromax.structures.random_cells import random_structures


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[LibrarySettings, DatasetState]:
    folder = tmp_path_factory.mktemp("reference")
    settings = LibrarySettings(
        source="made",
        features=BispectrumSettings(twojmax=4),
        cells=CellSettings(atoms=[3, 4]),
        entropy=EntropySettings(strata=1),
        reference_structures=48,
    )
    reference_sample(settings, seed=1, structures=folder / "random.extxyz", state=folder / "state.npz")
    return settings, DatasetState.load(folder / "state.npz")


def test_repulsion_is_the_kernel_sum_over_the_atoms_of_each_structure_and_its_gradient() -> None:
    rng = np.random.default_rng(0)
    sizes = torch.tensor([3, 1, 4])
    system = torch.repeat_interleave(torch.arange(3), sizes)
    z = torch.tensor(rng.normal(size=(8, 5)), requires_grad=True)
    direct = []
    for own in torch.split(z, sizes.tolist()):
        near = torch.exp(-((own[:, None] - own[None]) ** 2).sum(-1) / (2 * WIDTH**2))
        direct.append(-torch.log(near.sum(dim=1)).sum())
    value, gradient = repulsion(z.detach(), system, sizes)
    np.testing.assert_allclose(value, torch.stack(direct).detach(), atol=1e-12)
    np.testing.assert_allclose(gradient, torch.autograd.grad(sum(direct), z)[0], atol=1e-12)


def test_environments_far_apart_do_not_repel() -> None:
    z = 40 * torch.eye(4, dtype=torch.float64)
    value, gradient = repulsion(z, torch.zeros(4, dtype=torch.long), torch.tensor([4]))
    assert float(value.abs()) < 1e-12 and float(gradient.abs().max()) < 1e-12


@pytest.mark.slow
def test_atoms_of_small_cells_stay_different_when_they_are_kept_apart(
    reference: tuple[LibrarySettings, DatasetState],
) -> None:
    settings, state = reference
    features = build(settings.features)
    seeds = relaxed_seeds(32, settings.cells, np.random.default_rng(3), 60)
    close = {}
    for weight in (0.0, 20.0):
        own = settings.model_copy(update={"entropy": EntropySettings(strata=1, apart=weight)})
        made = maximise(seeds, state, features, own, torch.device("cpu")).structures
        y = np.split(state.parts[0].normalise(evaluate(made, features)), np.cumsum([len(a) for a in made])[:-1])
        gaps = [np.linalg.norm(rows[:, None] - rows[None], axis=2)[np.triu_indices(len(rows), 1)] for rows in y]
        close[weight] = sum(int((gap < 0.3).sum()) for gap in gaps)
    assert close[20.0] < 0.5 * close[0.0]


def test_no_random_seed_has_two_atoms_unless_nothing_else_is_allowed() -> None:
    rng = np.random.default_rng(0)
    random_only = SeedSettings(symmetric=0, crystal=0)
    sizes = {len(atoms) for atoms in random_structures(60, CellSettings(atoms=[1, 4]), rng, random_only)}
    assert sizes == {1, 3, 4}
    assert {len(atoms) for atoms in random_structures(5, CellSettings(atoms=[2, 2]), rng, random_only)} == {2}


def test_the_members_of_a_set_are_reached_and_others_are_as_far_as_the_closest_member(
    reference: tuple[LibrarySettings, DatasetState],
) -> None:
    settings, state = reference
    crystals = common_crystals(settings.cells.volume, 2)
    own = measure_reach(crystals, crystals, state, settings)
    np.testing.assert_allclose(own["nearest"], 0, atol=1e-6)
    seeds = relaxed_seeds(40, settings.cells, np.random.default_rng(5), 60)
    far = measure_reach(crystals, seeds, state, settings)
    assert far["nearest"].max() > 0.1
    nearer = measure_reach(crystals, [*seeds, crystals[0]], state, settings)
    assert nearer["nearest"][0] == pytest.approx(0, abs=1e-6) and (nearer["nearest"] <= far["nearest"] + 1e-9).all()


def test_common_crystals_lie_inside_the_volumes_of_the_library() -> None:
    crystals = common_crystals([0.6, 3.0])
    volumes = np.array([atoms.get_volume() / len(atoms) for atoms in crystals])
    assert len(crystals) == 5 * len(CRYSTALS) and volumes.min() >= 0.6 and volumes.max() <= 3.0 + 1e-9


def test_nearest_neighbours_touch_at_the_touching_volume() -> None:
    for name in CRYSTALS:
        assert shortest_distance(crystal(name, "X", touching_volume(name))) == pytest.approx(1)
    # close packing of spheres, and diamond
    assert [touching_volume("fcc"), touching_volume("diamond")] == pytest.approx([2**-0.5, 8 / 27**0.5])


def test_leverages_of_the_members_of_a_set_average_to_one_less_what_regularisation_takes(
    reference: tuple[LibrarySettings, DatasetState],
) -> None:
    settings, state = reference
    members = relaxed_seeds(80, CellSettings(atoms=[1, 1]), np.random.default_rng(5), 60)
    for atoms in members:
        atoms.info["name"] = "member"
    table = measure_reach(members, members, state, settings)
    q = evaluate(members, build(settings.features))
    covariance = state.parts[0].add([state.parts[0].normalise(q)]).covariance()
    dim = len(covariance)
    expected = 1 - settings.entropy.eps * np.trace(np.linalg.inv(covariance)) / dim
    assert table["leverage"].mean() == pytest.approx(expected, rel=1e-6)
    assert expected < 1


def test_an_empty_set_reaches_nothing(reference: tuple[LibrarySettings, DatasetState]) -> None:
    settings, state = reference
    with pytest.raises(ValueError, match="empty"):
        measure_reach(common_crystals([0.5, 3.5]), [], state, settings)
