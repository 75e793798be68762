"""Goedecker-Teter-Hutter pseudopotentials as UPF files for Quantum ESPRESSO.

The potential is analytic: Goedecker, Teter, Hutter, Phys. Rev. B 54, 1703 (1996), and with off-diagonal projector
coefficients Hartwigsen, Goedecker, Hutter, Phys. Rev. B 58, 3641 (1998). The parameters of every element stand in
``GTH_POTENTIALS`` of CP2K (Debian: ``cp2k-data``). pw.x reads that format too, but its stress is then wrong; from UPF
its stress is the derivative of its energy.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from scipy.special import erf

DATA = Path("/usr/share/cp2k/GTH_POTENTIALS")
"""Where Debian puts the parameters; ``CP2K_DATA_DIR`` names another folder."""
FAMILY = "GTH-PBE"
STEP, RADIUS = 0.01, 12.0
"""Radial mesh of the UPF file [bohr]: uniform; pw.x integrates with Simpson's rule up to 10 bohr."""
NEGLIGIBLE = 1e-10
"""A projector ends where all that follows is smaller than this part of its largest value."""
HARTREE = 2.0
"""Rydberg units, in which UPF is written."""


@dataclass(frozen=True)
class Channel:
    """Projectors of one angular momentum: radius [bohr] and coefficients h [n, n] [Hartree]."""

    radius: float
    coefficients: np.ndarray


@dataclass(frozen=True)
class GthPotential:
    """Parameters of one element: valence charge, local part (radius [bohr], C_i [Hartree]), channels l = 0, 1, ..."""

    symbol: str
    name: str
    charge: int
    radius: float
    local: tuple[float, ...]
    channels: tuple[Channel, ...]


def gth_file() -> Path:
    """Return the file with the parameters.

    Raises:
        FileNotFoundError: cp2k-data is not installed.
    """
    folder = os.environ.get("CP2K_DATA_DIR")
    path = Path(folder) / DATA.name if folder else DATA
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such file; `apt-get install cp2k-data`, or set CP2K_DATA_DIR to the data folder of CP2K, or "
            "name a UPF file of your own as `pseudopotential`"
        )
    return path


def read_gth(symbol: str, text: str, family: str = FAMILY) -> GthPotential:
    """Return the potential of an element from the text of ``GTH_POTENTIALS``.

    Args:
        symbol: chemical symbol.
        text: content of the file; its header defines the format.
        family: name, or beginning of the name (``GTH-PBE`` stands for ``GTH-PBE-q3``), of the first entry to use.

    Raises:
        ValueError: the file holds no such potential.
    """
    lines = iter(line.split("#")[0].split() for line in text.splitlines())
    words = (words for words in lines if words)
    for entry in words:
        if entry[0] == symbol and any(name == family or name.startswith(f"{family}-q") for name in entry[1:]):
            return _read_entry(symbol, entry[1], words)
    raise ValueError(f"{symbol}: there is no {family} potential in GTH_POTENTIALS")


def _read_entry(symbol: str, name: str, words: Iterator[list[str]]) -> GthPotential:
    charge = sum(int(count) for count in next(words))
    radius, count, *local = next(words)
    channels = []
    for _ in range(int(next(words)[0])):
        width, size, *numbers = next(words)
        n = int(size)
        while len(numbers) < n * (n + 1) // 2:  # the upper triangle, one row per line
            numbers += next(words)
        matrix = np.zeros((n, n))
        matrix[np.triu_indices(n)] = [float(number) for number in numbers]
        channels.append(Channel(float(width), matrix + np.triu(matrix, 1).T))
    if len(local) != int(count):
        raise ValueError(f"{symbol} {name}: {count} local coefficients announced, {len(local)} found")
    return GthPotential(symbol, name, charge, float(radius), tuple(map(float, local)), tuple(channels))


def local_potential(potential: GthPotential, r: np.ndarray) -> np.ndarray:
    """Return V_loc [Hartree] at ``r`` [bohr]; equation 1 of HGH 1998."""
    x = r / potential.radius
    polynomial = sum(c * x ** (2 * power) for power, c in enumerate(potential.local))
    with np.errstate(invalid="ignore", divide="ignore"):
        coulomb = erf(x / math.sqrt(2)) / r
    coulomb = np.where(r > 0, coulomb, math.sqrt(2 / math.pi) / potential.radius)
    return np.asarray(-potential.charge * coulomb + np.exp(-0.5 * x**2) * polynomial)


def projector(radius: float, momentum: int, index: int, r: np.ndarray) -> np.ndarray:
    """Return the radial projector p_i^l [bohr^-3/2], normalised on r^2 dr; equation 3 of HGH 1998.

    Args:
        radius: of the channel [bohr].
        momentum: l.
        index: i, from 1.
        r: [bohr].
    """
    power = momentum + (4 * index - 1) / 2
    norm = math.sqrt(2) / (radius**power * math.sqrt(math.gamma(power)))
    return np.asarray(norm * r ** (momentum + 2 * (index - 1)) * np.exp(-0.5 * (r / radius) ** 2))


def write_upf(potential: GthPotential) -> str:
    """Return the potential as UPF version 2.0.1, norm-conserving, in Rydberg units.

    The starting density is a Gaussian with the charge of the valence: it is only where the self-consistency starts.
    """
    r = np.arange(0.0, RADIUS + STEP / 2, STEP)
    r = r[: len(r) - (len(r) + 1) % 2]  # Simpson's rule wants an odd number of points
    projectors = [
        (momentum, r * projector(channel.radius, momentum, index, r))
        for momentum, channel in enumerate(potential.channels)
        for index in range(1, len(channel.coefficients) + 1)
    ]
    coefficients = np.zeros((len(projectors), len(projectors)))
    start = 0
    for channel in potential.channels:
        end = start + len(channel.coefficients)
        coefficients[start:end, start:end] = HARTREE * channel.coefficients
        start = end
    header = {
        "generated": f"entromax from {potential.name}",
        "author": "S. Goedecker, M. Teter, C. Hartwigsen, J. Hutter, M. Krack",
        "element": potential.symbol,
        "pseudo_type": "NC",
        "relativistic": "scalar",
        **dict.fromkeys(("is_ultrasoft", "is_paw", "is_coulomb", "has_so", "has_wfc", "has_gipaw"), "F"),
        "core_correction": "F",
        "functional": "PBE",
        "z_valence": f"{potential.charge:.1f}",
        "l_max": str(max((momentum for momentum, _ in projectors), default=0)),
        "l_local": "-1",
        "mesh_size": str(len(r)),
        "number_of_wfc": "0",
        "number_of_proj": str(len(projectors)),
    }
    parts = [
        f'<UPF version="2.0.1">\n<PP_HEADER {_attributes(header)}/>',
        f'<PP_MESH mesh="{len(r)}" dx="{STEP}" xmin="0.0" rmax="{r[-1]:.4f}" zmesh="{potential.charge}.0">',
        _array("PP_R", r),
        _array("PP_RAB", np.full(len(r), STEP)),
        "</PP_MESH>",
        _array("PP_LOCAL", HARTREE * local_potential(potential, r)),
        "<PP_NONLOCAL>",
    ]
    for number, (momentum, values) in enumerate(projectors, start=1):
        end = int(np.flatnonzero(np.abs(values) > NEGLIGIBLE * np.abs(values).max())[-1]) + 2
        end += (end + 1) % 2
        about = {
            "index": str(number),
            "angular_momentum": str(momentum),
            "cutoff_radius_index": str(end),
            "cutoff_radius": f"{r[end - 1]:.4f}",
        }
        parts.append(_array(f"PP_BETA.{number}", values, **about))
    if projectors:
        parts.append(_array("PP_DIJ", coefficients.ravel()))
    width = 3 * potential.radius
    density = np.exp(-0.5 * (r / width) ** 2) / (2 * math.pi * width**2) ** 1.5
    parts += ["</PP_NONLOCAL>", "<PP_PSWFC>", "</PP_PSWFC>"]  # pw.x asks for the tag even when there are none
    parts += [_array("PP_RHOATOM", potential.charge * 4 * math.pi * r**2 * density), "</UPF>", ""]
    return "\n".join(parts)


def _attributes(values: dict[str, str]) -> str:
    return " ".join(f"{key}={quoteattr(value)}" for key, value in values.items())


def _array(tag: str, values: np.ndarray, **attributes: str) -> str:
    attributes = {"type": "real", "size": str(values.size), "columns": "4", **attributes}
    rows = [" ".join(f"{value:.15E}" for value in values[i : i + 4]) for i in range(0, values.size, 4)]
    return f"<{tag} {_attributes(attributes)}>\n" + "\n".join(rows) + f"\n</{tag}>"
