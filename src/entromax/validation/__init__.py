"""Tests of fitted potentials: held-out errors, E(V) of crystals, robustness, published references."""

from entromax.validation.eos import validate_eos
from entromax.validation.errors import validate_errors
from entromax.validation.robustness import validate_robustness
from entromax.validation.scale import derive_d_nn

__all__ = ["derive_d_nn", "validate_eos", "validate_errors", "validate_robustness"]
