"""L-BFGS for a whole batch."""

import torch
from torch import Tensor

from entromax.entropy.moves import Direction, dot, largest


class Lbfgs:
    """Limited-memory BFGS (Nocedal, Math. Comput. 35, 773 (1980)), every structure with a history of its own.

    A pair (s, y) of a structure enters with rho = 1 / (s y) when s y > 0 and with rho = 0, which leaves the two-loop
    recursion untouched, when it is not: maximising H meets negative curvature often. The force need not be the gradient
    of anything.

    Args:
        like: zero direction of the batch: shapes, precision, device.
        system: [N] structure of every atom.
        memory: pairs that are remembered.
        first: displacement per force in the first step.
        max_step: largest displacement in one step [d_nn].
    """

    def __init__(self, like: Direction, system: Tensor, memory: int = 10, first: float = 0.3, max_step: float = 0.05):
        """Start without a history."""
        self._system, self._memory, self._max_step = system, memory, max_step
        self._scale = like.strain.new_full((len(like.strain),), first)
        self._history: list[tuple[Direction, Direction, Tensor]] = []
        self._step: Direction | None = None
        self._force = like
        self._refused = torch.zeros_like(self._scale, dtype=torch.bool)

    def step(self, force: Direction) -> Direction:
        """Return the displacement that follows from the force."""
        system = self._system
        if self._step is not None:
            change = self._force + force.scaled(-torch.ones_like(self._scale), system)  # of the gradient
            curvature = dot(self._step, change, system)
            size = dot(change, change, system)
            good = (curvature > 1e-10) & ~self._refused
            self._history.append((self._step, change, torch.where(good, 1 / curvature, 0.0)))
            self._history = self._history[-self._memory :]
            self._scale = torch.where(good, curvature / size.clamp(min=1e-300), self._scale).clamp(1e-3, 1.0)
        direction, factors = force, []
        for s, y, rho in reversed(self._history):
            factors.append(rho * dot(s, direction, system))
            direction = direction + y.scaled(-factors[-1], system)
        direction = direction.scaled(self._scale, system)
        for (s, y, rho), factor in zip(self._history, reversed(factors), strict=True):
            direction = direction + s.scaled(factor - rho * dot(y, direction, system), system)
        length = largest(direction, system).clamp(min=1e-300)
        self._step = direction.scaled((self._max_step / length).clamp(max=1), system)
        self._force = force
        self._refused = torch.zeros_like(self._refused)
        return self._step

    def hold(self, which: Tensor) -> None:
        """Learn nothing from the last step of some structures [S]: it was not taken."""
        self._refused = self._refused | which

    def stop(self, which: Tensor) -> None:
        """Forget the history of some structures [S] and begin with a shorter step."""
        self._history = [(s, y, torch.where(which, 0.0, rho)) for s, y, rho in self._history]
        self._scale = torch.where(which, 0.5 * self._scale, self._scale)
        self._refused = self._refused | which
