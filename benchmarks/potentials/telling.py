"""What a label is worth that the uncertain pool would choose, and one that is next in the library: for docs/fits.md.

    python -m benchmarks.potentials.telling results/eight_elements [MORE] [--json FILE]

Takes the labels of campaigns. A quarter of the library judges, by lot; some of the rest and all that active learning
has chosen are fitted; of what is left so many are added as the shares say, in order, or the next ones that the fit
predicts low for their volume, or the most telling ones. All of them are labelled already, so nothing is calculated, but
for that there are few to choose from. Run with OMP_NUM_THREADS=1.
"""

from typing import Any

import numpy as np

from benchmarks.common import RESULTS
from benchmarks.potentials.left_out import CUTOFF, Labels, Remembered, energy, judge_elements
from entromax.active.information import most_telling, wanted
from entromax.potentials.anchors import short_range_anchors
from entromax.potentials.linear import ENERGY, LinearFit, fit_linear
from entromax.potentials.open_ace import OpenAceSettings, untrained
from entromax.potentials.open_ace_model import OpenAceDesign
from entromax.potentials.posterior import Posterior
from entromax.potentials.weights import above_labels, expected_errors, heights
from entromax.structures.kinds import LIBRARY

LEFT_OUT, FITTED, ADDED = 0.25, 0.3, 0.1
"""Shares of the library that judge, are fitted at first, and are added."""
SPLITS = 4
SETTINGS = OpenAceSettings(cutoff=CUTOFF, energy_weight=300.0)


def fit(labels: Labels, design: Remembered, members: list[int]) -> LinearFit:
    """Return the fit to some structures, by index."""
    known = [labels.data.train[k] for k in members]
    return fit_linear(
        known,
        design,
        errors=expected_errors(heights(known), SETTINGS.errors, SETTINGS.height, labels.data.noise),
        anchors=short_range_anchors(known, labels.data.element, labels.data.d_nn, labels.data.seed),
        members=1,
        seed=labels.data.seed,
    )


def choices(
    labels: Labels, design: Remembered, members: list[int], rest: list[int], first: LinearFit, n: int
) -> dict[str, list[int]]:
    """Return what each way adds to the ``members`` of the ``first`` fit, by index."""
    known, left = [labels.data.train[k] for k in members], [labels.data.train[k] for k in rest]
    posterior = Posterior(
        known,
        design,
        SETTINGS,
        anchors=short_range_anchors(known, labels.data.element, labels.data.d_nn, labels.data.seed),
        noise=labels.data.noise,
        ridge=first.ridge,
    )
    parts = [design.rows(atoms) for atoms in left]
    wrong = np.array([float(rows[0] @ first.coefficients - targets[0]) for rows, targets in parts])
    predicted = np.array([energy(atoms) for atoms in left]) + wrong - min(map(energy, known))
    volumes = np.array([atoms.get_volume() / len(atoms) for atoms in left])
    targets = wanted(above_labels(volumes, predicted, known))
    rows, owners, kinds = posterior.rows(left)
    errors = posterior.errors(volumes, predicted)[owners, kinds]
    energies = kinds == ENERGY
    by_energy = most_telling(rows[energies], errors[energies], owners[energies], kinds[energies], targets, n)
    return {
        "none": [],
        "next": rest[:n],
        "next that are predicted low": np.array(rest)[targets][:n].tolist(),
        "most telling, energies alone": np.array(rest)[by_energy].tolist(),
        "most telling": np.array(rest)[most_telling(rows, errors, owners, kinds, targets, n)].tolist(),
        "all": rest,
    }


def element_rows(labels: Labels) -> dict[str, Any]:
    """Return the errors of unseen structures near E(V) by what was added, over all splits."""
    structures = labels.data.train
    design = Remembered(OpenAceDesign(untrained(SETTINGS, labels.data, CUTOFF, labels.e0)), {}, SETTINGS.functions)
    library = [k for k, atoms in enumerate(structures) if atoms.info["config_type"] == LIBRARY]
    pools = sorted({*range(len(structures))} - {*library})
    judges, start, n = (round(share * len(library)) for share in (LEFT_OUT, FITTED, ADDED))
    energies: dict[str, list[float]] = {}
    forces: dict[str, list[float]] = {}
    added: dict[str, int] = {}
    for split in range(SPLITS):
        order = np.random.default_rng(split).permutation(library).tolist()
        test, members, rest = order[:judges], pools + order[judges : judges + start], order[judges + start :]
        first = fit(labels, design, members)
        for name, more in choices(labels, design, members, rest, first, n).items():
            solved = fit(labels, design, members + more)
            added[name] = len(more)
            for k in test:
                if labels.judging[k]:
                    rows, targets = design.rows(structures[k])
                    error = rows @ solved.coefficients - targets
                    energies.setdefault(name, []).append(error[0])
                    forces.setdefault(name, []).append(float(np.mean(error[1 : 1 + 3 * len(structures[k])] ** 2)))
    ways = [
        {
            "added": name,
            "labels": added[name],
            "unseen_energy_mev": round(1000 * float(np.sqrt(np.mean(np.square(energies[name])))), 1),
            "unseen_energy_mae_mev": round(1000 * float(np.mean(np.abs(energies[name]))), 1),
            "unseen_forces_ev_a": round(float(np.sqrt(np.mean(forces[name]))), 3),
        }
        for name in energies
    ]
    print(labels.data.element, *ways, sep="\n", flush=True)
    return {"library": start, "pools": len(pools), "judged": len(energies["none"]), "ways": ways}


if __name__ == "__main__":
    judge_elements(element_rows, RESULTS / "telling.json", __doc__)
