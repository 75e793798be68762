"""Greedy D-optimal selection of structures, exact and lazy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.spatial import cKDTree

from entromax.entropy.state import EntropyState, joint_log_det_gain
from entromax.entropy.strata import DatasetState

_CHUNK = 32
"""Structures that are evaluated at once."""
_WINDOW = 1024
"""Structures that are compared in every step."""


@dataclass(frozen=True)
class Selection:
    """Result of a greedy selection.

    Attributes:
        order: [k] indices of the chosen structures, best first.
        gains: [k] gain in H of each when it was chosen [nats].
        state: the state after all of them.
    """

    order: np.ndarray
    gains: np.ndarray
    state: EntropyState


def greedy(
    blocks: Sequence[np.ndarray],
    state: EntropyState,
    only_positive: bool,
    worth: float | np.ndarray = 1.0,
    *,
    per_row: bool = False,
    apart: float = 0.0,
) -> Selection:
    """Choose, again and again, the structure that raises H of the joint state most.

    The gain of a structure is ln det part - D/2 ln(n'/n). The first part can only shrink while the state grows
    (:func:`entromax.entropy.state.joint_log_det_gain`), so an old value is an upper bound: a structure is evaluated
    again only when its bound could win. The result equals that of evaluating all of them in every step, at a small
    part of the cost.

    The second part, D/2 ln(n'/n), is the first part of a structure whose rows are as informative as the average row of
    the dataset. ``worth`` below 1 asks for that share of it only: first part > worth D/2 ln(n'/n).

    Args:
        blocks: normalised rows [r, D] of each structure.
        state: what they are added to.
        only_positive: stop when no structure raises H (or is worth it) any more; otherwise order all of them.
        worth: information that a structure must bring, in units of what an average one of its size brings; one number,
            or one for each structure.
        per_row: choose by gain per row: most information in an equal number of atoms.
        apart: leave out what has a row closer than this to one of a structure chosen before it [root mean square over
            the features]; 0: leave out none.
    """
    rows = _Rows.of(blocks, state.dim) if apart else None
    candidates = _Candidates(blocks, state, worth, per_row)
    order: list[int] = []
    gains: list[float] = []
    while candidates.left.any():
        best, gain, enough = candidates.best(state)
        if only_positive and not enough:
            break
        order.append(best)
        gains.append(gain)
        candidates.left[best] = False
        if rows is not None:
            candidates.left[rows.near(blocks[best], apart)] = False
        first, state = state.n == 0, state.add([blocks[best]])
        if first:  # the empty state counts one row of regularisation that later ones do not: no valid bound
            candidates.evaluate(np.flatnonzero(candidates.left), state)
    return Selection(np.array(order, dtype=int), np.array(gains), state)


def accept(
    blocks: Sequence[np.ndarray], strata: np.ndarray, state: DatasetState, worth: float | np.ndarray = 1.0
) -> tuple[list[int], list[float], DatasetState]:
    """Add the structures that raise H of a stratified dataset, or are worth it, best first in each stratum.

    Args:
        blocks: normalised rows [r, D] of each structure.
        strata: [S] stratum of each.
        state: what they are added to.
        worth: as in :func:`greedy`.

    Returns:
        Indices of the accepted ones, the gain in H of each when it was chosen [nats], and the state with them.
    """
    order: list[int] = []
    gains: list[float] = []
    parts = []
    worths = np.broadcast_to(worth, len(blocks))
    for index, part in enumerate(state.parts):
        own = np.flatnonzero(strata == index)
        selection = greedy([blocks[int(k)] for k in own], part, only_positive=True, worth=worths[own])
        order += own[selection.order].tolist()
        gains += (selection.gains / len(state.parts)).tolist()
        parts.append(selection.state)
    return order, gains, DatasetState(state.edges, tuple(parts))


def distinct(blocks: Sequence[np.ndarray], strata: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the indices of structures none of which repeats an earlier one, ascending.

    Structures are told apart by the mean of their rows: it is the same for every cell of one crystal, however large,
    skewed or rotated.

    Args:
        blocks: normalised rows [r, D] of each structure.
        strata: [S] stratum of each; structures of different strata are different.
        tolerance: root mean square over the features below which two means are the same.
    """
    if not blocks:
        return np.empty(0, dtype=int)
    means = np.stack([block.mean(axis=0) for block in blocks])
    radius = tolerance * np.sqrt(means.shape[1])
    kept = np.zeros(len(blocks), dtype=bool)
    for index in np.unique(strata):
        own = np.flatnonzero(strata == index)
        near = cKDTree(means[own]).query_ball_point(means[own], radius)
        for k, others in zip(own, near, strict=True):
            kept[k] = not kept[own[others]].any()
    return np.flatnonzero(kept)


@dataclass(frozen=True)
class _Rows:
    """The rows of all structures, in which the neighbours of some are looked for."""

    y: np.ndarray
    squares: np.ndarray
    owner: np.ndarray

    @classmethod
    def of(cls, blocks: Sequence[np.ndarray], dim: int) -> Self:
        y = np.concatenate([np.empty((0, dim)), *blocks])
        return cls(y, np.sum(y**2, axis=1), np.repeat(np.arange(len(blocks)), [len(block) for block in blocks]))

    def near(self, block: np.ndarray, apart: float) -> np.ndarray:
        """Return the structures with a row closer than ``apart`` to one of a block, that of the block included."""
        squared = self.squares[:, None] + np.sum(block**2, axis=1) - 2 * self.y @ block.T
        return np.unique(self.owner[(squared < apart**2 * block.shape[1]).any(axis=1)])


class _Candidates:
    """What is left to choose from. Most of them wait outside a window of the best until these have fallen below them.

    Attributes:
        left: [S] true where a structure can still be chosen.
    """

    def __init__(
        self, blocks: Sequence[np.ndarray], state: EntropyState, worth: float | np.ndarray, per_row: bool
    ) -> None:
        """Evaluate all."""
        sizes = np.array([len(y) for y in blocks], dtype=int)
        kinds, self._kind = np.unique(
            np.stack([sizes, np.broadcast_to(worth, len(sizes))]), axis=1, return_inverse=True
        )
        self._sizes, self._worths = kinds
        self._share = self._sizes if per_row else np.ones_like(self._sizes)
        self._blocks = blocks
        self._bound = np.full(len(blocks), np.inf)
        self._seen = np.full(len(blocks), -1)
        self._window = np.empty(0, dtype=int)
        self._outside = np.full(len(self._sizes), np.inf)
        self.left = np.ones(len(blocks), dtype=bool)
        self.evaluate(np.arange(len(blocks)), state)

    def evaluate(self, which: np.ndarray, state: EntropyState) -> None:
        """Find the first part of the gain of some; after many at once another window is due."""
        self._bound[which] = joint_log_det_gain(state.moment, state.n, state.eps, [self._blocks[int(k)] for k in which])
        self._seen[which] = state.n
        if len(which) > _CHUNK:
            self._window = np.empty(0, dtype=int)

    def best(self, state: EntropyState) -> tuple[int, float, bool]:
        """Return the structure of largest gain (over its rows), its gain in H, and whether it is worth it."""
        cost = 0.5 * state.dim * np.log((state.n + self._sizes) / max(state.n, 1))
        least = self._worths * cost
        while True:
            self._window = self._window[self.left[self._window]]
            if not len(self._window):
                self._open_window(least)
            value = self._value(self._window, least)
            if value.max() < ((self._outside - least) / self._share).max():
                self._open_window(least)
                value = self._value(self._window, least)
            best = int(self._window[np.argmax(value)])
            if self._seen[best] == state.n:
                kind = self._kind[best]
                return best, float(self._bound[best] - cost[kind]), bool(self._bound[best] > least[kind])
            stale = np.flatnonzero(self._seen[self._window] != state.n)
            if len(stale) > _CHUNK:
                stale = stale[np.argpartition(-value[stale], _CHUNK)[:_CHUNK]]
            self.evaluate(self._window[stale], state)

    def _value(self, which: np.ndarray, least: np.ndarray) -> np.ndarray:
        kind = self._kind[which]
        return (self._bound[which] - least[kind]) / self._share[kind]

    def _open_window(self, least: np.ndarray) -> None:
        """Take the best; of what stays outside keep the largest bound of each kind."""
        self._window = np.flatnonzero(self.left)
        self._outside[:] = -np.inf
        if len(self._window) > _WINDOW:
            chosen = np.argpartition(-self._value(self._window, least), _WINDOW)
            outside = self._window[chosen[_WINDOW:]]
            np.maximum.at(self._outside, self._kind[outside], self._bound[outside])
            self._window = np.sort(self._window[chosen[:_WINDOW]])
