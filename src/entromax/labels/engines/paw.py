"""PAW data sets with other valence electrons than those of gpaw-data, made by GPAW's own generator (two seconds).

gpaw-data freezes the 1s shell of beryllium, for example, which makes its crystals 1.6 % too large, and has the 4d shell
of antimony in the valence, which takes twice the cutoff and three times the electrons.
"""

import argparse
import contextlib
import io
from functools import cache
from typing import Any

from entromax.labels.engines.base import EngineUnavailableError

ADDED = {("Sb", 5): ("5s,s,5p,p,d,F", 2.3)}
"""Projectors and radius [bohr] of data sets that GPAW's table lacks: arsenic's, one shell further out."""


@cache
def paw_dataset(symbol: str, electrons: int, xc: str) -> Any:
    """Return the data set of an element with so many valence electrons, as ``setups`` of the calculator takes it.

    Projectors and radii are those of GPAW's table (``gpaw.atom.generator2``) and of ``ADDED``; the pseudo-atom is
    checked against the all-electron atom.

    Args:
        symbol: chemical symbol.
        electrons: number of valence electrons.
        xc: exchange-correlation functional.

    Raises:
        EngineUnavailableError: GPAW's table has no such data set, or it fails the check.
    """
    from gpaw.atom.generator2 import CLICommand, generate, get_parameters, parameters

    known = [int(name[len(symbol) :]) for name in parameters if name.rstrip("0123456789") == symbol]
    known += [number for name, number in ADDED if name == symbol]
    if electrons not in known:
        raise EngineUnavailableError(
            f"reference.valence: there is no data set of {symbol} with {electrons} electrons; "
            f"choose from {', '.join(map(str, sorted(known))) or 'none'}"
        )
    arguments = ["--electrons", str(electrons)]
    if (symbol, electrons) in ADDED:  # the table's line of another valence is overridden
        projectors, radius = ADDED[symbol, electrons]
        arguments = ["--projectors", projectors, "--radius", str(radius)]
    parser = argparse.ArgumentParser()
    CLICommand.add_arguments(parser)
    options = parser.parse_args([symbol, "--xc-functional", xc, *arguments])
    with contextlib.redirect_stdout(io.StringIO()) as text:
        generator = generate(**get_parameters(symbol, options))
        sound = generator.check_all()
    if not sound:
        raise EngineUnavailableError(
            f"reference.valence: {symbol} with {electrons} electrons fails GPAW's check:\n{text.getvalue()}"
        )
    return generator.make_paw_setup(f"{electrons}e")
