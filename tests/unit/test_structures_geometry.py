"""Small geometry: what is copied, what is kept, and the shortest distance."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from entromax.structures import content_hash, crystal
from entromax.structures.geometry import bare, deformed, reduced, right_handed, shortest_distance, supercell


def labelled() -> Atoms:
    atoms = bulk("Al", "hcp", a=2.8, c=4.6)
    atoms.info["REF_energy"] = -1.0
    atoms.arrays["REF_forces"] = np.ones((2, 3))
    return atoms


def test_a_bare_copy_is_the_same_structure_and_nothing_else() -> None:
    copy = bare(labelled())
    assert content_hash(copy) == content_hash(labelled())
    assert copy.info == {} and set(copy.arrays) == {"numbers", "positions"}


def test_a_reduced_copy_is_in_units_of_the_length() -> None:
    atoms = reduced(bulk("Al", "fcc", a=4.0), 4.0 / 2**0.5)
    assert shortest_distance(atoms) == pytest.approx(1.0)
    assert atoms.get_volume() == pytest.approx(2**-0.5)


def test_a_deformation_takes_the_atoms_along() -> None:
    atoms = labelled()
    strained = deformed(atoms, np.diag([1.0, 1.0, 1.5]))
    np.testing.assert_allclose(strained.get_scaled_positions(), atoms.get_scaled_positions())
    assert strained.get_volume() == pytest.approx(1.5 * atoms.get_volume())


def test_a_left_handed_cell_is_turned_and_the_labels_stay() -> None:
    atoms = labelled()
    atoms.set_cell(atoms.cell.array[[1, 0, 2]])
    assert atoms.cell.handedness < 0
    turned = right_handed(atoms)
    assert turned.cell.handedness > 0 and turned.info == atoms.info
    np.testing.assert_array_equal(turned.arrays["REF_forces"], atoms.arrays["REF_forces"])
    np.testing.assert_allclose(turned.get_all_distances(mic=True), atoms.get_all_distances(mic=True))


@pytest.mark.parametrize(("symmetric", "sizes"), [(True, (4, 4, 4)), (False, (4, 3, 3))])
def test_a_supercell_keeps_the_symmetry_or_saves_atoms(symmetric: bool, sizes: tuple[int, int, int]) -> None:
    fcc = bulk("Al", "fcc", a=4.0)
    cell = supercell(fcc, 33, symmetric=symmetric)
    np.testing.assert_allclose(cell.cell.lengths() / fcc.cell.lengths(), sizes)


@pytest.mark.parametrize("name", ["fcc", "bcc", "hcp", "diamond", "graphite", "A7", "A8"])
def test_the_shortest_distance_is_found_with_and_without_a_cutoff(name: str) -> None:
    atoms = crystal(name, "Al", 16.0)
    large = atoms * (3, 3, 3)
    exact = large.get_all_distances(mic=True)
    exact = exact[exact > 0].min()
    assert shortest_distance(atoms) == pytest.approx(exact)
    assert shortest_distance(atoms, 1.01 * exact) == pytest.approx(exact)
    assert shortest_distance(atoms, 0.99 * exact) == np.inf


def test_images_count_and_a_lonely_atom_is_as_far_as_its_box() -> None:
    assert shortest_distance(Atoms("Al", cell=[9.0, 12.0, 15.0], pbc=True)) == pytest.approx(9.0)
    assert shortest_distance(Atoms("Al", cell=[2.0, 2.0, 200.0], pbc=True)) == pytest.approx(2.0)
