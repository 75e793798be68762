"""A linear family fitted with every cutoff of its settings, and the one that is kept."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from ase import Atoms

from entromax.config.models.potentials import LinearSettings
from entromax.potentials.anchors import short_range_anchors
from entromax.potentials.base import FitData, FitError, split_free_atom
from entromax.potentials.linear import FEWEST, LOW, RIDGES, Design, LinearFit, fit_linear, shortest
from entromax.potentials.weights import expected_errors, heights, heights_by_volume, library_heights
from entromax.structures.geometry import right_handed

AnyDesign = TypeVar("AnyDesign", bound=Design)
WEAKEST = 1e-7
"""Smallest ridge of flexible functions: the few structures that judge do not see what goes wrong below it."""


def fair_judges(structures: Sequence[Atoms], fewest: int) -> np.ndarray | None:
    """Return the heights [N] by which library structures alone judge a fit [eV/atom]; None where too few lie low.

    What active learning has chosen is what fits before knew least of, or thought lowest: no fair sample.

    Args:
        structures: labelled, without the free atom.
        fewest: library structures low for their volume that are enough.
    """
    library = library_heights(structures)
    return library if np.count_nonzero(library <= LOW) >= fewest else None


def fit_cutoffs(
    data: FitData, settings: LinearSettings, untrained: Callable[[float, float], AnyDesign], *, flexible: bool = False
) -> tuple[float, AnyDesign, LinearFit, list[Atoms]]:
    """Fit with every cutoff; return the one kept [d_nn], its design, its fit, and the structures without the free atom.

    Args:
        data: training set, element, noise of the labels.
        settings: cutoffs, expected errors, members of the committee.
        untrained: makes the design from a cutoff [d_nn] and the energy of the free atom [eV].
        flexible: the functions can follow every label, so that the ridge decides: it has a floor, and library
            structures judge it however few they are. What is low for its volume is fitted as closely as what is low.

    Raises:
        FitError: other elements in the training set, or the equations cannot be solved.
    """
    atom, bulk = split_free_atom(data.train)
    if strange := {symbol for atoms in bulk for symbol in atoms.symbols} - {data.element}:
        raise FitError(f"training set: holds {', '.join(sorted(strange))}; this is a potential of {data.element}")
    bulk = [right_handed(atoms) for atoms in bulk]  # some programs refuse others
    anchors = short_range_anchors(bulk, data.element, data.d_nn, data.seed)
    weighed = heights_by_volume(bulk) if flexible else heights(bulk)
    errors = expected_errors(weighed, settings.errors, settings.height, data.noise)
    judging = fair_judges(bulk, fewest=0 if flexible else FEWEST)
    designs, fits = {}, {}
    for cutoff in settings.cutoffs:
        designs[cutoff] = untrained(cutoff, float(atom.info["REF_energy"]))
        fits[cutoff] = fit_linear(
            bulk,
            designs[cutoff],
            errors=errors,
            anchors=anchors,
            members=settings.members,
            seed=data.seed,
            judging=judging,
            weakest=WEAKEST if flexible else RIDGES[-1],
        )
    kept = shortest(fits)
    return kept, designs[kept], fits[kept], bulk
