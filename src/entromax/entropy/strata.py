"""The dataset in strata of density: one entropy for every range of v*.

Ours. Features grow steeply with density, so in one common covariance only the densest structures count: measured, a
library grown on it ends with a median v* of 0.6 and serves no open crystal. An element uses a range of v*, so each
range has to be diverse on its own. The reported entropy is therefore that of the features *given* the stratum,

    H = mean over strata of 1/2 ln det S_k,

equal shares of structures per stratum making the distribution of ln v* itself uniform. One stratum is the plain
functional.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from entromax.entropy.state import EntropyState
from entromax.runtime import atomic_path

_COMMON = ("eps", "rows", "feature_hash")
_STACKED = ("n", "structures", "total", "moment", "mean", "scale")


@dataclass(frozen=True)
class DatasetState:
    """State of a dataset: edges of the strata and the statistics inside each.

    Attributes:
        edges: [K + 1] ascending v* [d_nn^3]; the outer strata are open to the outside.
        parts: K states.
    """

    edges: np.ndarray
    parts: tuple[EntropyState, ...]

    @property
    def n(self) -> int:
        """Rows seen."""
        return sum(part.n for part in self.parts)

    @property
    def structures(self) -> int:
        """Structures seen."""
        return sum(part.structures for part in self.parts)

    @property
    def feature_hash(self) -> str:
        """Identifies the features."""
        return self.parts[0].feature_hash

    def h(self) -> float:
        """Return the mean over strata of 1/2 ln det S [nats, up to a constant]."""
        return float(np.mean([part.h() for part in self.parts]))

    def without_data(self) -> "DatasetState":
        """Return the empty state with the same normalisation."""
        empty = [EntropyState.empty(p.mean, p.scale, p.eps, p.rows, p.feature_hash) for p in self.parts]
        return DatasetState(self.edges, tuple(empty))

    def stratum(self, volumes: np.ndarray | Sequence[float]) -> np.ndarray:
        """Return the stratum of each reduced volume per atom."""
        return np.clip(np.searchsorted(self.edges, np.asarray(volumes), side="right") - 1, 0, len(self.parts) - 1)

    def blocks(self, q: np.ndarray, sizes: np.ndarray, volumes: np.ndarray) -> list[np.ndarray]:
        """Return the rows of each structure, normalised as in its stratum.

        Args:
            q: [N, D] features of the atoms.
            sizes: [S] atoms per structure.
            volumes: [S] reduced volumes per atom.
        """
        atoms = np.split(q, np.cumsum(sizes)[:-1])
        return [
            self.parts[k].row_blocks(own, np.array([len(own)]))[0]
            for k, own in zip(self.stratum(volumes), atoms, strict=True)
        ]

    def add(self, blocks: Sequence[np.ndarray], strata: np.ndarray) -> "DatasetState":
        """Return the state after adding structures, given by their rows and strata."""
        parts = [
            part.add([block for block, k in zip(blocks, strata, strict=True) if k == index])
            for index, part in enumerate(self.parts)
        ]
        return DatasetState(self.edges, tuple(parts))

    def gains(self, blocks: Sequence[np.ndarray], strata: np.ndarray) -> np.ndarray:
        """Return the exact change of H for each structure on its own."""
        result = np.zeros(len(blocks))
        for index, part in enumerate(self.parts):
            own = np.flatnonzero(strata == index)
            if len(own):
                result[own] = part.gains([blocks[int(k)] for k in own]) / len(self.parts)
        return result

    def merge(self, other: "DatasetState") -> "DatasetState":
        """Return the state of both datasets together; exact, whatever the partition.

        Raises:
            ValueError: strata, features, rows, eps or normalisation differ.
        """
        if not np.array_equal(self.edges, other.edges):
            raise ValueError("states cannot be merged: their strata differ; make both with the same library settings")
        return DatasetState(self.edges, tuple(a.merge(b) for a, b in zip(self.parts, other.parts, strict=True)))

    def save(self, path: str | Path) -> None:
        """Write the state as npz, atomically."""
        data = {name: np.stack([np.asarray(getattr(part, name)) for part in self.parts]) for name in _STACKED}
        data |= {name: np.asarray(getattr(self.parts[0], name)) for name in _COMMON}
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, allow_pickle=False, edges=self.edges, **data)

    @classmethod
    def load(cls, path: str | Path) -> "DatasetState":
        """Read a state.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not an entropy state.
        """
        try:
            with np.load(path) as data:
                read = {name: data[name] for name in ("edges", *_STACKED, *_COMMON)}
        except (KeyError, ValueError, EOFError, BadZipFile) as error:
            raise ValueError(f"{path}: not an entropy state ({error}); delete the file and make it again") from error
        parts = [
            EntropyState(
                n=int(read["n"][k]),
                structures=int(read["structures"][k]),
                total=read["total"][k],
                moment=read["moment"][k],
                mean=read["mean"][k],
                scale=read["scale"][k],
                eps=float(read["eps"]),
                rows=str(read["rows"]),
                feature_hash=str(read["feature_hash"]),
            )
            for k in range(len(read["n"]))
        ]
        return cls(read["edges"], tuple(parts))


def log_edges(volume: Sequence[float], strata: int) -> np.ndarray:
    """Return the edges [strata + 1] that cut a range of v* into strata of equal width in ln v*."""
    return np.exp(np.linspace(np.log(volume[0]), np.log(volume[1]), strata + 1))
