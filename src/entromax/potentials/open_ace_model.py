"""A fitted linear ACE of this package: its numbers, its ASE calculator, and its file for LAMMPS."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from entromax.potentials.cluster_basis import ClusterBasis
from entromax.potentials.cluster_functions import Channel, Factors, cluster_functions
from entromax.potentials.core import Core, with_room
from entromax.potentials.design import growth, load_numbers, rows_and_targets, save_numbers, spread
from entromax.potentials.hidden_layer import READOUT_SCALE, HiddenLayer
from entromax.potentials.linear import LinearFit

MODEL, LAMMPS = "open_ace.npz", "open_ace.yace"
SKIN = 0.5
"""Extra radius within which neighbours are remembered between steps [Å]."""


@dataclass(frozen=True)
class OpenAceModel:
    """The energy of an atom is e0 + coefficients . functions, over the repulsion of the core.

    The functions are cluster functions and, behind them, hidden units over the first of these.

    Attributes:
        element: chemical symbol.
        cutoff: [Å].
        n_max: see ``cluster_functions``.
        l_max: see ``cluster_functions``.
        e0: energy of the free atom [eV].
        zbl: radii of the ZBL repulsion [Å]; none without it.
        coefficients: [p] [eV].
        deviations: [M, p] committee, see ``LinearFit``.
        scales: factors that calibrate the standard deviations of energy and forces.
        centres: see ``HiddenLayer``, whose units are the last of the functions; None without them.
        input_scales: see there.
    """

    element: str
    cutoff: float
    n_max: tuple[int, ...]
    l_max: tuple[int, ...]
    e0: float
    zbl: tuple[float, float] | None
    coefficients: np.ndarray
    deviations: np.ndarray
    scales: tuple[float, float] = (1.0, 1.0)
    centres: np.ndarray | None = None
    input_scales: np.ndarray | None = None

    def save(self, path: Path) -> None:
        """Write all numbers to one npz."""
        save_numbers(self, path)

    @classmethod
    def load(cls, path: Path) -> "OpenAceModel":
        """Read what ``save`` wrote."""
        return cls(**{"zbl": None} | load_numbers(path, ("coefficients", "deviations", "centres", "input_scales")))

    @cached_property
    def basis(self) -> ClusterBasis:
        """The cluster functions."""
        number = len(self.coefficients) - self.layer.size
        return ClusterBasis(cluster_functions(self.n_max, self.l_max, number), self.cutoff, SKIN)

    @cached_property
    def layer(self) -> HiddenLayer:
        """The units over them."""
        if self.centres is None or self.input_scales is None:
            return HiddenLayer.none()
        return HiddenLayer(self.centres, self.input_scales)

    def projections(self, atoms: Atoms) -> np.ndarray:
        """Return all functions [N, p] of every atom of a periodic structure."""
        return self.layer.extend(self.basis.projections(atoms))

    def rows(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what every coefficient alone would give.

        Returns:
            Energy [p], forces [N, 3, p] and stress [6, p] (ASE's order and sign), per unit of the coefficient [eV].
        """
        values, parts = self.basis.gradients(atoms)
        size = len(self.coefficients)
        forces, stress = np.zeros((len(atoms), 3, size)), np.zeros((6, size))
        for descriptors, (near, *gradients) in zip(values, parts, strict=True):
            of_forces, of_stress = self.layer.gradients(descriptors, gradients)
            forces[near] += of_forces
            stress += of_stress
        return self.layer.extend(values).sum(axis=0), forces, stress

    def readout(self, functions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return energies [N] above free atoms and their derivatives [N, p] in the cluster functions [N, p]."""
        return self.layer.extend(functions) @ self.coefficients, self.layer.slopes(self.coefficients, functions)

    @cached_property
    def core(self) -> Core:
        """The repulsion below it."""
        return Core(self.element, self.zbl)

    def commands(self) -> str | None:
        """Return the commands of a LAMMPS with the package ML-PACE, which knows no hidden units: None with them."""
        return None if self.layer.size else self.core.commands("pace", f"{LAMMPS} {self.element}")

    def write_lammps(self, path: Path) -> None:
        """Write the potential without its core in the format of ML-PACE: products with their coefficients."""
        groups: dict[tuple[Channel, ...], dict[Factors, float]] = defaultdict(lambda: defaultdict(float))
        for function, coefficient in zip(self.basis.functions, self.coefficients, strict=True):
            for factors, value in function.terms.items():
                groups[function.channels][factors] += coefficient * value
        higher = [channel for channels in groups if len(channels) > 1 for channel in channels] or [(1, 0)]
        radial, n_max, l_max = max(n for channels in groups for n, _ in channels), *map(max, zip(*higher, strict=True))
        pick = [[[int(k == n) for k in range(radial)]] * (l_max + 1) for n in range(n_max)]
        lines = [
            f"elements: [{self.element}]",
            f"E0: [{self.e0:.17e}]",
            "deltaSplineBins: 0.001",
            "embeddings:",
            "  0: {ndensity: 1, FS_parameters: [1, 1], npoti: FinnisSinclairShiftedScaled, "
            "rho_core_cutoff: 100000, drho_core_cutoff: 250}",
            "bonds:",
            f"  [0, 0]: {{nradmax: {n_max}, lmax: {l_max}, nradbasemax: {radial}, radbasename: SBessel, "
            f"radparameters: [5.25], radcoefficients: {pick}, prehc: 0, lambdahc: 1, rcut: {self.cutoff:.17e}, "
            "dcut: 0.01, rcut_in: 0, dcut_in: 0, inner_cutoff_type: distance}",
            "functions:",
            "  0:",
            *(_function(channels, terms) for channels, terms in groups.items()),
        ]
        path.write_text("\n".join(lines) + "\n")


def _function(channels: Sequence[Channel], terms: dict[Factors, float]) -> str:
    """Return the products of some channels as a line of a ``.yace`` file."""
    momenta = [m for factors in terms for _, _, m in factors]
    values = ", ".join(f"{value:.17e}" for value in terms.values())
    return (
        f"    - {{mu0: 0, rank: {len(channels)}, ndensity: 1, num_ms_combs: {len(terms)}, mus: {[0] * len(channels)}, "
        f"ns: {[n for n, _ in channels]}, ls: {[ell for _, ell in channels]}, ms_combs: {momenta}, "
        f"ctildes: [{values}]}}"
    )


@dataclass(frozen=True)
class OpenAceDesign:
    """Structures as rows of cluster functions and whitened units, above free atoms and ZBL; see ``linear.Design``."""

    model: OpenAceModel

    @property
    def size(self) -> int:
        """Number of functions and units."""
        return self.model.coefficients.size

    def scale(self, sizes: np.ndarray) -> np.ndarray:
        """Return the scale of the coefficients; see ``design.growth``."""
        functions = sizes[: self.model.basis.size] * growth(self.model.basis.degrees())
        return np.append(functions, np.full(self.model.layer.size, READOUT_SCALE))

    def rows(self, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and targets of a labelled structure."""
        rows, targets = rows_and_targets(atoms, self.model.rows(atoms), self.model.core, self.model.e0)
        return self._whitened(rows), targets

    def energy(self, atoms: Atoms) -> tuple[np.ndarray, float]:
        """Return the row of the energy per atom and the repulsion below it [eV/atom]."""
        row = self.model.projections(atoms).mean(axis=0)
        return self._whitened(row), self.model.core.repulsion(atoms)[0] / len(atoms)

    def fitted(self, solved: LinearFit) -> OpenAceModel:
        """Return the model with the coefficients of a fit to such rows."""
        return replace(
            self.model,
            coefficients=self._unwhitened(solved.coefficients),
            deviations=self._unwhitened(solved.deviations),
            scales=solved.scales,
        )

    @cached_property
    def _whitening(self) -> np.ndarray:
        return self.model.layer.whitening()

    def _whitened(self, rows: np.ndarray) -> np.ndarray:
        if not self.model.layer.size:
            return rows
        functions, units = np.split(rows, [self.model.basis.size], axis=-1)
        return np.concatenate([functions, units @ self._whitening], axis=-1)

    def _unwhitened(self, coefficients: np.ndarray) -> np.ndarray:
        if not self.model.layer.size:
            return coefficients
        functions, units = np.split(coefficients, [self.model.basis.size], axis=-1)
        return np.concatenate([functions, units @ self._whitening.T], axis=-1)


class OpenAceCalculator(Calculator):
    """Linear ACE over free atoms and ZBL, with error bars.

    Directions without periodicity are given room; the stress exists for structures periodic in all three.
    """

    def __init__(self, model: OpenAceModel, **kwargs: Any) -> None:
        """Prepare the calculator of a fitted model."""
        super().__init__(**kwargs)
        self.implemented_properties = ["energy", "free_energy", "forces", "stress", "energy_std", "forces_std"]
        self.model = model

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Fill ``results``; the standard deviations only when asked for, see ``Family.load``."""
        super().calculate(atoms, properties, system_changes)
        if strange := set(self.atoms.get_chemical_symbols()) - {self.model.element}:
            raise ValueError(
                f"this potential is for {self.model.element}, the structure holds {', '.join(sorted(strange))}"
            )
        whole = with_room(self.atoms, self.model.cutoff)
        values, forces, strain = self.model.basis.energies(whole, self.model.readout)
        repulsion, pushes, stress = self.model.core.repulsion(whole)
        energy = float(values.sum()) + len(whole) * self.model.e0 + repulsion
        self.results = {"energy": energy, "free_energy": energy, "forces": forces + pushes}
        if self.atoms.pbc.all():
            self.results["stress"] = strain / whole.get_volume() + stress
        if "energy_std" in properties:
            sums = self.model.projections(whole).sum(axis=0)
            self.results["energy_std"] = self.model.scales[0] * spread(self.model.deviations @ sums)
        if "forces_std" in properties:
            parts = np.moveaxis(self.model.rows(whole)[1] @ self.model.deviations.T, -1, 0)
            self.results["forces_std"] = self.model.scales[1] * spread(parts)
