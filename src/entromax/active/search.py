"""What every pool of a batch draws from: the potential so far, the bounds, and the structures that are there."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from entromax.active.committee import Bounds, Committee
from entromax.config.models import ActiveSettings
from entromax.features import Features, evaluate
from entromax.structures import read_structures, reduced_volume, scale_structure, with_sid
from entromax.structures.geometry import bare, reduced


@dataclass(frozen=True)
class Candidate:
    """An unlabelled structure [Å], the origin that a pool gives it, and in which run it was ``found``."""

    atoms: Atoms
    origin: str
    found: str = ""


@dataclass(frozen=True)
class Search:
    """One search for structures to label next.

    Attributes:
        element: chemical symbol.
        potential: folder of the potential, fitted to all labels so far.
        committee: the same potential, ready.
        bounds: of what may be chosen.
        settings: of active learning.
        features: in which structures are compared.
        binding: energy of the free atom above the lowest label [eV/atom].
        d_nn: length by which the library is scaled [Å], unit of the features.
        library: ordered library in reduced units.
        volume: smallest and largest v* of the element [d_nn^3].
        skip: suitable structures at the beginning of the library that are labelled anyway.
        labelled: sids that are not chosen again.
        train: labelled structures so far, without the free atom [Å].
        crystal: labelled ground state.
        seed: of everything random, another one for every batch.
    """

    element: str
    potential: Path
    committee: Committee
    bounds: Bounds
    settings: ActiveSettings
    features: Features
    binding: float
    d_nn: float
    library: Path
    volume: tuple[float, float]
    skip: int
    labelled: frozenset[str]
    train: Sequence[Atoms]
    crystal: Atoms
    seed: int

    def unlabelled(self, kind: str) -> Iterator[Atoms]:
        """Yield the next ``candidates`` library structures, scaled to the element [Å], as the given kind."""
        low, high = self.volume
        fitting = (atoms for atoms in read_structures(self.library) if low <= reduced_volume(atoms) <= high)
        scaled = (scale_structure(atoms, self.element, self.d_nn) for atoms in islice(fitting, self.skip, None))
        new = (atoms for atoms in scaled if atoms.info["sid"] not in self.labelled)
        for atoms in islice(new, self.settings.candidates):
            atoms.info["config_type"] = kind
            yield atoms

    def changed(self, atoms: Atoms, kind: str, library_sid: str = "") -> Atoms:
        """Return a moved structure under a name of its own, as the given kind."""
        atoms = bare(atoms)
        atoms.wrap()
        named = with_sid(atoms)
        named.info |= {"element": self.element, "library_sid": library_sid, "config_type": kind}
        return named

    def survey(self, candidates: Sequence[Candidate]) -> pd.DataFrame:
        """Return what the committee says about each candidate.

        Columns: ``sid``, ``library_sid``, ``pool`` (kind), ``origin``, ``found`` (the run), ``atoms``, ``volume``
        [Å^3/atom], ``energy`` [eV/atom above the lowest], ``force`` [eV/Å], ``bar`` [eV/atom], ``score`` [eV/atom] (see
        ``Committee.opinion``), ``excluded`` (the bound that is broken, or empty), ``rank`` (NaN).
        """
        rows: list[dict[str, Any]] = []
        for candidate in candidates:
            atoms = candidate.atoms
            opinion = self.committee.opinion(atoms)
            rows.append(
                {
                    "sid": atoms.info["sid"],
                    "library_sid": atoms.info["library_sid"],
                    "pool": atoms.info["config_type"],
                    "origin": candidate.origin,
                    "found": candidate.found,
                    "atoms": len(atoms),
                    "volume": reduced_volume(atoms),
                    **asdict(opinion),
                    "excluded": self.bounds.broken(atoms, opinion),
                    "rank": np.nan,
                }
            )
        return pd.DataFrame(rows, columns=None if rows else ["excluded"])

    def places(self, structures: Sequence[Atoms]) -> np.ndarray:
        """Return where structures are in feature space [S, D]: the means over their atoms, the same for any cell."""
        if not structures:
            return np.empty((0, 0))
        values = evaluate([reduced(atoms, self.d_nn) for atoms in structures], self.features)
        ends = np.cumsum([len(atoms) for atoms in structures])[:-1]
        return np.array([part.mean(axis=0) for part in np.split(values, ends)])


def standardised(places: np.ndarray) -> np.ndarray:
    """Return columns [S, D'] of spread one; those that hardly vary are left out."""
    spread = places.std(axis=0)
    alive = spread > 1e-12 * np.abs(places).max(initial=1.0)
    return np.asarray(places[:, alive] / spread[alive])


def choose(scores: np.ndarray, places: np.ndarray, n: int) -> np.ndarray:
    """Return which ``n`` structures to label, best first: uncertain ones, and uncertain about different things.

    Greedy maximum of the determinant of s_i s_j exp(-|x_i - x_j|^2 / 2 D), the determinantal point process of quality
    and diversity [Kulesza & Taskar, Found. Trends Mach. Learn. 5, 123 (2012)], by pivoted Cholesky [Chen, Zhang & Zhou,
    NeurIPS 2018]. The first structure is the one of largest score. Each further one has the largest score that
    is left once the part that the chosen ones explain is subtracted. Scores alone would choose nearly equal structures.

    Args:
        scores: [S] scores s, not negative.
        places: [S, D] where the structures are in feature space; columns are standardised here, so that two structures
            taken at random have a mean squared distance of 2 D and are alike by about 1/e.
        n: how many; fewer when there are not so many.
    """
    x = standardised(places)
    left = scores**2
    least = 1e-12 * left + np.finfo(float).tiny  # when nothing new is left to be told, scores decide
    factors = np.zeros((min(n, len(x)), len(x)))
    order = np.zeros(len(factors), dtype=int)
    for k in range(len(factors)):
        best = order[k] = int(np.argmax(left))
        alike = np.exp(-np.sum((x - x[best]) ** 2, axis=1) / (2 * max(x.shape[1], 1)))
        told = scores * scores[best] * alike - factors[:k, best] @ factors[:k]
        factors[k] = told / np.sqrt(left[best])
        left = np.maximum(left - factors[k] ** 2, least)
        left[order[: k + 1]] = -np.inf
    return order
