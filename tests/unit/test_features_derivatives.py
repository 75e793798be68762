"""What every feature set promises: exact gradients in positions and strain, invariances, smoothness, precision."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import make_supercell
from scipy.spatial.transform import Rotation

from entromax.config.models import FeatureSettings
from entromax.features import Batch, Features, batch_features, build, evaluate, find_pairs
from entromax.features.bispectrum import BispectrumSettings
from entromax.features.power_spectrum import PowerSpectrumSettings

SETTINGS = {
    "bispectrum 2J=8": BispectrumSettings(twojmax=8),
    "bispectrum 2J=5": BispectrumSettings(twojmax=5, cutoff=1.7),
    "power spectrum": PowerSpectrumSettings(),
}


@pytest.fixture(params=SETTINGS)
def features(request: pytest.FixtureRequest) -> Features:
    """One feature set after the other, in double precision."""
    return build(SETTINGS[request.param])


def structures() -> list[Atoms]:
    """Random cells with atoms at least 0.6 apart: one atom, some atoms, a skewed cell that sees its own images."""
    rng = np.random.default_rng(11)
    result = [
        Atoms("X", cell=[[0.97, 0, 0], [0.5, 0.9, 0], [-2.2, 1.9, 0.8]], positions=[[0.3, 0.1, 0.2]], pbc=True),
        Atoms("X2", cell=[[0, 1.1, 0], [1.2, 0, 0.3], [0, 0.2, 1.8]], positions=[[0, 0, 0], [0.6, 0.5, 1.0]], pbc=True),
    ]
    while len(result) < 4:
        cell = 2.0 * np.eye(3) + 0.3 * rng.normal(size=(3, 3))
        atoms = Atoms("X7", cell=cell, positions=rng.random((7, 3)) @ cell, pbc=True)
        distances = atoms.get_all_distances(mic=True) + 9 * np.eye(7)
        if distances.min() > 0.6:
            result.append(atoms)
    return result


def strained(batch: Batch, strain: torch.Tensor) -> Batch:
    """The batch with positions and cells multiplied by 1 + strain [S, 3, 3]."""
    deformation = torch.eye(3, dtype=strain.dtype) + strain
    return Batch(
        torch.einsum("na,nab->nb", batch.positions, deformation[batch.system]),
        batch.cells @ deformation,
        batch.system,
    )


def central_difference(
    function: Callable[[torch.Tensor], float], point: torch.Tensor, direction: torch.Tensor
) -> float:
    """Directional derivative of fourth order; a small step, for the cutoff function has a kink in its curvature."""
    step = 1e-4
    terms = ((1, 8), (2, -1))
    return sum(
        w * (function(point + k * step * direction) - function(point - k * step * direction)) for k, w in terms
    ) / (12 * step)


@pytest.mark.parametrize("what", ["positions", "strain"])
def test_gradients_equal_central_differences(features: Features, what: str) -> None:
    """A random scalar of all features along random directions, to 1e-6 relative; every point has its own pairs."""
    batch = Batch.from_atoms(structures())
    generator = torch.Generator().manual_seed(2)
    weights = torch.randn(batch.n_atoms, features.dim, dtype=torch.float64, generator=generator)

    def scalar(point: torch.Tensor) -> torch.Tensor:
        moved = strained(batch, point) if what == "strain" else Batch(point, batch.cells, batch.system)
        return (batch_features(moved, features) * weights).sum()

    point = torch.zeros_like(batch.cells) if what == "strain" else batch.positions.clone()
    point.requires_grad_()
    (gradient,) = torch.autograd.grad(scalar(point), point)
    for _ in range(3):
        direction = torch.randn(point.shape, dtype=torch.float64, generator=generator)
        expected = central_difference(lambda x: float(scalar(x)), point.detach(), direction)
        actual = float((gradient * direction).sum())
        scale = float(gradient.abs().max())
        assert abs(actual - expected) < 1e-6 * max(abs(expected), 1e-2 * scale)


def test_gradient_equals_that_of_the_supercell(features: Features) -> None:
    """Every copy of an atom feels the same gradient."""
    atoms = structures()[2]
    supercell = make_supercell(atoms, [[1, 0, 0], [1, 2, 0], [0, 0, 1]])
    gradients = []
    for structure in (atoms, supercell):
        batch = Batch.from_atoms([structure])
        batch.positions.requires_grad_()
        total = batch_features(batch, features).sum()
        gradients.append(torch.autograd.grad(total, batch.positions)[0])
    copies = gradients[1].reshape(2, len(atoms), 3)
    assert torch.allclose(
        copies, gradients[0].expand_as(copies), rtol=1e-9, atol=1e-9 * float(gradients[0].abs().max())
    )


def test_invariance(features: Features) -> None:
    """Translation, rotation, permutation, another choice of cell and a supercell do not matter."""
    rng = np.random.default_rng(4)
    for atoms in structures():
        original = evaluate([atoms], features)
        moved = atoms.copy()
        moved.positions += rng.normal(size=3) * 3
        turned = atoms.copy()
        matrix = Rotation.random(rng=5).as_matrix()
        turned.set_cell(atoms.cell.array @ matrix)
        turned.positions = atoms.positions @ matrix
        skewed = Atoms("X", cell=np.array([[1, 0, 0], [-3, 1, 0], [2, 1, 1]]) @ atoms.cell.array, pbc=True)
        other = atoms.copy()
        other.set_cell(skewed.cell)
        for variant in (moved, turned, other):
            assert np.allclose(evaluate([variant], features), original, rtol=1e-9, atol=1e-9)
        order = rng.permutation(len(atoms))
        assert np.allclose(evaluate([atoms[order]], features), original[order], rtol=1e-9, atol=1e-9)
        assert np.allclose(evaluate([atoms * (1, 2, 3)], features), np.tile(original, (6, 1)), rtol=1e-9, atol=1e-9)


def test_a_neighbour_at_the_cutoff_changes_nothing(features: Features) -> None:
    """Features and their gradient go to those of the isolated atom as the neighbour leaves."""
    alone = features(torch.empty(0, 3, dtype=torch.float64), torch.empty(0, dtype=torch.long), 1)
    outer = torch.tensor([[0.0, 0.0, features.cutoff * (1 - 1e-6)]], dtype=torch.float64, requires_grad=True)
    values = features(outer, torch.zeros(1, dtype=torch.long), 1)
    assert torch.allclose(values, alone, rtol=0, atol=1e-7)
    (gradient,) = torch.autograd.grad(values.sum(), outer)
    assert float(gradient.abs().max()) < 1e-2
    beyond = features(outer.detach() * 2, torch.zeros(1, dtype=torch.long), 1)
    assert torch.equal(beyond, alone)


def test_single_precision_is_close_to_double(features: Features) -> None:
    """Values and gradients in float32 within 1e-4 of the largest."""
    single = build(FeatureSettings.model_validate(SETTINGS["bispectrum 2J=8"].model_dump()), dtype=torch.float32)
    if features.dim != single.dim:
        single = build(next(s for s in SETTINGS.values() if build(s).dim == features.dim), dtype=torch.float32)
    results = []
    for each in (features, single):
        batch = Batch.from_atoms(structures(), each.dtype)
        batch.positions.requires_grad_()
        values = batch_features(batch, each)
        assert values.dtype == each.dtype
        results.append((values.detach().double(), torch.autograd.grad(values.sum(), batch.positions)[0].double()))
    for double, rounded in zip(*results, strict=True):
        assert torch.allclose(rounded, double, rtol=0, atol=1e-4 * float(double.abs().max()))


def test_order_of_pairs_does_not_matter(features: Features) -> None:
    """Pairs may come in any order, atoms without neighbours included."""
    batch = Batch.from_atoms(structures())
    pairs = find_pairs(batch, features.cutoff)
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(1))
    shuffled = type(pairs)(pairs.i[order], pairs.j[order], pairs.shift[order])
    expected = batch_features(batch, features, pairs)
    assert torch.allclose(batch_features(batch, features, shuffled), expected, rtol=1e-12, atol=1e-12)


def test_evaluate_does_not_depend_on_how_the_work_is_cut(features: Features) -> None:
    """Rows come in the order of the structures, whatever the size of the parts."""
    whole = evaluate(structures(), features)
    assert whole.shape == (17, features.dim) and whole.dtype == np.float64
    assert np.allclose(evaluate(structures(), features, max_pairs=1), whole, rtol=1e-12, atol=1e-12)
    assert evaluate([], features).shape == (0, features.dim)
