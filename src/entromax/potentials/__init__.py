"""Interatomic potentials: one file per family, with its settings, its ``FAMILY`` and all that is known of it."""

from entromax.potentials.base import Family
from entromax.potentials.jobs import load_potential, train_potential

__all__ = ["Family", "load_potential", "train_potential"]
