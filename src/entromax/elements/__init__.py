"""An element file from nothing: published ground state, E(V) and convergence by the engine itself."""

from entromax.elements.file import write_element
from entromax.elements.make import NewElement, make_element, plan

__all__ = ["NewElement", "make_element", "plan", "write_element"]
