"""Neighbour pairs against ASE's neighbour list, and the skin against a fresh search."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.neighborlist import neighbor_list

from entromax.features.batch import Batch
from entromax.features.neighbours import NeighbourList, Pairs, find_pairs, pair_vectors

CUTOFF = 2.0


def nasty_structures() -> list[Atoms]:
    """Cells smaller than the cutoff, strongly skewed, left-handed, with atoms far outside."""
    rng = np.random.default_rng(7)
    structures = [
        Atoms("X", cell=np.eye(3) * 0.7, positions=[[9.0, -4.0, 0.3]], pbc=True),
        Atoms("X", cell=[[1, 0, 0], [3.7, 0.9, 0], [-2.2, 1.9, 0.8]], positions=[[0, 0, 0]], pbc=True),
        Atoms("X2", cell=[[0, 1.1, 0], [1.2, 0, 0], [0, 0, 6.0]], positions=[[0, 0, 0], [0.1, 0.2, 7.0]], pbc=True),
        Atoms("X", cell=np.eye(3) * 9.0, positions=[[0, 0, 0]], pbc=True),
    ]
    for n in (1, 2, 5, 17, 32):
        for skew in (0.1, 0.4, 2.0):
            cell = np.eye(3) + rng.normal(size=(3, 3)) * skew
            cell *= (n * rng.uniform(0.6, 3.0) / abs(np.linalg.det(cell))) ** (1 / 3)
            positions = rng.random((n, 3)) @ cell + rng.normal(size=(n, 3)) * 3
            structures.append(Atoms(f"X{n}", cell=cell, positions=positions, pbc=True))
    return structures


def rows(pairs: Pairs) -> np.ndarray:
    """Pairs as sorted integer rows (i, j, shift)."""
    table = torch.cat([pairs.i[:, None], pairs.j[:, None], pairs.shift], dim=1).numpy()
    return table[np.lexsort(table.T)]


def test_pairs_equal_those_of_ase() -> None:
    """The same pairs with the same shifts, for every nasty cell of one batch."""
    structures = nasty_structures()
    expected, first = [], 0
    for atoms in structures:
        i, j, shift = neighbor_list("ijS", atoms, CUTOFF)
        expected.append(np.column_stack([i + first, j + first, shift]))
        first += len(atoms)
    table = np.concatenate(expected)
    pairs = find_pairs(Batch.from_atoms(structures), CUTOFF)
    assert np.array_equal(rows(pairs), table[np.lexsort(table.T)])
    assert bool((pairs.i[1:] >= pairs.i[:-1]).all())


def test_vectors_equal_those_of_ase() -> None:
    """Vectors of one skewed structure, matched pair by pair."""
    atoms = nasty_structures()[-1]
    batch = Batch.from_atoms([atoms])
    pairs = find_pairs(batch, CUTOFF)
    vectors = pair_vectors(batch.positions, batch.cells, batch.system, pairs).numpy()
    i, j, shift, expected = neighbor_list("ijSD", atoms, CUTOFF)
    table = {(a, b, *s): d for a, b, s, d in zip(i, j, shift.tolist(), expected, strict=True)}
    keys = zip(pairs.i.tolist(), pairs.j.tolist(), *pairs.shift.T.tolist(), strict=True)
    assert np.allclose(vectors, np.array([table[key] for key in keys]), rtol=0, atol=1e-12)


def test_vectors_have_exact_gradients() -> None:
    """Gradients in positions and cells pass torch's finite-difference check."""
    batch = Batch.from_atoms(nasty_structures()[1:3])
    pairs = find_pairs(batch, 1.5)
    positions, cells = batch.positions.requires_grad_(), batch.cells.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, h: pair_vectors(x, h, batch.system, pairs), (positions, cells))


@pytest.mark.parametrize("skin", [0.0, 0.1, 0.5])
def test_kept_list_equals_fresh_search_on_a_walk_of_atoms_and_cell(skin: float) -> None:
    """Along a random walk of positions, strain and rotation the kept list never misses a pair."""
    generator = torch.Generator().manual_seed(3)
    batch = Batch.from_atoms(nasty_structures())
    kept = NeighbourList(CUTOFF, skin)
    positions, cells = batch.positions, batch.cells
    for step in range(25):
        strain = torch.eye(3, dtype=torch.float64) + 0.01 * torch.randn(
            batch.n_systems, 3, 3, dtype=torch.float64, generator=generator
        )
        cells = cells @ strain
        positions = torch.einsum("na,nab->nb", positions, strain[batch.system])
        positions = positions + 0.01 * torch.randn(positions.shape, dtype=torch.float64, generator=generator)
        if step == 12:
            positions = positions + cells[batch.system, 0]
        moved = Batch(positions, cells, batch.system)
        assert np.array_equal(rows(kept(moved)), rows(find_pairs(moved, CUTOFF)))
    if skin == 0.5:
        assert kept.searches < 25 * batch.n_systems / 2


def test_list_survives_translation_but_not_a_small_squeeze() -> None:
    """Rigid motion needs no search; squeezing the cell beyond the skin needs one though no scaled position moved."""
    batch = Batch.from_atoms(nasty_structures())
    kept = NeighbourList(CUTOFF, 0.2)
    kept(batch)
    kept(Batch(batch.positions + 5.0, batch.cells, batch.system))
    assert kept.searches == batch.n_systems
    kept(Batch(batch.positions * 0.95, batch.cells * 0.95, batch.system))
    assert kept.searches == batch.n_systems
    kept(Batch(batch.positions * 0.90, batch.cells * 0.90, batch.system))
    assert kept.searches == 2 * batch.n_systems


def test_another_batch_is_searched_anew() -> None:
    """A list that meets other structures of the same or another number of atoms does not reuse pairs."""
    first, second, third = (Batch.from_atoms(nasty_structures()[k : k + 3]) for k in (4, 7, 10))
    kept = NeighbourList(CUTOFF, 0.5)
    for batch in (first, second, third, first):
        assert np.array_equal(rows(kept(batch)), rows(find_pairs(batch, CUTOFF)))


def test_broken_geometry_is_refused_with_a_reason() -> None:
    """Not-finite positions and flat cells are named."""
    batch = Batch.from_atoms(nasty_structures()[:2])
    with pytest.raises(ValueError, match="not finite"):
        find_pairs(Batch(batch.positions * float("nan"), batch.cells, batch.system), CUTOFF)
    cells = batch.cells.clone()
    cells[1] = 1.0
    with pytest.raises(ValueError, match=r"structures \[1\]"):
        find_pairs(Batch(batch.positions, cells, batch.system), CUTOFF)


def test_batch_round_trip_and_refusals() -> None:
    """Structures come back unchanged; empty and aperiodic ones are refused."""
    structures = nasty_structures()
    for before, after in zip(structures, Batch.from_atoms(structures).to_atoms(), strict=True):
        assert np.array_equal(before.positions, after.positions)
        assert np.array_equal(before.cell.array, after.cell.array)
        assert after.pbc.all() and set(after.numbers) == {0}
    with pytest.raises(ValueError, match="periodic"):
        Batch.from_atoms([Atoms("X", cell=np.eye(3))])
    with pytest.raises(ValueError, match="no atoms"):
        Batch.from_atoms([Atoms(cell=np.eye(3), pbc=True)])
