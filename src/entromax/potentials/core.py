"""The repulsion of close nuclei below every potential fitted here: energy, calculator, commands of LAMMPS."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, Calculator, all_changes
from ase.calculators.mixing import SumCalculator
from ase.data import atomic_numbers

from entromax.runtime import write_json

if TYPE_CHECKING:
    from entromax.potentials.zbl import Zbl


@dataclass(frozen=True)
class Core:
    """ZBL repulsion of one element, or none.

    Attributes:
        element: chemical symbol.
        zbl: radii between which it goes to zero [Å]; None: there is none.
    """

    element: str
    zbl: tuple[float, float] | None

    @classmethod
    def of(cls, element: str, radii: Sequence[float] | None, d_nn: float) -> "Core":
        """Return the core with radii in units of d_nn [Å], as the settings have them."""
        return cls(element, None if radii is None else (radii[0] * d_nn, radii[1] * d_nn))

    @cached_property
    def _pair(self) -> "Zbl":
        from entromax.potentials.zbl import Zbl  # torch is slow to import

        return Zbl(atomic_numbers[self.element], *(self.zbl or (0.0, 0.0)))

    def repulsion(self, atoms: Atoms) -> tuple[float, np.ndarray, np.ndarray]:
        """Return energy [eV], forces [N, 3] [eV/Å] and stress [6] [eV/Å^3] of a periodic structure."""
        from entromax.potentials.zbl import zbl_of

        if self.zbl is None:
            return 0.0, np.zeros((len(atoms), 3)), np.zeros(6)
        return zbl_of(atoms, self._pair)

    def commands(self, style: str, arguments: str) -> str:
        """Return the pair commands of LAMMPS for ``style`` with its coefficients, over the core if there is one."""
        if self.zbl is None:
            return f"pair_style {style}\npair_coeff * * {arguments}"
        number = atomic_numbers[self.element]
        return (
            f"pair_style hybrid/overlay zbl {self.zbl[0]!r} {self.zbl[1]!r} {style}\n"
            f"pair_coeff * * zbl {number} {number}\npair_coeff * * {style} {arguments}"
        )

    def below(self, calculator: BaseCalculator) -> BaseCalculator:
        """Return a calculator that adds the core to another."""
        return calculator if self.zbl is None else SumCalculator([calculator, CoreCalculator(self)])

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Core":
        """Read what ``save`` wrote."""
        found = json.loads(path.read_text())
        return cls(found["element"], found["zbl"] and tuple(found["zbl"]))


class CoreCalculator(Calculator):
    """The repulsion alone; the stress exists for structures periodic in three directions."""

    def __init__(self, core: Core) -> None:
        """Prepare the calculator of ``core``, which has radii."""
        super().__init__()
        self.implemented_properties = ["energy", "free_energy", "forces", "stress"]
        self.core = core

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Fill ``results``."""
        super().calculate(atoms, properties, system_changes)
        reach = 0.0 if self.core.zbl is None else self.core.zbl[1]
        energy, forces, stress = self.core.repulsion(with_room(self.atoms, reach))
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if self.atoms.pbc.all():
            self.results["stress"] = stress


def with_room(atoms: Atoms, reach: float) -> Atoms:
    """Return a structure periodic in three directions whose new images are out of ``reach`` [Å] of each other."""
    if atoms.pbc.all():
        return atoms
    cell = atoms.cell.complete().array
    for axis in np.flatnonzero(~atoms.pbc):
        normal = np.cross(cell[axis - 2], cell[axis - 1])
        normal /= np.linalg.norm(normal)
        cell[axis] = normal * (np.ptp(atoms.positions @ normal) + 1.01 * reach)
    return Atoms(atoms.numbers, positions=atoms.positions, cell=cell, pbc=True)
