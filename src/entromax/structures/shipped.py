"""The library that comes with the package: made once, in reduced units, the same to the bit on every machine.

Entropy maximisation is chaotic: another processor, and the same seed gives another library. What is shipped is
therefore the result, and coordinates are stored as whole multiples of 1e-8 d_nn. A library never changes: another one
is another version.

It stands in the order in which to label it: random, with the same share of every range of v* and of perfect crystals in
every part. What a filter leaves of a random order is a random order, so every prefix of it stands for the whole.
docs/library.md shows why it is not the D-optimal one.

Beside it a second order is stored, ``diverse``: whoever wants the most different environments, and does not fit to them
alone, takes its prefixes. It was computed in floating point once, so it is a file with a checksum of its own.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from entromax.runtime import atomic_path, write_json
from entromax.structures.identity import DECIMALS, content_hash
from entromax.structures.rescale import scale_structure

FOLDER = Path(__file__).parents[1] / "data"
LATEST = 1
DEFAULT_ORDER = "labels"
"""The order in which a library is stored; each other one is a file beside it."""


class LibraryError(ValueError):
    """A shipped library that is damaged, does not exist, or holds too little of what is wanted."""


@dataclass(frozen=True)
class ShippedLibrary:
    """Structures in reduced units, and an order in which to take them.

    Attributes:
        about: version, checksum, licence, how it was made.
        cells: [S, 3, 3] cell vectors [1e-8 d_nn].
        positions: [N, 3] Cartesian, structure after structure [1e-8 d_nn].
        sizes: [S] atoms per structure.
        kinds: [S] what each has grown from: a kind of seed, or the name of a perfect crystal.
        order: [S] indices of all structures, the first to be taken first.
    """

    about: Mapping[str, Any]
    cells: np.ndarray
    positions: np.ndarray
    sizes: np.ndarray
    kinds: np.ndarray
    order: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def volumes(self) -> np.ndarray:
        """[S] reduced volume per atom v* [d_nn^3]."""
        a, b, c = np.moveaxis(self.cells / 10.0**DECIMALS, 1, 0)
        # Written out: a determinant of LAPACK may differ in its last digit from machine to machine.
        triple = (
            a[:, 0] * (b[:, 1] * c[:, 2] - b[:, 2] * c[:, 1])
            + a[:, 1] * (b[:, 2] * c[:, 0] - b[:, 0] * c[:, 2])
            + a[:, 2] * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
        )
        return np.abs(triple) / self.sizes

    def chosen(self, atoms: Sequence[int], volume: Sequence[float] | None = None) -> np.ndarray:
        """Return the indices of all structures inside a filter, in order.

        Args:
            atoms: smallest and largest number of atoms.
            volume: smallest and largest v* [d_nn^3]; None: all.
        """
        inside = (self.sizes >= atoms[0]) & (self.sizes <= atoms[1])
        if volume is not None:
            inside &= (self.volumes >= volume[0]) & (self.volumes <= volume[1])
        return self.order[inside[self.order]]

    def select(
        self, atoms: Sequence[int], volume: Sequence[float] | None = None, number: int | None = None
    ) -> list[Atoms]:
        """Return the first structures inside a filter, symbol X, in reduced units.

        Args:
            atoms: smallest and largest number of atoms.
            volume: smallest and largest v* [d_nn^3]; None: all.
            number: how many; None: all there are.

        Returns:
            Structures with info ``sid``, ``rank`` (from 0), ``seed_kind``, ``v_star`` and ``library`` (its version).

        Raises:
            LibraryError: there are fewer than ``number``.
        """
        found = self.chosen(atoms, volume)
        if number is not None and len(found) < number:
            raise LibraryError(self.shortage(atoms, volume, number))
        return [self._structure(int(k), rank) for rank, k in enumerate(found[:number])]

    def shortage(self, atoms: Sequence[int], volume: Sequence[float] | None, number: int) -> str:
        """Return how many structures a filter leaves, and how many it would with either bound as wide as can be."""
        text = f"library v{self.about['version']}: {number} structures wanted, but {len(self.chosen(atoms, volume))}"
        text += f" have {atoms[0]} to {atoms[1]} atoms"
        if volume is None:
            return f"{text}; it holds {len(self)} of 1 to {self.sizes.max()}: widen the range of atoms or take fewer"
        wide_atoms, wide_volume = len(self.chosen((1, self.sizes.max()), volume)), len(self.chosen(atoms))
        return (
            f"{text} and v* in [{volume[0]:g}, {volume[1]:g}]; widen the range of atoms (up to {wide_atoms} at these "
            f"volumes) or of v* (up to {wide_volume} with so many atoms), or take fewer"
        )

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum(self.sizes)

    def _structure(self, k: int, rank: int) -> Atoms:
        end = int(self._ends[k])
        positions = self.positions[end - int(self.sizes[k]) : end] / 10.0**DECIMALS
        cell = self.cells[k] / 10.0**DECIMALS
        atoms = Atoms("X" * len(positions), cell=cell, positions=positions, pbc=True)
        volume = float(np.round(self.volumes[k], 6))
        kind = str(self.kinds[k])
        own = {"sid": content_hash(atoms), "rank": rank, "seed_kind": kind, "v_star": volume}
        atoms.info = own | {"library": int(self.about["version"])}
        return atoms


def versions(folder: Path = FOLDER) -> list[int]:
    """Return the versions that are shipped, ascending."""
    return sorted(int(path.stem.removeprefix("library_v")) for path in folder.glob("library_v*.json"))


def orders(version: int, folder: Path = FOLDER) -> list[str]:
    """Return the orders that a version can be taken in, the default first."""
    stored = (path.stem.removeprefix(f"order_v{version}_") for path in folder.glob(f"order_v{version}_*.json"))
    return [DEFAULT_ORDER, *sorted(stored)]


def read_library(version: int = LATEST, folder: Path = FOLDER, order: str = DEFAULT_ORDER) -> ShippedLibrary:
    """Read a shipped library.

    Args:
        version: one of :func:`versions`.
        folder: where the libraries are.
        order: one of :func:`orders`; docs/library.md says which is for what.

    Raises:
        LibraryError: there is no such version or order, or a checksum is wrong.
    """
    if version not in versions(folder):
        there = ", ".join(map(str, versions(folder))) or "none"
        raise LibraryError(f"there is no library version {version}; shipped with this entromax: {there}")
    if order not in orders(version, folder):
        raise LibraryError(f"library v{version} has no order {order!r}; there are {', '.join(orders(version, folder))}")
    about, data = _checked(folder / f"library_v{version}")
    stem = folder / f"order_v{version}_{order}"
    taken = np.arange(about["structures"]) if order == DEFAULT_ORDER else _read_order(stem, about["sha256"])
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        return ShippedLibrary(
            about=about,
            cells=arrays["cells"],
            positions=arrays["positions"],
            sizes=arrays["sizes"].astype(int),
            kinds=arrays["kind_names"][arrays["kinds"]],
            order=taken,
        )


def _checked(stem: Path) -> tuple[dict[str, Any], bytes]:
    """Return what <stem>.json says about <stem>.npz, and the bytes of the latter.

    Raises:
        LibraryError: it cannot be read, or its checksum is wrong.
    """
    about, path = json.loads(stem.with_suffix(".json").read_text()), stem.with_suffix(".npz")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LibraryError(f"{path}: cannot be read ({error.strerror}); install entromax again") from error
    if hashlib.sha256(data).hexdigest() != about["sha256"]:
        raise LibraryError(f"{path}: is damaged (wrong checksum); install entromax again")
    return about, data


def _read_order(stem: Path, library_sha256: str) -> np.ndarray:
    about, data = _checked(stem)
    if about["library_sha256"] != library_sha256:
        raise LibraryError(f"{stem}.npz: orders another library than the one beside it; install entromax again")
    with np.load(BytesIO(data), allow_pickle=False) as arrays:
        return np.asarray(arrays["order"], dtype=int)


def write_library(structures: Sequence[Atoms], about: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Write a library of a new version.

    Args:
        structures: in the order in which to label them; quantised, in reduced units, with ``info["seed_kind"]``.
        about: ``version``, ``licence``, how it was made; checksum and sizes are added.
        folder: where the libraries are.

    Returns:
        The file.

    Raises:
        LibraryError: the version exists already, or a coordinate exceeds 21 d_nn.
    """
    version = int(about["version"])
    if version in versions(folder):
        raise LibraryError(
            f"library version {version} exists: a library never changes, take version {versions(folder)[-1] + 1}"
        )
    names, kinds = np.unique([str(atoms.info["seed_kind"]) for atoms in structures], return_inverse=True)
    arrays: dict[str, Any] = {
        "cells": _whole(np.stack([atoms.cell.array for atoms in structures])),
        "positions": _whole(np.concatenate([atoms.positions for atoms in structures])),
        "sizes": np.array([len(atoms) for atoms in structures], dtype="u1"),
        "kind_names": names,
        "kinds": kinds.astype("u1"),
    }
    counts = {"structures": len(structures), "environments": len(arrays["positions"])}
    return _write_with_checksum(folder / f"library_v{version}", arrays, {**about, **counts})


def write_order(name: str, order: np.ndarray, library: ShippedLibrary, about: Mapping[str, Any], folder: Path) -> Path:
    """Write another order of a library beside it.

    Args:
        name: of the order.
        order: [S] indices of all structures of the library, the first to be taken first.
        library: that it orders.
        about: how it was made; version, checksums and size are added.
        folder: where the library is.

    Returns:
        The file.

    Raises:
        LibraryError: the order exists already, or does not hold every structure once.
    """
    version = int(library.about["version"])
    if name in orders(version, folder):
        raise LibraryError(f"library v{version} has an order {name!r}: an order never changes, take another name")
    if not np.array_equal(np.sort(order), np.arange(len(library))):
        raise LibraryError(f"order {name!r}: must hold each of the {len(library)} structures once")
    facts = {"version": version, "order": name, "library_sha256": library.about["sha256"]}
    return _write_with_checksum(folder / f"order_v{version}_{name}", {"order": order.astype("u4")}, {**facts, **about})


def _write_with_checksum(stem: Path, arrays: Mapping[str, Any], about: Mapping[str, Any]) -> Path:
    path = stem.with_suffix(".npz")
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    data = path.read_bytes()
    write_json(stem.with_suffix(".json"), {**about, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)})
    return path


def _whole(lengths: np.ndarray) -> np.ndarray:
    """Return lengths [d_nn] as multiples of 1e-8.

    Raises:
        LibraryError: a length does not fit into four bytes.
    """
    whole = np.rint(lengths * 10.0**DECIMALS)
    if np.abs(whole).max() > np.iinfo("<i4").max:
        raise LibraryError("coordinates beyond 21 d_nn cannot be stored: wrap the atoms, leave such cells out")
    return whole.astype("<i4")


def library_structures(
    symbol: str,
    d_nn: float,
    *,
    volume: Sequence[float] | None = None,
    atoms: Sequence[int] = (1, 8),
    number: int | None = None,
    version: int = LATEST,
    order: str = DEFAULT_ORDER,
) -> list[Atoms]:
    """Return the first structures of the shipped library for an element: all that a DFT workflow of one's own needs.

    Args:
        symbol: chemical symbol.
        d_nn: nearest-neighbour distance of its ground state [Å].
        volume: smallest and largest volume per atom in units of d_nn^3; None: all from 0.5 to 3.5.
        atoms: smallest and largest number of atoms in a cell.
        number: how many; None: all there are.
        version: of the library.
        order: ``labels``, every prefix stands for the whole; ``diverse``, every prefix has the most different
            environments. To fit potentials take ``labels`` (docs/library.md).

    Returns:
        Structures [Å] with info ``sid``, ``library_sid``, ``element`` and ``config_type``, in order.

    Raises:
        LibraryError: there are fewer than ``number``, there is no such version or order, or a file is damaged.
    """
    chosen = read_library(version, order=order).select(atoms, volume, number)
    return [scale_structure(structure, symbol, d_nn) for structure in chosen]
