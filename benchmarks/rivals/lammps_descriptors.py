"""Bispectrum of one structure from LAMMPS, and a gradient in it pulled back to positions and strain.

Two ways to the gradient:

- `computes`: from `compute snad/atom` and `snav/atom`. These sum over the central atoms of one *type*, so every atom
  gets a type of its own: the gradient of a sum over atoms would not be the gradient of H.
- `adjoint`: dH/dq of every atom as the coefficients of its type in `pair_style snap`, which pulls them back without
  the gradients of single components, as ML-IAP does for the public codes. About twice as fast.
"""

import ctypes
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.lammps import Prism

from entromax.config.models import FeatureSettings
from tests.support.lammps_snap import by_atom, open_lammps, settings

_VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
_BAR = 1.6021765e6  # bar in eV/Å^3, as units metal of LAMMPS has it


class LammpsBox:
    """One LAMMPS that holds one structure, every atom a type of its own."""

    def __init__(self, count: int, pair_style: str, cutoff: float) -> None:
        self.count, self._step = count, 0
        self.run = open_lammps((1, 1, 1, 0, 0, 0), count, pair_style, cutoff)
        ids = list(range(1, count + 1))
        self.run.create_atoms(count, ids, ids, np.full(3 * count, 0.5).tolist())

    def move(self, prism: Prism, positions: np.ndarray) -> None:
        """Set cell and positions [n, 3] in the frame of LAMMPS and evaluate."""
        xhi, yhi, zhi, xy, xz, yz = (repr(float(value)) for value in prism.get_lammps_prism())
        self.run.command(
            f"change_box all x final 0 {xhi} y final 0 {yhi} z final 0 {zhi} "
            f"xy final {xy} xz final {xz} yz final {yz} units box"
        )
        self.run.scatter_atoms("x", 1, 3, positions.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))
        # Lists of computes are built once per time step: without a new one they would be those of the last structure.
        self._step += 1
        self.run.command(f"reset_timestep {self._step}")
        self.run.command("run 0 post no")

    def sorted(self, rows: np.ndarray) -> np.ndarray:
        """Return rows of the local atoms in the order of the structure."""
        return by_atom(self.run, rows, self.count)

    def table(self, compute: str) -> np.ndarray:
        """Return the rows of a compute per atom."""
        return self.sorted(self.run.numpy.extract_compute(compute, 1, 2))


class LammpsDescriptors:
    """Bispectrum of one structure by `compute sna/atom` and the pull-back of a gradient by one of two ways.

    Args:
        count: number of atoms.
        features: the bispectrum.
        way: `computes` or `adjoint`, see the docstring of the module.
        folder: for the coefficients that LAMMPS reads.
    """

    def __init__(self, count: int, features: FeatureSettings, way: str, folder: Path) -> None:
        self._way = way
        plain = f"pair_style zero {features.cutoff}\npair_coeff * *"
        self._box = LammpsBox(count, plain, features.cutoff)
        styles = {"b": "sna", "d": "snad", "v": "snav"} if way == "computes" else {"b": "sna"}
        for name, style in styles.items():
            arguments = settings(features.cutoff, features.twojmax, features.rfac0, count)
            self._box.run.command(f"compute {name} all {style}/atom {arguments}")
        if way == "adjoint":
            self._coefficients, parameters = folder / "x.snapcoeff", folder / "x.snapparam"
            parameters.write_text(
                f"rcutfac {features.cutoff}\ntwojmax {features.twojmax}\nrfac0 {features.rfac0}\nrmin0 0\nbzeroflag 0\n"
            )
            elements = " ".join(f"E{k}" for k in range(count))
            self._read = f"pair_style snap\npair_coeff * * {self._coefficients} {parameters} {elements}"
            self._pair: LammpsBox | None = None
            self._cutoff = features.cutoff

    def values(self, atoms: Atoms) -> np.ndarray:
        """Return q [n, D] and keep the structure for `pull_back`."""
        self._prism, self._volume = Prism(atoms.cell.array), atoms.get_volume()
        self._positions = np.ascontiguousarray(self._prism.vector_to_lammps(atoms.positions, wrap=True), dtype=float)
        self._box.move(self._prism, self._positions)
        return self._box.table("b")

    def pull_back(self, gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradients in positions [n, 3] and strain [3, 3] for the gradient [n, D] in the descriptors."""
        forces, virial = self._adjoint(gradient) if self._way == "adjoint" else self._computes(gradient)
        turn = self._prism.rot_mat
        return -forces @ turn.T, -turn @ virial[_VOIGT] @ turn.T

    def _computes(self, gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, dim = gradient.shape
        forces = np.einsum("jtak,tk->ja", self._box.table("d").reshape(n, n, 3, dim), gradient)
        virial = self._box.table("v").sum(axis=0).reshape(n, 6, dim)
        return forces, np.einsum("tak,tk->a", virial, gradient)

    def _adjoint(self, gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, dim = gradient.shape
        lines = [f"{n} {dim + 1}"]
        for k, row in enumerate(gradient.tolist()):
            lines += [f"E{k} 0.5 1.0", "0.0", *map(repr, row)]
        self._coefficients.write_text("\n".join(lines) + "\n")
        if self._pair is None:
            self._pair = LammpsBox(n, self._read, self._cutoff)
        else:
            self._pair.run.commands_string(f"pair_style none\n{self._read}")
        self._pair.move(self._prism, self._positions)
        forces = self._pair.sorted(self._pair.run.numpy.extract_atom("f"))
        pressure = np.array(self._pair.run.numpy.extract_compute("thermo_press", 0, 1))[[0, 1, 2, 5, 4, 3]]
        return forces, pressure * self._volume / _BAR

    def close(self) -> None:
        """End LAMMPS."""
        self._box.run.close()
        if self._way == "adjoint" and self._pair is not None:
            self._pair.run.close()
