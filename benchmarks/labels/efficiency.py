"""Errors of SNAP against the number of labels, by the order in which structures are labelled.

    python -m benchmarks.labels.efficiency [results] [--element Al] [--pool 1500] [--json ... --picture ...]

Two experiments, both judged on structures held out of every order:

* DFT: the training and validation sets of a finished campaign (folder `results`) are the pool, its test set the judge.
* EMT: a pool of random, symmetric and near-crystalline cells as `relaxed_seeds` makes them, of 1 to 4 atoms.

Orders: random and the two leverage draws [BJHP26] over several seeds (mean and standard deviation), and the greedy
D-optimal order, which has no randomness. Every prefix is fitted anew, regularisation by cross-validation included.
`labels_for_the_same_error` says how many labels each order needs for the error that random reaches with about half of
the pool, interpolated on logarithmic scales; None: it does not get there. Run with OMP_NUM_THREADS=1.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from ase import Atoms

from entromax.config.models import CellSettings, LibrarySettings, SeedSettings
from entromax.entropy.ordering import d_optimal_order, leverage_order
from entromax.entropy.rounds import load_state, reference_sample, structure_blocks
from entromax.entropy.seeding import relaxed_seeds
from entromax.features import build
from entromax.potentials.base import FitData, split_free_atom
from entromax.potentials.linear import fit_linear
from entromax.potentials.snap import SnapSettings
from entromax.potentials.snap_model import SnapDesign
from entromax.potentials.weights import expected_errors, heights
from entromax.report.kit.style import BLUE, GREEN, GREY, ORANGE, figure, label_logarithmic
from entromax.runtime import provenance, write_json
from entromax.structures import read_structures, scale_structure
from tests.support.emt_cells import labelled

MODELS = {
    "snap 2J=6": SnapSettings(twojmax=6),
    "qsnap 2J=4": SnapSettings(twojmax=4, quadratic=True),
}
COLOURS = {"random": GREY, "leverage_energy": ORANGE, "leverage_block": GREEN, "d_optimal": BLUE}
QUANTITIES = ("energy", "forces", "stress")


@dataclass(frozen=True)
class Labelled:
    """A pool to choose from and the structures that judge, labelled; structures of the pool in reduced units, too."""

    free_atom: Atoms
    pool: list[Atoms]
    test: list[Atoms]
    reduced: list[Atoms]


def from_campaign(results: Path, element: str, d_nn: float) -> Labelled:
    """Return the labels of a finished campaign."""
    parts = [read_structures(results / element / f"dataset/{name}.extxyz") for name in ("train", "validation", "test")]
    atom, pool = split_free_atom([*parts[0], *parts[1]])
    return Labelled(atom, pool, parts[2], [in_units_of(atoms, d_nn) for atoms in pool])


def in_units_of(atoms: Atoms, length: float) -> Atoms:
    """Return the bare structure in units of a length."""
    return Atoms(np.zeros(len(atoms)), positions=atoms.positions / length, cell=atoms.cell.array / length, pbc=True)


def from_emt(library: LibrarySettings, volume: list[float], d_nn: float, pool: int, test: int, seed: int) -> Labelled:
    """Return EMT labels of cells that were relaxed on the core only."""
    cells = CellSettings(atoms=library.cells.atoms, volume=volume)
    made = relaxed_seeds(pool + test, cells, np.random.default_rng(seed), 60, SeedSettings())
    atom = labelled(Atoms("Al", cell=[20.0] * 3, pbc=True))
    own = [labelled(scale_structure(atoms, "Al", d_nn)) for atoms in made]
    return Labelled(atom, own[:pool], own[pool:], made[:pool])


def orders(data: Labelled, library: LibrarySettings, seeds: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield orders of the pool by name, the random ones once for every seed."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.npz"
        reference_sample(library, seed=0, structures=Path(folder) / "random.extxyz", state=state)
        empty = load_state(state, library).without_data()
    blocks, strata = structure_blocks(data.reduced, empty, build(library.features))
    yield "d_optimal", d_optimal_order(blocks, strata, empty)
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        yield "random", rng.permutation(len(data.pool))
        yield "leverage_energy", leverage_order(blocks, strata, "energy", rng)
        yield "leverage_block", leverage_order(blocks, strata, "block", rng)


class Problem:
    """Rows of pool and test, made once; the fits and errors of any prefix follow without LAMMPS."""

    def __init__(self, data: Labelled, settings: SnapSettings, d_nn: float) -> None:
        """Make all rows."""
        element = data.free_atom.get_chemical_symbols()[0]
        fit = FitData([], [], element, d_nn, 0)
        e0 = float(data.free_atom.info["REF_energy"])
        self._design = SnapDesign.untrained(settings, fit, settings.cutoffs[0], e0)
        self.settings, self.noise, self.structures = settings, fit.noise, data.pool
        self.size, self.scale = self._design.size, self._design.scale
        self._made = {id(atoms): self._design.rows(atoms) for atoms in (*data.pool, *data.test)}
        self.test = [self.rows(atoms) for atoms in data.test]

    def rows(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and targets of a structure of pool or test; see ``linear.Design``."""
        return self._made[id(atoms)]

    def energy(self, atoms: Atoms) -> tuple[np.ndarray, float]:
        """Return the row of an energy; see ``linear.Design``."""
        return self._design.energy(atoms)

    def errors(self, chosen: np.ndarray) -> dict[str, float]:
        """Return the RMSE on the test set of a fit to the chosen structures: meV/atom, eV/Å, GPa."""
        structures = [self.structures[index] for index in chosen]
        expected = expected_errors(heights(structures), self.settings.errors, self.settings.height, self.noise)
        members = self.settings.members
        solved = fit_linear(structures, self, errors=expected, anchors=[], members=members, seed=0)
        parts: dict[str, list[np.ndarray]] = {name: [] for name in QUANTITIES}
        for x, y in self.test:
            delta = x @ solved.coefficients - y
            parts["energy"].append(delta[:1] * 1000)
            parts["forces"].append(delta[1:-6])
            parts["stress"].append(delta[-6:] * 160.21766)
        return {name: float(np.sqrt(np.mean(np.concatenate(values) ** 2))) for name, values in parts.items()}


def experiment(name: str, data: Labelled, library: LibrarySettings, d_nn: float, seeds: int) -> pd.DataFrame:
    """Return one row per model, order, seed and number of labels."""
    pool = len(data.pool)
    numbers = np.unique(np.geomspace(min(16, pool), pool, 11).round().astype(int))
    drawn = list(orders(data, library, seeds))
    rows = []
    for model, settings in MODELS.items():
        problem = Problem(data, settings, d_nn)
        for order, ranks in drawn:
            for n in numbers:
                rows.append({"set": name, "model": model, "order": order, "labels": n, **problem.errors(ranks[:n])})
        print(f"{name}, {model}: {len(drawn)} orders of {pool} structures", flush=True)
    return pd.DataFrame(rows)


def equal_error(table: pd.DataFrame, quantity: str) -> dict[str, Any]:
    """Return the labels that each order needs for the error of random at about half of the pool."""
    means = table.groupby(["order", "labels"])[quantity].mean().unstack("order")
    n = int(means.index[-3])
    goal = float(means.loc[n, "random"])
    needed: dict[str, Any] = {"error": goal, "random": n}
    for order in means.columns.drop("random"):
        curve = np.minimum.accumulate(means[order].to_numpy())
        if curve[-1] > goal:
            needed[order] = None
            continue
        logs = np.interp(-np.log(goal), -np.log(curve), np.log(means.index.to_numpy()))
        needed[order] = round(float(np.exp(logs)), 1)
    return needed


def summarise(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return curves (mean and standard deviation over seeds) and labels for equal error, by set and model."""
    found = []
    for (name, model), part in table.groupby(["set", "model"], sort=False):
        grouped = part.groupby(["order", "labels"])[list(QUANTITIES)]
        curves = {
            order: {
                "labels": means.index.get_level_values("labels").tolist(),
                **{key: means[key].round(4).tolist() for key in QUANTITIES},
                **{f"{key}_sd": grouped.std().loc[order][key].fillna(0).round(4).tolist() for key in QUANTITIES},
            }
            for order, means in grouped.mean().groupby(level="order")
        }
        same = {key: equal_error(part, key) for key in QUANTITIES}
        found.append({"set": name, "model": model, "curves": curves, "labels_for_the_same_error": same})
    return found


def draw(part: pd.DataFrame, path: Path) -> None:
    """Draw the force error of one model on one set against the number of labels: mean and range over seeds."""
    grouped = part.groupby(["order", "labels"])["forces"].agg(["mean", "min", "max"])
    with figure(path, grouped.reset_index()) as axes:
        for order, colour in COLOURS.items():
            curve = grouped.loc[order]
            axes.plot(curve.index, curve["mean"], color=colour, marker="o", markersize=3, label=order.replace("_", " "))
            axes.fill_between(curve.index, curve["min"], curve["max"], color=colour, alpha=0.15, lw=0)
        axes.set(xscale="log", yscale="log", xlabel="labels", ylabel="force RMSE, held out [eV/Å]")
        for axis in (axes.xaxis, axes.yaxis):
            label_logarithmic(axis)
        axes.legend()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="?")
    parser.add_argument("--element", default="Al")
    parser.add_argument("--pool", type=int, default=1500, help="EMT structures to choose from; 0: no EMT")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--json", type=Path, default=Path("docs/results/label_efficiency.json"))
    parser.add_argument("--pictures", type=Path, default=Path("docs/pictures"))
    arguments = parser.parse_args()
    library, d_nn, tables = LibrarySettings(cells=CellSettings(atoms=[1, 4])), 2.86, []
    if arguments.results:
        configuration = yaml.safe_load((arguments.results / "config.yaml").read_text())
        own = LibrarySettings.model_validate(configuration["library"])
        length = configuration["elements"][arguments.element]["d_nn"]
        data = from_campaign(arguments.results, arguments.element, length)
        tables.append(experiment(f"{arguments.element}, DFT", data, own, length, arguments.seeds))
    if arguments.pool:
        data = from_emt(library, [0.5, 1.6], d_nn, arguments.pool, arguments.pool // 4, seed=1)
        tables.append(experiment("Al, EMT", data, library, d_nn, arguments.seeds))
    table = pd.concat(tables)
    units = {"energy": "RMSE, meV/atom", "forces": "RMSE, eV/Å", "stress": "RMSE, GPa"}
    found = {"units": units, "seeds": arguments.seeds, "experiments": summarise(table)}
    write_json(arguments.json, found | {"provenance": provenance(config="", seed=0)})
    for name, part in table[table["model"] == "qsnap 2J=4"].groupby("set"):
        draw(part, arguments.pictures / f"label_efficiency_{str(name).split()[-1].lower()}.png")
    for entry in found["experiments"]:
        print(entry["set"], entry["model"], entry["labels_for_the_same_error"])


if __name__ == "__main__":
    main()
