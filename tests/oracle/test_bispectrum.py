"""The bispectrum is that of LAMMPS: values and gradients, on every kind of cell the library meets."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from entromax.features import Batch, batch_features, evaluate
from entromax.features.bispectrum import Bispectrum
from tests.support.lammps_snap import bispectrum, sums_and_gradients

CUTOFF = 2.0


def random_cell(n: int, skew: float, volume: float, seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    cell = np.eye(3) + rng.normal(size=(3, 3)) * skew
    cell *= (n * volume / abs(np.linalg.det(cell))) ** (1 / 3)
    return Atoms(f"H{n}", cell=cell, positions=rng.random((n, 3)) @ cell, pbc=True)


CELLS = {
    "random": random_cell(12, 0.2, 1.0, 0),
    "random, dilute": random_cell(8, 0.3, 3.5, 1),
    "fcc": bulk("Al", a=2**0.5, cubic=True),
    "bcc, one atom": bulk("W", a=2 / 3**0.5),
    "hcp": bulk("Be", a=1.0, c=1.57),
    "diamond": bulk("C", a=4 / 3**0.5),
    "simple cubic, one atom": bulk("Po", "sc", a=1.0),
    "one atom, skewed": Atoms("H", cell=[[1, 0, 0], [2.7, 0.9, 0], [-2.2, 1.9, 0.8]], pbc=True),
    "two atoms, skewed": random_cell(2, 1.0, 0.8, 3),
    "isolated": Atoms("H", cell=np.eye(3) * 6, pbc=True),
}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("twojmax", [2, 3, 4, 5, 6, 8, 10])
def test_components_equal_those_of_lammps(name: str, twojmax: int) -> None:
    """Every component to 1e-8, relative to its own size or, where symmetry makes it vanish, to the largest one."""
    ours = evaluate([CELLS[name]], Bispectrum(CUTOFF, twojmax))
    theirs = bispectrum(CELLS[name], CUTOFF, twojmax)
    assert ours.shape == theirs.shape
    assert np.allclose(ours, theirs, rtol=1e-8, atol=1e-12 * np.abs(theirs).max())


def test_a_batch_equals_its_structures_one_by_one_in_lammps() -> None:
    """Atoms do not see those of other structures of the batch."""
    ours = evaluate(list(CELLS.values()), Bispectrum(CUTOFF, 8))
    theirs = np.concatenate([bispectrum(atoms, CUTOFF, 8) for atoms in CELLS.values()])
    assert np.allclose(ours, theirs, rtol=1e-8, atol=1e-12 * np.abs(theirs).max())


def test_many_atoms_equal_lammps() -> None:
    """More atoms and pairs than are handled at once, every atom with another number of neighbours."""
    atoms = random_cell(300, 0.1, 1.0, 6)
    theirs = bispectrum(atoms, CUTOFF, 8)
    assert np.allclose(evaluate([atoms], Bispectrum(CUTOFF, 8)), theirs, rtol=1e-8, atol=1e-12 * np.abs(theirs).max())
    weights = torch.randn(14, dtype=torch.float64, generator=torch.Generator().manual_seed(6))
    batch = Batch.from_atoms([atoms])
    total = batch_features(
        Batch(batch.positions.requires_grad_(), batch.cells, batch.system), Bispectrum(CUTOFF, 4)
    ).sum(0)
    (ours,) = torch.autograd.grad(total @ weights, batch.positions)
    _, gradients, _ = sums_and_gradients(atoms, CUTOFF, 4)
    expected = gradients @ weights.numpy()
    assert np.allclose(ours.numpy(), expected, rtol=1e-8, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("name", CELLS)
def test_gradients_equal_those_of_lammps(name: str) -> None:
    """Gradients of a random combination of components in positions and strain against the rows of `compute snap`."""
    atoms = CELLS[name]
    features = Bispectrum(CUTOFF, 6)
    weights = torch.randn(features.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    batch = Batch.from_atoms([atoms])
    strain = torch.eye(3, dtype=torch.float64, requires_grad=True)
    positions = batch.positions.requires_grad_()
    total = batch_features(Batch(positions @ strain, batch.cells @ strain, batch.system), features).sum(0)
    in_positions, in_strain = torch.autograd.grad(total @ weights, (positions, strain))
    sums, gradients, strains = sums_and_gradients(atoms, CUTOFF, 6)
    scale = np.abs(sums).max()
    assert np.allclose(total.detach().numpy(), sums, rtol=1e-8, atol=1e-12 * scale)
    assert np.allclose(in_positions.numpy(), gradients @ weights.numpy(), rtol=1e-8, atol=1e-11 * scale)
    assert np.allclose(in_strain.numpy(), strains @ weights.numpy(), rtol=1e-8, atol=1e-11 * scale)
