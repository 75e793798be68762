"""Active learning: structures that a fit itself names become the next labels."""

from entromax.active.iterations import compare_iterations
from entromax.active.selection import SelectionSettings, select_structures

__all__ = ["SelectionSettings", "compare_iterations", "select_structures"]
