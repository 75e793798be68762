"""Differentiable descriptors of atomic environments, batched over structures.

A feature set is one file with its settings, its ``FEATURES`` (see ``base.FeatureSet``) and all that is known of it.
What needs torch is imported when it is first asked for: the Snakefile reads the settings of a set, at every parse.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from entromax.features.base import Features
    from entromax.features.batch import Batch
    from entromax.features.neighbours import NeighbourList, Pairs, find_pairs, pair_vectors
    from entromax.features.values import batch_features, build, environments, evaluate, fuse

__all__ = [
    "Batch",
    "Features",
    "NeighbourList",
    "Pairs",
    "batch_features",
    "build",
    "environments",
    "evaluate",
    "find_pairs",
    "fuse",
    "pair_vectors",
]

_HOMES = {"Features": "base", "Batch": "batch"} | {
    **dict.fromkeys(("batch_features", "build", "environments", "evaluate", "fuse"), "values"),
    **dict.fromkeys(("NeighbourList", "Pairs", "find_pairs", "pair_vectors"), "neighbours"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
