"""Sufficient statistics of a dataset in feature space, and its entropy (METHOD section 3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

_AT_ONCE = 1024
"""Structures whose gains are computed side by side; bounds the memory."""


@dataclass(frozen=True)
class EntropyState:
    """Dataset seen so far, D features.

    Attributes:
        n: rows seen.
        structures: structures seen.
        total: [D] sum of rows y.
        moment: [D, D] sum of y y^T.
        mean: [D] frozen offset mu of the features.
        scale: [D] frozen scale sigma; y = (q - mu) / sigma.
        eps: regularisation of S.
        rows: ``atoms`` (one row per atom) or ``structures`` (mean over the atoms of each).
        feature_hash: identifies the features that q comes from.
    """

    n: int
    structures: int
    total: np.ndarray
    moment: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    eps: float
    rows: str
    feature_hash: str

    @classmethod
    def empty(cls, mean: np.ndarray, scale: np.ndarray, eps: float, rows: str, feature_hash: str) -> "EntropyState":
        """Return the state of no data with a given normalisation."""
        dim = len(mean)
        return cls(0, 0, np.zeros(dim), np.zeros((dim, dim)), np.array(mean), np.array(scale), eps, rows, feature_hash)

    @classmethod
    def from_reference(
        cls, q: np.ndarray, sizes: np.ndarray, eps: float, rows: str, feature_hash: str
    ) -> "EntropyState":
        """Return an empty state whose normalisation is the mean and standard deviation of a reference sample.

        Args:
            q: [N, D] features of all atoms of the sample.
            sizes: [S] atoms per structure, in the order of ``q``.
            eps: regularisation.
            rows: what counts as a row.
            feature_hash: identifies the features.

        Raises:
            ValueError: a feature is the same in the whole sample, so it has no scale.
        """
        data = reduce_rows(q, sizes, rows)
        scale = data.std(axis=0)
        constant = np.flatnonzero(~(scale > 1e-12 * np.abs(data).max(axis=0).clip(min=1e-300)))
        if constant.size:
            raise ValueError(
                f"features {constant.tolist()} do not vary over the reference sample of {len(sizes)} structures; "
                "raise library.reference_structures or widen library.cells"
            )
        return cls.empty(data.mean(axis=0), scale, eps, rows, feature_hash)

    @property
    def dim(self) -> int:
        """Number of features D."""
        return len(self.mean)

    def normalise(self, q: np.ndarray) -> np.ndarray:
        """Return y = (q - mu) / sigma."""
        return (q - self.mean) / self.scale

    def row_blocks(self, q: np.ndarray, sizes: np.ndarray) -> list[np.ndarray]:
        """Return the normalised rows of each structure, from the features [N, D] of all atoms."""
        if self.rows == "structures":
            return list(self.normalise(reduce_rows(q, sizes, self.rows))[:, None, :])
        return np.split(self.normalise(q), np.cumsum(sizes)[:-1])

    def add(self, blocks: list[np.ndarray]) -> "EntropyState":
        """Return the state after adding structures, each given by its normalised rows [r, D]."""
        if not blocks:
            return self
        y = np.concatenate(blocks)
        return replace(
            self,
            n=self.n + len(y),
            structures=self.structures + len(blocks),
            total=self.total + y.sum(axis=0),
            moment=self.moment + y.T @ y,
        )

    def merge(self, other: "EntropyState") -> "EntropyState":
        """Return the state of both datasets together; exact, whatever the partition.

        Raises:
            ValueError: features, rows, eps or normalisation differ, so the sums mean different things.
        """
        for name in ("feature_hash", "rows", "eps"):
            if getattr(self, name) != getattr(other, name):
                raise ValueError(
                    f"states cannot be merged: {name} is {getattr(self, name)!r} in one and "
                    f"{getattr(other, name)!r} in the other; make both with the same library settings"
                )
        if not (np.array_equal(self.mean, other.mean) and np.array_equal(self.scale, other.scale)):
            raise ValueError(
                "states cannot be merged: they were normalised with different reference samples; "
                "start both from one state"
            )
        return replace(
            self,
            n=self.n + other.n,
            structures=self.structures + other.structures,
            total=self.total + other.total,
            moment=self.moment + other.moment,
        )

    def covariance(self) -> np.ndarray:
        """Return S = (1/n) sum y y^T + eps I; eps I for no data."""
        return self.moment / max(self.n, 1) + self.eps * np.eye(self.dim)

    def h(self) -> float:
        """Return 1/2 ln det S [nats, up to a constant]."""
        return 0.5 * float(np.linalg.slogdet(self.covariance())[1])

    def gain(self, y: np.ndarray) -> float:
        """Return the exact change of H when one structure with normalised rows y [r, D] is added."""
        return float(self.gains([y])[0])

    def gains(self, blocks: list[np.ndarray]) -> np.ndarray:
        """Return the exact change of H for each structure on its own, [number of structures].

        With A = sum y y^T + n eps I, S = A / n. Adding r rows gives A' = A + r eps I + Y^T Y and n' = n + r, hence

            gain = 1/2 ln det(A + r eps I) + 1/2 ln det(1 + Y (A + r eps I)^-1 Y^T) - D/2 ln n' - H,

        where one eigendecomposition of sum y y^T serves all r.
        """
        return joint_log_det_gain(self.moment, self.n, self.eps, blocks) - np.array(
            [0.5 * self.dim * np.log((self.n + len(y)) / max(self.n, 1)) for y in blocks]
        )

    def participation_ratio(self) -> float:
        """Return (tr C)^2 / tr C^2 of the centred covariance C: how many directions the data really fill."""
        if self.n == 0:
            return 0.0
        average = self.total / self.n
        centred = self.moment / self.n - np.outer(average, average)
        return float(np.trace(centred) ** 2 / np.sum(centred**2))


def reduce_rows(q: np.ndarray, sizes: np.ndarray, rows: str) -> np.ndarray:
    """Return features [N, D] as rows of the dataset: as they are, or averaged over each structure [S, D]."""
    if rows == "atoms":
        return q
    starts = np.cumsum(sizes) - sizes
    return np.add.reduceat(q, starts, axis=0) / np.asarray(sizes)[:, None]


def joint_log_det_gain(moment: np.ndarray, n: int, eps: float, blocks: list[np.ndarray]) -> np.ndarray:
    """Return 1/2 ln det(A + r eps I + Y^T Y) - 1/2 ln det A for each structure, A = moment + max(n, 1) eps I.

    This part of the gain never grows when the dataset does (ln det of a sum of positive matrices is submodular), which
    is what lazy greedy selection needs.

    Args:
        moment: [D, D] sum of y y^T over n rows.
        n: rows seen; 0 counts as 1 with moment 0, so that S = eps I.
        eps: regularisation.
        blocks: normalised rows [r, D] of each structure; not empty.
    """
    values, vectors = np.linalg.eigh(moment)
    values = values.clip(min=0)
    before = np.log(values + max(n, 1) * eps).sum()
    parts = [blocks[k : k + _AT_ONCE] for k in range(0, len(blocks), _AT_ONCE)]
    return np.concatenate([np.empty(0), *(_log_det_gain(values, vectors, before, n, eps, part) for part in parts)])


def _log_det_gain(
    values: np.ndarray, vectors: np.ndarray, before: float, n: int, eps: float, blocks: Sequence[np.ndarray]
) -> np.ndarray:
    """The same for some structures, side by side and filled up with empty rows, which change no determinant."""
    sizes = np.array([len(y) for y in blocks])
    z = np.zeros((len(blocks), sizes.max(), len(values)))
    z[np.arange(sizes.max()) < sizes[:, None]] = np.concatenate(blocks) @ vectors
    weights = values + (n + sizes)[:, None] * eps
    z /= np.sqrt(weights)[:, None, :]
    gram = z @ z.transpose(0, 2, 1) + np.eye(sizes.max())
    return 0.5 * (np.log(weights).sum(axis=1) - before + np.linalg.slogdet(gram)[1])
