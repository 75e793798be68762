"""Which linear family whose licence lets a company use it comes near python-ace, on trial labels of five elements.

    python -m benchmarks.potentials.permissive trials --json docs/results/permissive.json \
        --elements W C --candidates python-ace open-ace snap ace-jax

``trials`` is a folder with the labels of docs/fits.md (extended XYZ). All candidates are fitted by the same procedure
(`entromax.potentials.linear`), with the same weights, prior, anchors and cutoffs; only their functions differ. P is the
root mean square of (error / threshold of the scorecard), clipped at 3, over V0, B, energies of phases and elastic
constants.
"Unseen": structures below 1 eV/atom of 30 % of the training set that were left out, four times. A candidate adds itself
to the file. `ace-jax` needs `pip install ace-jax==0.4.1`, which is no dependency of entromax.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.io import read
from ase.units import GPa
from scipy.interpolate import CubicSpline

from entromax.potentials.ace import AceSettings
from entromax.potentials.ace_model import AceDesign, AceModel, import_pyace
from entromax.potentials.anchors import Anchor, short_range_anchors
from entromax.potentials.base import FitData, split_free_atom
from entromax.potentials.linear import Design, LinearFit, fit_linear, shortest
from entromax.potentials.open_ace import OpenAceSettings, untrained
from entromax.potentials.open_ace_model import OpenAceCalculator, OpenAceDesign
from entromax.potentials.snap import SnapSettings
from entromax.potentials.snap_model import SnapCalculator, SnapDesign
from entromax.potentials.weights import expected_errors, heights
from entromax.runtime import write_json
from entromax.structures import crystal
from entromax.structures.geometry import bare, deformed, right_handed

CUTOFFS = (2.2, 2.4)
SEEDS = 4
LEFT_OUT = 0.3
LOW = 1.0
STRAIN = 0.01
Minimum = tuple[float, float, float]
"""Place, value, second derivative."""
Shape = tuple[float, float | None, float | None]
"""Rough volume [Å^3/atom], c/a and u of a crystal."""


@dataclass(frozen=True)
class Element:
    """What a fit is judged by: all-electron or published values, as in docs/fits.md.

    Attributes:
        labels: name of the file.
        d_nn: [Å].
        state: the crystal whose V0 [Å^3/atom], B [GPa] and elastic constants [GPa] are known, and zero of energies.
        phases: energies of other crystals above it [meV/atom].
        crystals: shapes of all of them.
    """

    labels: str
    d_nn: float
    state: str
    volume: float
    bulk: float
    phases: dict[str, float]
    crystals: dict[str, Shape]
    elastic: dict[str, float]


def _cubic(**volumes: float) -> dict[str, Shape]:
    return {name: (volume, None, None) for name, volume in volumes.items()}


ELEMENTS = {
    "Al": Element(
        "Al_gpaw_200eV_0.25", 2.86, "fcc", 16.48, 78.1, {"bcc": 96, "hcp": 30, "sc": 371, "diamond": 744},
        _cubic(fcc=16.5, bcc=16.9, sc=20.2, diamond=27.5) | {"hcp": (16.6, 1.645, None)},
        {"C11": 111, "C12": 62, "C44": 30},
    ),
    "W": Element(
        "W_gpaw_300eV_0.50", 2.74, "bcc", 16.139, 301.6, {"fcc": 479, "sc": 1438, "diamond": 2644},
        _cubic(bcc=16.1, fcc=16.5, sc=18.0, diamond=25.0), {"C11": 519, "C12": 195, "C44": 142},
    ),
    "Be": Element(
        "Be_gpaw_300eV_0.40", 2.22, "hcp", 7.91, 122.9, {"fcc": 80, "bcc": 100, "sc": 1002, "diamond": 1634},
        _cubic(fcc=7.9, bcc=7.8, sc=10.3, diamond=14.0) | {"hcp": (7.9, 1.57, None)}, {},
    ),
    "C": Element(
        "C_gpaw_500eV_0.40", 1.42, "diamond", 5.70, 433,
        {"graphite": -125, "sc": 2625, "fcc": 4435, "bcc": 4225},
        _cubic(diamond=5.7, sc=5.6, fcc=7.3, bcc=6.7) | {"graphite": (8.8, 2.727, None)},
        {"C11": 1052, "C12": 125, "C44": 560},
    ),
    "Te": Element(
        "Te_gpaw_200eV_0.40", 2.86, "A8", 34.98, 44.8, {"sc": 143, "bcc": 293, "fcc": 381, "diamond": 385},
        _cubic(sc=28.6, bcc=27.4, fcc=28.1, diamond=46.0) | {"A8": (35.0, 1.33, 0.269)}, {},
    ),
}  # fmt: skip
GRAPHENE = 2.467
"""Lattice constant a of graphite [Å]; its c is kept at 6.71 Å, as the functional binds the layers wrongly."""


class Remembered:
    """A design that calculates every row once: fits with more seeds then cost little."""

    def __init__(self, design: Design) -> None:
        self.size, self.scale, self._design = design.size, design.scale, design
        self._kept: dict[tuple[int, str], tuple[Atoms, Any]] = {}  # with the atoms: their id stays theirs

    def rows(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """See ``Design.rows``."""
        return self._once(atoms, "rows")

    def energy(self, atoms: Atoms) -> tuple[np.ndarray, float]:
        """See ``Design.energy``."""
        return self._once(atoms, "energy")

    def _once(self, atoms: Atoms, what: str) -> Any:
        if (id(atoms), what) not in self._kept:
            self._kept[id(atoms), what] = atoms, getattr(self._design, what)(atoms)
        return self._kept[id(atoms), what][1]


def python_ace(data: FitData, cutoff: float, e0: float) -> Design:
    return AceDesign.untrained(AceSettings(), data, cutoff, e0)


def open_ace(data: FitData, cutoff: float, e0: float) -> Design:
    return OpenAceDesign(untrained(OpenAceSettings(), data, cutoff, e0))


def ace_jax(data: FitData, cutoff: float, e0: float) -> Design:
    """Its own functions: order 3, Agnesi transform, orthogonal polynomials, solid harmonics, and a pair term."""
    from benchmarks.rivals.ace_jax_basis import JaxBasis

    basis = JaxBasis(data.element, cutoff * data.d_nn, data.d_nn, order=3, degree=14, radial="poly", count=500)
    return AceDesign(basis, _repulsion(data, e0))


def snap(data: FitData, cutoff: float, e0: float) -> Design:
    """Quadratic, 2 J_max = 6: 30 components and 465 products."""
    settings = SnapSettings(twojmax=6, quadratic=True, zbl=[0.5, 0.8])
    return SnapDesign.untrained(settings, data, cutoff, e0)


CANDIDATES: dict[str, Callable[[FitData, float, float], Design]] = {
    "python-ace": python_ace, "open-ace": open_ace, "ace-jax": ace_jax, "snap": snap,
}  # fmt: skip


def _repulsion(data: FitData, e0: float) -> AceModel:
    zbl = (0.5 * data.d_nn, 0.8 * data.d_nn)
    return AceModel(data.element, e0, zbl, deviations=np.zeros((1, 1)))


def labelled(atoms: Atoms) -> Atoms:
    """Return a structure with labels of zero, for designs that want some."""
    turned = right_handed(bare(atoms))
    turned.info |= {"REF_energy": 0.0, "REF_stress": np.zeros(6)}
    turned.arrays["REF_forces"] = np.zeros((len(atoms), 3))
    return turned


def energy_of(design: Design, fit: LinearFit, atoms: Atoms) -> float:
    """Return the energy above free atoms [eV/atom]."""
    row, repulsion = design.energy(right_handed(bare(atoms)))
    return float(row @ fit.coefficients) + repulsion


def stress_of(design: Design, fit: LinearFit, atoms: Atoms) -> np.ndarray:
    """Return the stress [GPa]."""
    rows, targets = design.rows(labelled(atoms))
    return np.asarray(rows @ fit.coefficients - targets)[-6:] / GPa


def minimum(x: np.ndarray, energies: list[float]) -> Minimum | None:
    """Return place, value and curvature of the lowest minimum of a curve; None: it has none inside."""
    curve = CubicSpline(x, energies)
    places = [place for place in curve.derivative().roots(extrapolate=False) if curve(place, 2) > 0]
    return min(((p, float(curve(p)), float(curve(p, 2))) for p in places), key=lambda found: found[1], default=None)


def scan(design: Design, fit: LinearFit, symbol: str, name: str, shape: Shape) -> Minimum | None:
    """Return the minimum of a crystal in its volume [Å^3], of graphite in its lattice constant a [Å]."""
    if name == "graphite":
        lengths = np.linspace(2.2, 2.75, 23)
        cells = [crystal(name, symbol, a * a * np.sqrt(3) / 2 * 6.71 / 4, 6.71 / a) for a in lengths]
        return minimum(lengths, [energy_of(design, fit, cell) for cell in cells])
    volume, ratio, free = shape
    volumes = volume * np.linspace(0.72, 1.38, 25)
    return minimum(volumes, [energy_of(design, fit, crystal(name, symbol, v, ratio, free)) for v in volumes])


def elastic(design: Design, fit: LinearFit, symbol: str, state: str, volume: float) -> dict[str, float]:
    """Return the elastic constants of a cubic crystal [GPa], by central differences of the stress."""
    cell, slopes = crystal(state, symbol, volume), {}
    for name, axes in (("C11", (0, 0)), ("C44", (1, 2))):
        ends = []
        for sign in (1, -1):
            strain = np.zeros((3, 3))
            strain[axes] = sign * STRAIN
            ends.append(stress_of(design, fit, deformed(cell, np.eye(3) + (strain + strain.T) / 2)))
        slopes[name] = (ends[0] - ends[1]) / (2 * STRAIN)
    return {"C11": slopes["C11"][0], "C12": slopes["C11"][1:3].mean(), "C44": slopes["C44"][3]}


def properties(design: Design, fit: LinearFit, symbol: str) -> dict[str, Any]:
    """Return the properties of crystals, their errors over the thresholds of the scorecard, and P."""
    known = ELEMENTS[symbol]
    minima = {name: scan(design, fit, symbol, name, shape) for name, shape in known.crystals.items()}
    found: dict[str, float | None] = {}
    ratios: dict[str, float] = {}
    ground = minima[known.state]
    if ground is not None:
        volume, zero, curvature = ground
        found |= {"V0": volume, "B": volume * curvature / GPa}
        ratios |= {"V0": (volume / known.volume - 1) / 0.015, "B": (found["B"] / known.bulk - 1) / 0.12}
        for name, energy in known.phases.items():
            if (other := minima[name]) is not None:
                found[name] = 1000 * (other[1] - zero)
                ratios[name] = (found[name] - energy) / max(30, 0.15 * abs(energy))
        if known.elastic:
            found |= elastic(design, fit, symbol, known.state, volume)
            ratios |= {n: (found[n] - value) / max(10, 0.2 * value) for n, value in known.elastic.items()}
        if (layers := minima.get("graphite")) is not None:
            found["a"] = layers[0]
            ratios["a"] = (layers[0] / GRAPHENE - 1) / 0.0075
    rows = ["V0", "B", *known.phases, *known.elastic, *(["a"] if "graphite" in known.phases else [])]
    errors = np.array([min(abs(ratios.get(name, np.inf)), 3.0) for name in rows])
    return {"P": float(np.sqrt(np.mean(errors**2))), "passes": int((errors <= 1).sum()), "of": len(rows), **found}


def fitted(
    structures: Sequence[Atoms], designs: Mapping[float, Design], anchors: Sequence[Anchor], data: FitData
) -> tuple[float, LinearFit]:
    """Return the cutoff that the procedure chooses and its fit."""
    settings = AceSettings()
    errors = expected_errors(heights(structures), settings.errors, settings.height, data.noise)
    fits = {
        cutoff: fit_linear(structures, design, errors=errors, anchors=anchors, members=8, seed=data.seed)
        for cutoff, design in designs.items()
    }
    chosen = shortest(fits)
    return chosen, fits[chosen]


def unseen(
    structures: Sequence[Atoms], designs: Mapping[float, Design], anchors: Sequence[Anchor], data: FitData
) -> tuple[float, float]:
    """Return RMSE of energies [meV/atom] and forces [eV/Å] of left-out structures of low energy, over all seeds."""
    energies, forces, low = [], [], heights(structures) < LOW
    for seed in range(SEEDS):
        out = np.random.default_rng(seed).choice(len(structures), int(LEFT_OUT * len(structures)), replace=False)
        kept = [structures[index] for index in np.setdiff1d(np.arange(len(structures)), out)]
        cutoff, fit = fitted(kept, designs, anchors, data)
        for index in out[low[out]]:
            rows, targets = designs[cutoff].rows(structures[index])
            errors = rows @ fit.coefficients - targets
            energies.append(errors[0] ** 2)
            forces.append(np.mean(errors[1 : 1 + 3 * len(structures[index])] ** 2))
    return float(1000 * np.sqrt(np.mean(energies))), float(np.sqrt(np.mean(forces)))


def speed(candidate: str) -> float:
    """Return the CPU time of energy, forces and stress without the core, tungsten, 128 atoms, 2.2 d_nn [µs/atom]."""
    known, rng = ELEMENTS["W"], np.random.default_rng(0)
    data = FitData([], [], "W", known.d_nn, seed=0)
    design = CANDIDATES[candidate](data, CUTOFFS[0], 0.0)
    calculator = EVALUATORS[candidate](design, rng.normal(size=design.size))
    atoms = bulk("W", cubic=True) * (4, 4, 4)
    times = []
    for _ in range(5):
        atoms.rattle(0.01, rng=rng)
        started = time.process_time()
        calculator.calculate(atoms, ["energy"], ["positions"])
        times.append(time.process_time() - started)
    return 1e6 * min(times) / len(atoms)


def _open_ace_calculator(design: Any, coefficients: np.ndarray) -> Any:
    return OpenAceCalculator(replace(design.model, coefficients=coefficients, zbl=None))


def _python_ace_calculator(design: Any, coefficients: np.ndarray) -> Any:
    design.basis.basis.basis_coeffs = coefficients.tolist()
    return import_pyace().PyACECalculator(design.basis.basis)


def _snap_calculator(design: Any, coefficients: np.ndarray) -> Any:
    return SnapCalculator(replace(design.model, coefficients=coefficients, zbl=None))


EVALUATORS = {"python-ace": _python_ace_calculator, "open-ace": _open_ace_calculator, "snap": _snap_calculator}


def judged(trials: Path, symbol: str, candidate: str) -> dict[str, Any]:
    """Return the figures of one candidate for one element."""
    known = ELEMENTS[symbol]
    labels = [atoms for atoms in read(trials / f"{known.labels}.extxyz.gz", ":") if atoms.info["split"] == "train"]
    atom, cells = split_free_atom(labels)
    cells = [right_handed(cell) for cell in cells]
    data = FitData(labels, [], symbol, known.d_nn, seed=0)
    started = time.process_time()
    designs = {c: Remembered(CANDIDATES[candidate](data, c, float(atom.info["REF_energy"]))) for c in CUTOFFS}
    anchors = short_range_anchors(cells, symbol, known.d_nn, data.seed)
    cutoff, fit = fitted(cells, designs, anchors, data)
    seconds = time.process_time() - started
    energy, forces = unseen(cells, {cutoff: designs[cutoff]}, anchors, data)
    return {
        "structures": len(cells),
        "functions": len(fit.coefficients),
        "cutoff": cutoff,
        "ridge": fit.ridge,
        "fit_cpu_s": round(seconds, 1),
        "unseen_meV": energy,
        "unseen_eV_A": forces,
        **properties(designs[cutoff], fit, symbol),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", type=Path, help="folder with the labels")
    parser.add_argument("--json", type=Path, required=True, help="file that gets the figures")
    parser.add_argument("--elements", nargs="+", choices=ELEMENTS, default=list(ELEMENTS))
    parser.add_argument("--candidates", nargs="+", choices=CANDIDATES, default=["python-ace", "open-ace", "snap"])
    parser.add_argument("--speed", action="store_true", help="measure the time of an evaluation instead")
    options = parser.parse_args()
    if options.speed:
        found = json.loads(options.json.read_text()) if options.json.exists() else {}
        found["evaluation_us_per_atom"] = {
            name: round(speed(name)) for name in options.candidates if name in EVALUATORS
        }
        write_json(options.json, found)
        return
    for symbol in options.elements:
        for candidate in options.candidates:
            figures = judged(options.trials, symbol, candidate)
            print(candidate, symbol, json.dumps(figures), flush=True)
            found = json.loads(options.json.read_text()) if options.json.exists() else {}
            found.setdefault(candidate, {})[symbol] = figures
            write_json(options.json, found)


if __name__ == "__main__":
    main()
