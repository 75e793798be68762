"""What each mover makes of H in its CPU time: the choice of the optimiser."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from ase import Atoms
from torch import Tensor

from entromax.config.models import LibrarySettings
from entromax.entropy import optimiser
from entromax.entropy.lbfgs import Lbfgs
from entromax.entropy.moves import Direction, Fire
from entromax.entropy.strata import DatasetState
from entromax.features import build


class HoldingFire(Fire):
    """FIRE with all that a climb asks of its mover."""

    def hold(self, which: Tensor) -> None:
        """Do nothing: on a CPU, where neighbours are renewed before every step, no structure outruns its list."""


MOVERS: dict[str, Callable[[Direction, Tensor], Any]] = {
    "L-BFGS, steps to 0.05": Lbfgs,
    "L-BFGS, steps to 0.1": partial(Lbfgs, max_step=0.1),
    "FIRE, steps to 0.1": HoldingFire,
    "FIRE, steps to 0.05": partial(HoldingFire, max_step=0.05),
}


def compare_movers(seeds: Sequence[Atoms], state: DatasetState, settings: LibrarySettings) -> list[dict[str, Any]]:
    """Return H of dataset and batch [nats] after every tenth step and the CPU seconds until then, for each mover."""
    once = settings.model_copy(update={"optimiser": settings.optimiser.model_copy(update={"harvests": 1})})
    features = build(settings.features, getattr(torch, settings.optimiser.precision))
    rows = []
    for name, mover in MOVERS.items():
        begin = time.process_time()
        with patch.object(optimiser, "Lbfgs", mover):
            trace = optimiser.maximise(seeds, state, features, once, torch.device("cpu")).trace
        per_step = (time.process_time() - begin) / len(trace)
        rows += [
            {"mover": name, "step": int(step), "cpu_seconds": per_step * (step + 1), "h_nats": float(h)}
            for step, h in zip(trace["step"], trace["h_nats"], strict=True)
            if step % 10 == 0
        ]
    return rows
