"""How little the committee of a potential knows of a structure, and whether a label of it would be used."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from entromax.config.models import ElementSettings, LabelSettings
from entromax.dataset.limits import Limits
from entromax.labels.record import too_close
from entromax.potentials import load_potential
from entromax.potentials.base import CARD, split_free_atom
from entromax.structures import read_structures, reduced_volume
from entromax.structures.geometry import bare


@dataclass(frozen=True)
class Opinion:
    """What a committee says about a structure.

    Attributes:
        energy: above the lowest training structure [eV/atom].
        force: the largest on an atom [eV/Å].
        bar: calibrated standard deviation of the energy [eV/atom]; NaN of a potential without error bars.
        score: see :meth:`Committee.opinion` [eV/atom]; NaN where there is no bar.
    """

    energy: float
    force: float
    bar: float
    score: float


@dataclass(frozen=True)
class Committee:
    """A potential, with error bars if it has them.

    Attributes:
        calculator: may answer ``energy_std``.
        lowest: energy of the lowest training structure [eV/atom].
        height: over which the weights of its fit fall [eV/atom]; infinite for families that weigh all energies alike.
    """

    calculator: BaseCalculator
    lowest: float
    height: float

    @classmethod
    def load(cls, potential: str | Path, train: str | Path) -> "Committee":
        """Return the committee of a fitted potential.

        Args:
            potential: its folder.
            train: its training set.
        """
        _, bulk = split_free_atom(read_structures(train))
        settings = json.loads((Path(potential) / CARD).read_text())["settings"]
        lowest = min(float(atoms.info["REF_energy"]) / len(atoms) for atoms in bulk)
        return cls(load_potential(potential), lowest, float(settings.get("height", np.inf)))

    def opinion(self, atoms: Atoms) -> Opinion:
        """Return energy, largest force, error bar and score of a structure of N atoms.

        The score is query by committee [Seung, Opper & Sompolinsky, COLT 1992] with the energy,

            score = sigma_E / N / sqrt(1 + (E / height)^2),

        the root of what the fit would lose by an error as large as the bar: its loss is that of energies per atom, and
        the factor is the root of the weight that it gives the structure, E its energy per atom above the lowest (not
        below zero). Without the factor the densest cells would always win, which no fit attends to. A supercell has
        the score of its primitive cell; sigma_E / sqrt(N) [Smith et al., J. Chem. Phys. 148, 241733 (2018)] would
        favour it, as the errors of equal atoms are equal. Forces cannot judge here: in the smallest cells symmetry
        makes them vanish.
        """
        n = len(atoms)
        plain = bare(atoms)
        has_bars = "energy_std" in self.calculator.implemented_properties
        sigma = float(self.calculator.get_property("energy_std", plain)) if has_bars else np.nan
        energy = float(self.calculator.get_property("energy", plain)) / n - self.lowest
        force = float(np.linalg.norm(self.calculator.get_property("forces", plain), axis=1).max())
        score = sigma / n / np.hypot(1, max(energy, 0.0) / self.height)
        return Opinion(energy, force, sigma / n, float(score))


@dataclass(frozen=True)
class Bounds:
    """What a structure must keep to be labelled and trained on.

    Attributes:
        distance: of the closest pair, periodic images included [Å].
        volume: smallest and largest volume per atom [Å^3].
        energy: largest predicted energy above the lowest [eV/atom].
        force: largest predicted force [eV/Å].
    """

    distance: float
    volume: tuple[float, float]
    energy: float
    force: float

    @classmethod
    def of(cls, element: ElementSettings, scale: float, labels: LabelSettings, limits: Limits) -> "Bounds":
        """Return the bounds of the library (scaled by ``scale`` [Å]), of the labels, and of the dataset's quality."""
        low, high = (volume * scale**3 for volume in element.volume)
        return cls(labels.min_distance * element.d_nn, (low, high), limits.energy, min(labels.max_force, limits.force))

    def broken(self, atoms: Atoms, opinion: Opinion) -> str:
        """Return which bound a structure breaks, or ``""``."""
        if not np.isfinite([opinion.energy, opinion.force]).all() or np.isinf(opinion.score):
            return "the committee gives no finite number"
        if reason := too_close(atoms, self.distance):
            return reason
        if not self.volume[0] <= reduced_volume(atoms) <= self.volume[1]:
            return "volume outside the range of the element"
        if opinion.energy > self.energy:
            return f"predicted energy above the limit of the dataset, {self.energy:.1f} eV/atom (dataset.max_energy)"
        if opinion.force > self.force:
            return f"predicted force above the largest allowed, {self.force:g} eV/Å"
        return ""
