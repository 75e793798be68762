"""Interatomic potentials: one module per family behind one small interface."""

from entromax.potentials.base import Family, load_potential, train_potential

__all__ = ["Family", "load_potential", "train_potential"]
