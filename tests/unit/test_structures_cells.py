import numpy as np
import pytest
import torch
from ase import Atoms
from ase.neighborlist import neighbor_list

from entromax.config.models import CellSettings, SeedSettings
from entromax.structures.constraints import allowed, core_energy, heights, shape_energy, volume_energy
from entromax.structures.crystals import crystal
from entromax.structures.random_cells import random_cell, random_structures, random_symmetric


def _pairs(atoms: Atoms, cutoff: float) -> tuple[torch.Tensor, torch.Tensor]:
    vectors = torch.tensor(neighbor_list("D", atoms, cutoff), dtype=torch.float64)
    return vectors, torch.zeros(len(vectors), dtype=torch.long)


def test_core_energy_counts_every_pair_once() -> None:
    atoms = Atoms("X2", positions=[[0, 0, 0], [0.4, 0, 0]], cell=np.eye(3) * 5, pbc=True)
    vectors, system = _pairs(atoms, 0.8)
    assert core_energy(vectors, system, 1, 0.8).tolist() == pytest.approx([0.25])


def test_core_energy_sees_an_atom_touch_its_own_image() -> None:
    vectors, system = _pairs(Atoms("X", cell=np.diag([0.4, 5, 5]), pbc=True), 0.8)
    assert core_energy(vectors, system, 1, 0.8).tolist() == pytest.approx([0.25 + 0.0])


def test_heights_are_volume_over_area() -> None:
    cells = torch.tensor(np.random.default_rng(0).normal(size=(4, 3, 3)))
    for cell, found in zip(cells.numpy(), heights(cells).numpy(), strict=True):
        reciprocal = np.linalg.inv(cell).T
        assert found == pytest.approx(1 / np.linalg.norm(reciprocal, axis=1))


@pytest.mark.parametrize("term", ["volume", "shape"])
def test_cell_terms_vanish_inside_and_have_the_right_gradient_outside(term: str) -> None:
    sizes = torch.tensor([2, 2])
    inside = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1) * 1.3
    outside = torch.tensor(np.diag([0.5, 0.55, 1.0]) + 0.1 * np.random.default_rng(1).normal(size=(2, 3, 3)))

    def energy(cells: torch.Tensor) -> torch.Tensor:
        return volume_energy(cells, sizes, torch.tensor([0.5, 3.5])) if term == "volume" else shape_energy(cells, 0.6)

    assert energy(inside).tolist() == [0.0, 0.0]
    assert (energy(outside) > 0).all()
    assert torch.autograd.gradcheck(energy, outside.requires_grad_())


def test_seeds_of_every_kind_keep_the_bounds_that_need_no_relaxation() -> None:
    cells = CellSettings(atoms=[1, 12])
    structures = random_structures(90, cells, np.random.default_rng(0), SeedSettings())
    assert {atoms.info["seed_kind"] for atoms in structures} == {"random", "symmetric", "crystal"}
    for atoms in structures:
        assert 1 <= len(atoms) <= 12 and atoms.pbc.all() and not atoms.numbers.any()
        assert 0.5 <= atoms.get_volume() / len(atoms) <= 3.5


def test_volumes_of_seeds_are_log_uniform() -> None:
    structures = random_structures(400, CellSettings(), np.random.default_rng(0), SeedSettings(crystal=0, symmetric=0))
    share = np.mean([atoms.get_volume() / len(atoms) < np.sqrt(0.5 * 3.5) for atoms in structures])
    assert share == pytest.approx(0.5, abs=0.08)  # 3 standard deviations


def test_same_seed_gives_the_same_structures() -> None:
    a, b = (random_structures(20, CellSettings(), np.random.default_rng(5), SeedSettings()) for _ in range(2))
    assert all(np.array_equal(x.positions, y.positions) and (x.cell == y.cell).all() for x, y in zip(a, b, strict=True))


def _has_equivalent_atoms(atoms: Atoms) -> bool:
    # Equivalent atoms have equal sorted distances; in a random cell of more than two atoms none do.
    i, d = neighbor_list("id", atoms, 1.5 * atoms.get_volume() ** (1 / 3))
    rows = {tuple(np.round(np.sort(d[i == k]), 5)) for k in range(len(atoms))}
    return len(rows) < len(atoms)


def test_crystals_of_a_random_space_group_have_equivalent_atoms_and_random_cells_have_not() -> None:
    rng = np.random.default_rng(2)
    drawn = [random_symmetric(12, 1.0, CellSettings(), rng) for _ in range(60)]
    symmetric = [atoms for atoms in drawn if atoms is not None and 2 < len(atoms) <= 12]
    assert len(symmetric) > 20
    assert np.mean([_has_equivalent_atoms(atoms) for atoms in symmetric]) > 0.9
    cells = [random_cell(6, 1.0, CellSettings(), rng) for _ in range(20)]
    assert not any(_has_equivalent_atoms(atoms) for atoms in cells if atoms is not None)


def test_crystals_of_more_than_two_atoms_are_disordered() -> None:
    settings = SeedSettings(random=0, crystal=0.5, symmetric=0.5, disordered=0)
    structures = random_structures(40, CellSettings(atoms=[1, 16]), np.random.default_rng(2), settings)
    assert not any(_has_equivalent_atoms(atoms) for atoms in structures if len(atoms) > 2)


def test_impossible_bounds_are_an_error_that_names_the_keys() -> None:
    with pytest.raises(ValueError, match="min_height"):
        random_structures(1, CellSettings(atoms=[1, 1], min_height=2.0), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("atoms", "expected"),
    [
        (crystal("fcc", "X", 0.71), True),
        (crystal("fcc", "X", 0.45), False),  # too dense
        (crystal("sc", "X", 3.6), False),  # too open
        (crystal("diamond", "X", 0.52), False),  # 0.70 < 0.9 x 0.8
        (Atoms("X2", positions=[[0, 0, 0], [0.71, 0, 0]], cell=np.eye(3) * 1.5, pbc=True), False),
        (Atoms("X2", positions=[[0, 0, 0], [0.73, 0, 0]], cell=np.eye(3) * 1.5, pbc=True), True),
        (Atoms("X", cell=[[0.73, 0, 0], [0.2, 0.55, 0], [0, 0, 2.0]], pbc=True), False),  # flat
        (Atoms("X9", cell=np.eye(3) * 2.2, scaled_positions=np.random.default_rng(0).random((9, 3)), pbc=True), False),
    ],
)
def test_hard_bounds(atoms: Atoms, expected: bool) -> None:
    assert allowed([atoms, atoms], CellSettings(atoms=[1, 8])) == [expected] * 2
