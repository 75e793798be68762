"""Expected errors by height and noise, anchors of short distances, and the core they stand on."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

from entromax.config.models import LabelNoise
from entromax.potentials.anchors import PAIRS, short_range_anchors
from entromax.potentials.core import Core, CoreCalculator
from entromax.potentials.weights import expected_errors, heights
from entromax.structures.geometry import shortest_distance

D_NN = 2.86


def test_errors_grow_with_height_and_noise_adds_in_quadrature() -> None:
    lowest = (0.1, 1.0, np.inf)
    found = expected_errors([0.0, 0.5, 50.0], lowest, height=0.5, noise=LabelNoise())
    np.testing.assert_allclose(found[:, 0], [0.1, 0.1 * 2**0.5, 10.0], rtol=1e-4)
    np.testing.assert_allclose(found[:, 1], 10 * found[:, 0])
    assert np.isinf(found[:, 2]).all()
    noisy = expected_errors([0.0, 0.5], lowest, height=0.5, noise=LabelNoise(energy=0.2, forces=3.0))
    np.testing.assert_allclose(noisy[:, :2], np.hypot(found[:2, :2], [0.2, 3.0]))


def test_heights_are_energies_per_atom_above_the_lowest() -> None:
    crystals = [bulk("Al"), bulk("Al", cubic=True)]
    for atoms, energy in zip(crystals, (-3.0, -14.0), strict=True):
        atoms.info["REF_energy"] = energy
    assert heights(crystals).tolist() == [0.5, 0.0]


def test_anchors_are_as_short_as_they_say_and_repel_as_bare_nuclei() -> None:
    cell = bulk("Al", "hcp", a=2.9)
    cell.rattle(0.1, seed=0)
    anchors = short_range_anchors([cell], "Al", D_NN, seed=0)
    assert len(anchors) == 5 * len(PAIRS)
    for first in range(0, len(anchors), len(PAIRS)):
        some = anchors[first : first + len(PAIRS)]
        assert [shortest_distance(anchor.atoms) for anchor in some] == pytest.approx([x * D_NN for x in PAIRS])
        energies = [anchor.energy for anchor in some]
        assert energies == sorted(energies, reverse=True) and energies[-1] > 0
        assert all(anchor.error >= 3 for anchor in some)
    # Pairs inside the switch count in full: half the sum over twelve neighbours, and the next shells on top.
    pair = Atoms("Al2", positions=[[0, 0, 0], [0, 0, 0.4 * D_NN]], cell=[30] * 3, pbc=True)
    assert anchors[0].energy > 6 * Core("Al", (0.8 * D_NN, 1.2 * D_NN)).repulsion(pair)[0]


def test_core_has_derivatives_and_survives_a_file(tmp_path: Path) -> None:
    core = Core.of("Al", [0.5, 0.8], D_NN)
    core.save(tmp_path / "core.json")
    assert Core.load(tmp_path / "core.json") == core
    atoms = bulk("Al", a=2.6).repeat((2, 1, 1))
    atoms.rattle(0.1, seed=1)
    atoms.calc = CoreCalculator(core)
    assert atoms.get_potential_energy() > 1
    np.testing.assert_allclose(atoms.get_forces(), calculate_numerical_forces(atoms, eps=1e-4), atol=1e-5)
    np.testing.assert_allclose(atoms.get_stress(), calculate_numerical_stress(atoms, eps=1e-5), atol=1e-6)
    none = Core.of("Al", None, D_NN)
    assert none.repulsion(atoms)[0] == 0 and none.below(atoms.calc) is atoms.calc
    assert none.commands("pace", "a Al") == "pair_style pace\npair_coeff * * a Al"
