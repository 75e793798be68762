"""Weights, cutoff and size of `open_ace` judged by library structures that a fit has not seen, for docs/fits.md.

    python -m benchmarks.potentials.left_out results/eight_elements [MORE] [--json FILE]

Takes the labels of campaigns, from their datasets. Five folds of the library; what active learning has chosen is
in every fit. Judged are library structures below 1 eV/atom above E(V) of the reference crystals, as in the
scorecard, and the energies of these crystals, which no fit has seen. Run with OMP_NUM_THREADS=1.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from benchmarks.common import RESULTS
from entromax.config.models import LabelNoise
from entromax.layout import CampaignFolder
from entromax.potentials.base import FitData, split_free_atom
from entromax.potentials.cutoffs import fit_cutoffs
from entromax.potentials.design import growth
from entromax.potentials.linear import Design
from entromax.potentials.open_ace import OpenAceSettings, untrained
from entromax.potentials.open_ace_model import OpenAceDesign
from entromax.progress import load_results
from entromax.runtime import config_hash, provenance, write_json
from entromax.structures import read_structures
from entromax.structures.geometry import right_handed
from entromax.structures.kinds import ISOLATED, LIBRARY
from entromax.validation.eos import fit_birch_murnaghan
from entromax.validation.hull import lower_envelope

WINDOW = 1.0
"""Height above E(V) below which a structure judges [eV/atom]."""
FOLDS = 5
MOST = 650
"""Functions whose rows are made; smaller sizes are the first of them."""
CUTOFF = 2.2
"""Of the variants that change something else [d_nn]."""
DEFAULT = OpenAceSettings(cutoff=CUTOFF)
VARIANTS = (
    *({"energy_weight": weight} for weight in (30.0, 100.0, 300.0, 1000.0)),
    {"energy_weight": 300.0, "height": 2.0},
    *({"energy_weight": 300.0, "functions": number} for number in (400, 650)),
    *({"energy_weight": 300.0, "cutoff": cutoff} for cutoff in (2.0, 2.4)),
)


class Remembered:
    """The first functions of a design, which makes the rows of every structure once."""

    def __init__(self, design: OpenAceDesign, known: dict[str, tuple[np.ndarray, np.ndarray]], functions: int) -> None:
        """Share what is known of structures, by ``sid``, with designs of other sizes."""
        self._design, self._known, self._functions = design, known, functions

    @property
    def size(self) -> int:
        """See ``Design.size``."""
        return self._functions

    def scale(self, sizes: np.ndarray) -> np.ndarray:
        """See ``Design.scale``."""
        return sizes * growth(self._design.model.basis.degrees()[: self._functions])

    def rows(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """See ``Design.rows``."""
        sid = str(atoms.info["sid"])
        if sid not in self._known:
            self._known[sid] = self._design.rows(atoms)
        rows, targets = self._known[sid]
        return rows[:, : self._functions], targets

    def energy(self, atoms: Atoms) -> tuple[np.ndarray, float]:
        """See ``Design.energy``."""
        row, repulsion = self._design.energy(atoms)
        return row[: self._functions], repulsion


def energy(atoms: Atoms) -> float:
    """Return the labelled energy [eV/atom]."""
    return float(atoms.info["REF_energy"]) / len(atoms)


def above_curves(structures: Sequence[Atoms], crystals: Sequence[Atoms]) -> np.ndarray:
    """Return the heights [N] above the lowest E(V) of labelled crystals [eV/atom]."""
    fits = []
    for name in {atoms.info["config_type"] for atoms in crystals}:
        curve = [atoms for atoms in crystals if atoms.info["config_type"] == name]
        fits.append(
            fit_birch_murnaghan(
                [atoms.get_volume() / len(atoms) for atoms in curve], [energy(atoms) for atoms in curve]
            )
        )
    volumes = np.array([atoms.get_volume() / len(atoms) for atoms in structures])
    minima = [fit for fit in fits if fit.volume is not None]
    return np.array([energy(atoms) for atoms in structures]) - lower_envelope(volumes, minima)


def folds(structures: Sequence[Atoms]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield indices of training and test; only library structures are left out."""
    library = [k for k, atoms in enumerate(structures) if atoms.info["config_type"] == LIBRARY]
    order = np.random.default_rng(0).permutation(library)
    for fold in range(FOLDS):
        test = order[fold::FOLDS].tolist()
        yield sorted({*range(len(structures))} - {*test}), test


@dataclass(frozen=True)
class Labels:
    """All labels of one element.

    Attributes:
        data: what a fit gets, in right-handed cells, without the free atom.
        free_atom: with its energy.
        crystals: labelled reference crystals.
        judging: [N] library structures near E(V).
    """

    data: FitData
    free_atom: Atoms
    crystals: list[Atoms]
    judging: np.ndarray

    @property
    def e0(self) -> float:
        """Energy of the free atom [eV]."""
        return float(self.free_atom.info["REF_energy"])


def judge(labels: Labels, settings: OpenAceSettings, design_of: Callable[[FitData], Design]) -> dict[str, float]:
    """Return root mean squares over all folds; ``design_of`` makes the design of a training set."""
    data, crystals, judging = labels.data, labels.crystals, labels.judging
    energies, forces, phases = [], [], []
    for train, test in folds(data.train):
        known = replace(data, train=[data.train[k] for k in train])
        design = design_of(known)
        whole = replace(known, train=[labels.free_atom, *known.train])
        _, _, fit, _ = fit_cutoffs(whole, settings, lambda *_, made=design: made, flexible=settings.hidden_units > 0)
        for k in test:
            if judging[k]:
                rows, targets = design.rows(data.train[k])
                error = rows @ fit.coefficients - targets
                energies.append(error[0])
                forces.append(np.mean(error[1 : 1 + 3 * len(data.train[k])] ** 2))
        for atoms in crystals:
            rows, targets = design.rows(atoms)
            phases.append(float(rows[0] @ fit.coefficients - targets[0]))
    return {
        "unseen_energy_mev": round(1000 * float(np.sqrt(np.mean(np.square(energies)))), 1),
        "unseen_energy_mae_mev": round(1000 * float(np.mean(np.abs(energies))), 1),
        "unseen_forces_ev_a": round(float(np.sqrt(np.mean(forces))), 3),
        "crystals_mev": round(1000 * float(np.sqrt(np.mean(np.square(phases)))), 1),
    }


def read_labels(results: Path, element: str) -> Labels:
    """Return the labels of one element of a campaign."""
    settings = load_results(results).elements[element]
    folder = CampaignFolder(results).element(element)
    parts = [read_structures(folder.dataset / f"{part}.extxyz") for part in ("train", "validation", "test")]
    atom, bulk = split_free_atom([atoms for part in parts for atoms in part])
    reference = read_structures(folder.root / "labels/reference.extxyz")
    crystals = [right_handed(atoms) for atoms in reference if atoms.info["config_type"] != ISOLATED]
    noise = settings.label_noise or LabelNoise()
    data = FitData([right_handed(atoms) for atoms in bulk], [], element, settings.d_nn, seed=0, noise=noise)
    judging = above_curves(data.train, crystals) < WINDOW
    judging &= np.array([atoms.info["config_type"] == LIBRARY for atoms in data.train])
    return Labels(data, atom, crystals, judging)


def of_fold(settings: OpenAceSettings, e0: float, data: FitData) -> OpenAceDesign:
    """Return a design whose hidden units know the training set of a fold alone."""
    return OpenAceDesign(untrained(settings, data, settings.cutoffs[0], e0))


def element_rows(labels: Labels, variants: Sequence[dict[str, Any]] = VARIANTS) -> dict[str, Any]:
    """Return the number of labels of one element and what every variant gives."""
    data = labels.data
    designs: dict[float, tuple[OpenAceDesign, dict[str, tuple[np.ndarray, np.ndarray]]]] = {}
    found = []
    for variant in variants:
        chosen = DEFAULT.model_copy(update=variant)
        (cutoff,) = chosen.cutoffs
        if chosen.hidden_units:
            row = judge(labels, chosen, partial(of_fold, chosen, labels.e0))
        else:
            if cutoff not in designs:
                model = untrained(chosen.model_copy(update={"functions": MOST}), data, cutoff, labels.e0)
                designs[cutoff] = OpenAceDesign(model), {}
            remembered = Remembered(*designs[cutoff], chosen.functions)
            row = judge(labels, chosen, lambda _, made=remembered: made)
        found.append({**variant, **row})
        print(data.element, found[-1], flush=True)
    return {"labels": len(data.train), "judging": int(labels.judging.sum()), "variants": found}


def judge_elements(rows: Callable[[Labels], dict[str, Any]], default: Path, description: str | None) -> None:
    """Call ``rows`` for every element of the campaigns that the command line names; write the file after each."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="folders of results")
    parser.add_argument("--json", type=Path, default=default)
    options = parser.parse_args()
    made, found = provenance(config=config_hash({}), seed=0), {}
    for results in options.results:
        for element in load_results(results).elements:
            found[element] = rows(read_labels(results, element))
            write_json(options.json, {"elements": found, "provenance": made})


if __name__ == "__main__":
    judge_elements(element_rows, RESULTS / "left_out.json", __doc__)
