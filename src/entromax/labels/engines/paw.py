"""PAW data sets with other valence electrons than those of gpaw-data, made by GPAW's own generator (two seconds).

gpaw-data freezes the 1s shell of beryllium, for example, which makes its crystals 1.6 % too large.
"""

import argparse
import contextlib
import io
from functools import cache
from typing import Any

from entromax.labels.engines.base import EngineUnavailableError


@cache
def paw_dataset(symbol: str, electrons: int, xc: str) -> Any:
    """Return the data set of an element with so many valence electrons, as ``setups`` of the calculator takes it.

    Projectors and radii are those of GPAW's table (``gpaw.atom.generator2``); the pseudo-atom is checked against the
    all-electron atom.

    Args:
        symbol: chemical symbol.
        electrons: number of valence electrons.
        xc: exchange-correlation functional.

    Raises:
        EngineUnavailableError: GPAW's table has no such data set, or it fails the check.
    """
    from gpaw.atom.generator2 import CLICommand, generate, get_parameters, parameters

    known = sorted(int(name[len(symbol) :]) for name in parameters if name.rstrip("0123456789") == symbol)
    if electrons not in known:
        raise EngineUnavailableError(
            f"reference.valence: GPAW's table has no data set of {symbol} with {electrons} electrons; "
            f"choose from {', '.join(map(str, known)) or 'none'}"
        )
    parser = argparse.ArgumentParser()
    CLICommand.add_arguments(parser)
    options = parser.parse_args([symbol, "--electrons", str(electrons), "--xc-functional", xc])
    with contextlib.redirect_stdout(io.StringIO()) as text:
        generator = generate(**get_parameters(symbol, options))
        sound = generator.check_all()
    if not sound:
        raise EngineUnavailableError(
            f"reference.valence: {symbol} with {electrons} electrons fails GPAW's check:\n{text.getvalue()}"
        )
    return generator.make_paw_setup(f"{electrons}e")
