"""One procedure that fits a linear ACE to few labels of small cells, the same for all elements: not yet a family.

    python -m benchmarks.potentials.ace_procedure train.extxyz folder --element Al --d-nn 2.86

docs/fits.md says what it was tried on and what it brings; the folder can be loaded like any ACE potential.

Least squares for energies per atom, forces and stresses above free atoms and ZBL:

    minimise  sum_rows (X c - y)^2 / sigma_row^2  +  lambda sum_k (d_k c_k)^2  +  sum_anchors (x c - t)^2 / sigma_a^2

* sigma_row^2 = sigma_type^2 (1 + (h / height)^2), h = energy above the lowest training structure [eV/atom].
* d_k = rms_k (1 + deg_k)^smoothness; rms_k: root mean square of function k over the environments of the training set,
  deg_k = sum (n - 1) + sum l over its factors: rough functions must earn their place. No cap on their number.
* anchors: four cubic crystals and ten training cells, scaled until their closest pair is 0.4, 0.5, 0.6 d_nn; target:
  the bare ZBL energy, sigma_a: three times that (at least 3 eV/atom). They cost no label and bind the short range.
* lambda and the cutoff minimise the K-fold score  sqrt(RMSE_E * RMSE_F)  over the structures below 1 eV/atom.
  Folds keep duplicates together and are dealt by height, three times (one deal is a lottery between near equals).
"""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers
from ase.neighborlist import neighbor_list
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from entromax.potentials.ace import AceSettings, new_basis, write_active_set, write_basis
from entromax.potentials.ace_model import ACTIVE_SET, MODEL, AceBasis, AceCalculator, AceModel, right_handed
from entromax.potentials.base import FitData, FitError, split_free_atom
from entromax.potentials.uncertainty import calibration
from entromax.potentials.zbl import Zbl, zbl_of
from entromax.structures import read_structures

logger = logging.getLogger("entromax.potentials")


@dataclass(frozen=True)
class Procedure:
    """Settings; the defaults are the recommendation. Lengths in d_nn, energies in eV/atom."""

    cutoffs: tuple[float, ...] = (2.2, 2.4)  # ascending
    tie: float = 1.05  # the shortest cutoff within this factor of the best score
    functions: int = 500
    sigma: tuple[float, float, float] = (0.1, 1.0, 0.0316)  # eV/atom, eV/Å, eV/Å^3: as today (weights 100, 1, 1000)
    height: float = 0.5
    smoothness: float = 2.0
    zbl: tuple[float, float] = (0.5, 0.8)
    anchor_pairs: tuple[float, ...] = (0.4, 0.5, 0.6)
    anchor_cells: int = 10
    anchor_sigma: float = 3.0  # of the bare ZBL energy, which counts at least 1 eV/atom
    rattle: float = 0.02
    anchor_reach: tuple[float, float] = (0.8, 1.2)
    low: float = 1.0
    low_count: int = 20
    folds: int = 8
    deals: int = 3
    duplicate: float = 0.01
    lambdas: tuple[float, ...] = tuple(10.0 ** -np.arange(0, 11))


@dataclass(frozen=True)
class Design:
    """Rows of one basis for all structures: X [R, p], y [R], structure and kind (0 E, 1 F, 2 S) of each row."""

    matrix: np.ndarray
    targets: np.ndarray
    structure: np.ndarray
    kind: np.ndarray
    rms: np.ndarray


def design(structures: Sequence[Atoms], basis: AceBasis, model: AceModel) -> Design:
    """Return unweighted rows: energy per atom, forces, stress, each above free atoms and ZBL."""
    matrix, targets, structure, kind, squares, environments = [], [], [], [], np.zeros(basis.size), 0
    for index, atoms in enumerate(structures):
        n = len(atoms)
        energy, forces, stress = basis.rows(atoms)
        zero, pushes, virial = model.repulsion(atoms)
        matrix += [energy[None] / n, forces.reshape(3 * n, -1), stress]
        targets += [
            np.array([(float(atoms.info["REF_energy"]) - zero) / n - model.e0]),
            (atoms.arrays["REF_forces"] - pushes).ravel(),
            np.asarray(atoms.info["REF_stress"], dtype=float) - virial,
        ]
        structure += [index] * (1 + 3 * n + 6)
        kind += [0] + [1] * 3 * n + [2] * 6
        squares += (basis.projections(atoms) ** 2).sum(axis=0)
        environments += n
    return Design(
        np.concatenate(matrix),
        np.concatenate(targets),
        np.array(structure),
        np.array(kind),
        np.sqrt(squares / environments),
    )


def degrees(basis: AceBasis) -> np.ndarray:
    """Return sum (n - 1) + sum l over the factors of every function."""
    functions = [*basis.basis.basis_rank1[0], *basis.basis.basis[0]]
    return np.array([sum(n - 1 for n in f.ns) + sum(f.ls) for f in functions], dtype=float)


def anchors(
    structures: Sequence[Atoms], basis: AceBasis, model: AceModel, d_nn: float, chosen: Procedure, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return weighted rows [A, p] and targets [A]: very short pairs repel about as ZBL does."""
    picked = np.random.default_rng(seed).choice(
        len(structures), min(chosen.anchor_cells, len(structures)), replace=False
    )
    crystals = [bulk(model.element, name, a=4.0) for name in ("fcc", "bcc", "sc", "diamond")]
    bare = Zbl(atomic_numbers[model.element], *(r * d_nn for r in chosen.anchor_reach))
    rows, targets = [], []
    for start in [*crystals, *(structures[index] for index in picked)]:
        closest = neighbor_list("d", start, 3 * d_nn).min()
        for pair in chosen.anchor_pairs:
            cell = start.cell.array * (pair * d_nn / closest)
            atoms = right_handed(
                Atoms(start.numbers, scaled_positions=start.get_scaled_positions(), cell=cell, pbc=True)
            )
            energy = zbl_of(atoms, bare)[0] / len(atoms)
            sigma = chosen.anchor_sigma * max(energy, 1.0)
            rows.append(basis.projections(atoms).mean(axis=0) / sigma)
            targets.append((energy - model.repulsion(atoms)[0] / len(atoms)) / sigma)
    return np.array(rows), np.array(targets)


def deal(means: np.ndarray, heights: np.ndarray, chosen: Procedure, seed: int) -> np.ndarray:
    """Return the fold of every structure: duplicates together, every fold a like share of low and high ones.

    Args:
        means: [N, p] mean of the scaled features of each structure.
        heights: [N] eV/atom.
        chosen: number of folds, and how near duplicates are.
        seed: of the deal.
    """
    group = np.arange(len(means))
    for i in range(1, len(means)):
        near = np.linalg.norm(means[:i] - means[i], axis=1) < chosen.duplicate * np.linalg.norm(means[i])
        for j in np.flatnonzero(near):
            group[group == group[i]] = group[j]
    groups = sorted(set(group.tolist()), key=lambda g: float(heights[group == g].min()))
    rng, fold = np.random.default_rng(seed), {}
    for start in range(0, len(groups), chosen.folds):
        block = groups[start : start + chosen.folds]
        fold.update(zip(block, rng.permutation(chosen.folds)[: len(block)].tolist(), strict=True))
    return np.array([fold[g] for g in group.tolist()])


def solve(moment: np.ndarray, product: np.ndarray, scale: np.ndarray, strength: float) -> np.ndarray:
    """Return the minimiser of |X c - y|^2 + strength |scale c|^2."""
    matrix = moment / np.outer(scale, scale)
    matrix[np.diag_indices_from(matrix)] += strength
    return cho_solve(cho_factor(matrix, overwrite_a=True), product / scale) / scale


def score(rows: Design, errors: np.ndarray, low: np.ndarray) -> tuple[float, float]:
    """Return RMSE of energies [eV/atom] and forces [eV/Å], every structure the same weight, over the ``low`` ones."""
    energy = errors[rows.kind == 0]
    squares = [np.bincount(rows.structure, (errors**2) * (rows.kind == 1)), np.bincount(rows.structure[rows.kind == 1])]
    forces = squares[0] / squares[1]
    return float(np.sqrt(np.mean(energy[low] ** 2))), float(np.sqrt(np.mean(forces[low])))


@dataclass(frozen=True)
class Candidate:
    """A fit with one cutoff and one strength, and its left-out errors."""

    cutoff: float
    strength: float
    energy: float
    forces: float
    coefficients: np.ndarray
    parts: np.ndarray

    @property
    def score(self) -> float:
        """Geometric mean of the two errors: no unit, no weight to choose."""
        return float(np.sqrt(self.energy * self.forces))


def candidates(
    structures: Sequence[Atoms], basis: AceBasis, model: AceModel, data: FitData, chosen: Procedure, cutoff: float
) -> list[Candidate]:
    """Return fits with all strengths for which the equations can be solved."""
    rows = design(structures, basis, model)
    sizes = np.array([len(atoms) for atoms in structures])
    energies = np.array([float(atoms.info["REF_energy"]) for atoms in structures]) / sizes
    heights = energies - energies.min()
    low = np.flatnonzero(heights < max(chosen.low, float(np.sort(heights)[min(chosen.low_count, len(heights)) - 1])))
    growth = np.sqrt(1 + (heights / chosen.height) ** 2)
    root = 1 / (np.array(chosen.sigma)[rows.kind] * growth[rows.structure])
    matrix, targets = rows.matrix * root[:, None], rows.targets * root
    extra, wanted = anchors(structures, basis, model, data.d_nn, chosen, data.seed)
    moment, product = matrix.T @ matrix + extra.T @ extra, matrix.T @ targets + extra.T @ wanted
    scale = np.where(rows.rms > 0, rows.rms, 1.0) * (1 + degrees(basis)) ** chosen.smoothness
    means = rows.matrix[rows.kind == 0] / np.where(rows.rms > 0, rows.rms, 1.0)
    dealt = [deal(means, heights, chosen, data.seed + k)[rows.structure] for k in range(chosen.deals)]
    removed = [[(matrix[f == k], targets[f == k]) for k in range(chosen.folds)] for f in dealt]
    normal = [[(x.T @ x, x.T @ y) for x, y in parts] for parts in removed]
    found = []
    for strength in chosen.lambdas:
        try:
            fits = [[solve(moment - m, product - p, scale, strength) for m, p in parts] for parts in normal]
            whole = solve(moment, product, scale, strength)
        except LinAlgError:
            break
        scores = []
        for fold, parts in zip(dealt, fits, strict=True):
            errors = np.empty(len(rows.targets))
            for k, one in enumerate(parts):
                errors[fold == k] = rows.matrix[fold == k] @ one - rows.targets[fold == k]
            scores.append(score(rows, errors, low))
        energy, forces = np.exp(np.log(scores).mean(axis=0)).tolist()
        found.append(Candidate(cutoff, strength, energy, forces, whole, np.array(fits[0])))
        logger.info(
            "cutoff %g d_nn, lambda %.0e: left out %.1f meV/atom, %.3f eV/Å", cutoff, strength, 1e3 * energy, forces
        )
    return found


def surroundings(structures: Sequence[Atoms], functions: int, width: float, seed: int) -> list[Atoms]:
    """Return the structures and rattled copies [Å]: MaxVol wants more environments than functions (here two times)."""
    rng, found = np.random.default_rng(seed), list(structures)
    while sum(map(len, found)) < 2 * functions:
        for atoms in structures:
            copy = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)
            copy.set_cell(copy.cell.array @ (np.eye(3) + rng.normal(0, 0.01, (3, 3))), scale_atoms=True)
            copy.positions += rng.normal(0, width, copy.positions.shape)
            found.append(copy)
    return found


def fit(data: FitData, folder: Path, chosen: Procedure = Procedure()) -> dict[str, object]:
    """Fit as ``AceFamily.fit`` does: write the model to ``folder``, return facts for its card.

    Raises:
        FitError: no cutoff and strength gives equations that can be solved.
    """
    atom, cells = split_free_atom(data.train)
    structures = []
    for cell in cells:  # right_handed() drops the labels of cells that it turns
        turned = right_handed(cell)
        turned.info, turned.arrays["REF_forces"] = cell.info, cell.arrays["REF_forces"]
        structures.append(turned)
    fitted: list[tuple[Candidate, AceBasis, AceModel]] = []
    for cutoff in chosen.cutoffs:
        settings = AceSettings(cutoff=cutoff, functions=chosen.functions, zbl=list(chosen.zbl))
        basis = AceBasis(new_basis(settings, data, chosen.functions))
        model = AceModel(
            data.element,
            float(atom.info["REF_energy"]),
            (chosen.zbl[0] * data.d_nn, chosen.zbl[1] * data.d_nn),
            np.zeros((chosen.folds, basis.size)),
        )
        if found := candidates(structures, basis, model, data, chosen, cutoff):
            fitted.append((min(found, key=lambda one: one.score), basis, model))
    if not fitted:
        raise FitError("the equations cannot be solved, whatever the regularisation")
    limit = chosen.tie * min(one.score for one, _, _ in fitted)
    one, basis, model = next(fit for fit in fitted if fit[0].score <= limit)
    basis.basis.basis_coeffs = one.coefficients.tolist()
    write_basis(basis.basis, model.e0, folder)
    write_active_set(
        basis,
        surroundings(structures, basis.size, chosen.rattle * data.d_nn, data.seed),
        data.element,
        folder / ACTIVE_SET,
    )
    deviations = np.sqrt(chosen.folds - 1) * (one.parts - one.parts.mean(axis=0))
    model = replace(model, deviations=deviations)
    model.save(folder / MODEL)
    checked = calibration(data.validation, AceCalculator(folder))
    if checked is not None:
        replace(model, scales=(checked["energy"]["scale"], checked["forces"]["scale"])).save(folder / MODEL)
    return {
        "functions": basis.size,
        "cutoff": one.cutoff,
        "lambda": one.strength,
        "left_out_energy": one.energy,
        "left_out_forces": one.forces,
        "calibration": checked,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path, help="labelled structures and the free atom, extended XYZ with REF_ keys")
    parser.add_argument("folder", type=Path, help="of the potential; made")
    parser.add_argument("--element", required=True)
    parser.add_argument("--d-nn", type=float, required=True, help="nearest-neighbour distance [Å]")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    data = FitData(read_structures(options.train), [], options.element, options.d_nn, options.seed)
    print(fit(data, options.folder))


if __name__ == "__main__":
    main()
