"""The contract of a feature set."""

import numpy as np
import torch
from ase import Atoms

from entromax.config.models import FeatureSettings
from entromax.contracts.requirements import check_entry, check_light, check_settings, require, require_close, turned
from entromax.features import Batch, Features, batch_features, build, evaluate
from entromax.registry import FEATURES


def check_features(settings: FeatureSettings) -> None:
    """Check a feature set: facts, settings, invariances, gradients, smooth cutoff, precision.

    Args:
        settings: settings of the feature set.

    Raises:
        BrokenContractError: with the promise that is not kept.
    """
    entry = FEATURES[settings.name]
    check_entry(entry, FEATURES)
    check_settings(entry, settings, FEATURES)
    check_light(entry)
    features = build(settings)
    require(isinstance(features, Features), f"{settings.name}: lacks dim, cutoff, dtype or device")
    require(features.cutoff == settings.cutoff, "features.cutoff is the one of the settings [d_nn]")
    structures = sample_structures()
    values = evaluate(structures, features)
    require(values.shape == (sum(map(len, structures)), features.dim), f"shape {values.shape}, not [atoms, dim]")
    require(np.isfinite(values).all(), "features are finite")
    require((values.std(axis=0) > 0).all(), "every component varies between environments")
    _check_invariance(features, structures)
    for strain in (False, True):
        _check_gradient(features, structures, strain=strain)
    _check_cutoff(features)
    _check_precision(settings, features, structures)


def sample_structures() -> list[Atoms]:
    """Return cells in units of d_nn without close pairs: one atom, few atoms, one that sees its own images."""
    rng = np.random.default_rng(11)
    skew = Atoms("X", cell=[[0.97, 0, 0], [0.5, 0.9, 0], [-2.2, 1.9, 0.8]], positions=[[0.3, 0.1, 0.2]], pbc=True)
    flat = Atoms("X2", cell=[[0, 1.1, 0], [1.2, 0, 0.3], [0, 0.2, 1.8]], positions=[[0, 0, 0], [0.6, 0.5, 1]], pbc=True)
    result = [skew, flat]
    while len(result) < 4:
        cell = 2.0 * np.eye(3) + 0.3 * rng.normal(size=(3, 3))
        atoms = Atoms("X7", cell=cell, positions=rng.random((7, 3)) @ cell, pbc=True)
        if (atoms.get_all_distances(mic=True) + 9 * np.eye(7)).min() > 0.6:
            result.append(atoms)
    return result


def _check_invariance(features: Features, structures: list[Atoms]) -> None:
    rng = np.random.default_rng(4)
    for atoms in structures:
        original = evaluate([atoms], features)
        tolerance = 1e-9 * max(float(np.abs(original).max()), 1.0)
        moved = atoms.copy()
        moved.positions += rng.normal(size=3) * 3
        skewed = atoms.copy()
        skewed.set_cell(np.array([[1, 0, 0], [-3, 1, 0], [2, 1, 1]]) @ atoms.cell.array)
        variants = {"translation": moved, "rotation": turned(atoms)[0], "another cell of the same crystal": skewed}
        for name, variant in variants.items():
            require_close(evaluate([variant], features), original, tolerance, f"{name} changes nothing")
        order = rng.permutation(len(atoms))
        require_close(evaluate([atoms[order]], features), original[order], tolerance, "atoms are only reordered")
        copies = evaluate([atoms * (1, 2, 3)], features)
        require_close(copies, np.tile(original, (6, 1)), tolerance, "a supercell has the environments of its cell")


def _check_gradient(features: Features, structures: list[Atoms], *, strain: bool) -> None:
    """Compare with differences of fourth order; a small step, for cutoff functions have a kink in their curvature."""
    batch = Batch.from_atoms(structures)
    generator = torch.Generator().manual_seed(2)
    weights = torch.randn(batch.n_atoms, features.dim, dtype=torch.float64, generator=generator)

    def scalar(point: torch.Tensor) -> torch.Tensor:
        if not strain:
            return (batch_features(Batch(point, batch.cells, batch.system), features) * weights).sum()
        change = torch.eye(3, dtype=point.dtype) + point
        positions = torch.einsum("na,nab->nb", batch.positions, change[batch.system])
        return (batch_features(Batch(positions, batch.cells @ change, batch.system), features) * weights).sum()

    point = torch.zeros_like(batch.cells) if strain else batch.positions.clone()
    point.requires_grad_()
    (gradient,) = torch.autograd.grad(scalar(point), point)
    step, point = 1e-4, point.detach()
    for _ in range(3):
        direction = torch.randn(point.shape, dtype=torch.float64, generator=generator)
        rises = [(weight, float(scalar(point + k * step * direction))) for k, weight in DIFFERENCES]
        expected = sum(weight * value for weight, value in rises) / (12 * step)
        limit = 1e-6 * max(abs(expected), 1e-2 * float(gradient.abs().max()))
        what = "cells" if strain else "positions"
        require_close(float((gradient * direction).sum()), expected, limit, f"gradient in {what} is the derivative")


DIFFERENCES = ((2, -1.0), (1, 8.0), (-1, -8.0), (-2, 1.0))
"""Steps and weights of the central difference of fourth order."""


def _check_cutoff(features: Features) -> None:
    alone = features(torch.empty(0, 3, dtype=torch.float64), torch.empty(0, dtype=torch.long), 1)
    require(alone.shape == (1, features.dim), "an atom without a neighbour gets a row")
    outer = torch.tensor([[0.0, 0.0, features.cutoff * (1 - 1e-6)]], dtype=torch.float64, requires_grad=True)
    values = features(outer, torch.zeros(1, dtype=torch.long), 1)
    require_close(values.detach(), alone.detach(), 1e-7, "a neighbour that reaches the cutoff fades away")
    (gradient,) = torch.autograd.grad(values.sum(), outer)
    require(float(gradient.abs().max()) < 1e-2, "the gradient fades away at the cutoff, too")
    beyond = features(outer.detach() * 2, torch.zeros(1, dtype=torch.long), 1)
    require(torch.equal(beyond, alone), "a neighbour beyond the cutoff changes nothing")


def _check_precision(settings: FeatureSettings, features: Features, structures: list[Atoms]) -> None:
    single = build(settings, dtype=torch.float32)
    results = []
    for each in (features, single):
        batch = Batch.from_atoms(structures, each.dtype)
        batch.positions.requires_grad_()
        values = batch_features(batch, each)
        require(values.dtype == each.dtype, f"values are {values.dtype}, asked for {each.dtype}")
        gradient = torch.autograd.grad(values.sum(), batch.positions)[0]
        results.append((values.detach().double(), gradient.double()))
    for double, rounded, name in zip(*results, ("values", "gradients"), strict=True):
        require_close(rounded, double, 1e-4 * float(double.abs().max()), f"{name} in float32 are those in float64")
