"""entromax: entropy-maximised training sets, and the interatomic potentials made from them."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("entromax")
except PackageNotFoundError:  # imported from a source tree that was never installed
    __version__ = "0+uninstalled"
