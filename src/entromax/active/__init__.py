"""Active learning: what the committee of a potential knows least becomes the next batch of labels."""

from entromax.active.iterations import compare_iterations
from entromax.active.selection import SelectionSettings, select_structures

__all__ = ["SelectionSettings", "compare_iterations", "select_structures"]
