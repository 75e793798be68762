"""Tests of fitted potentials: held-out errors, E(V) of crystals, robustness, published references."""

from entromax.validation.eos import validate_eos
from entromax.validation.errors import validate_errors
from entromax.validation.robustness import validate_robustness

__all__ = ["validate_eos", "validate_errors", "validate_robustness"]
