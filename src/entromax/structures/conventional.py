"""The set that an expert would make by hand: strained crystals, thermal vibrations, melts, vacancies and surfaces.

It is the opponent of the entropy-maximised library in the transfer test (METHOD section 9.2) and knows nothing of it:
it is made from the crystals of the element alone. Published sets of this kind take their snapshots from ab-initio
dynamics, which costs thousands of labels. Here snapshots of hot crystals are drawn from the harmonic Boltzmann
distribution of a spring network between near neighbours, which is what infinitely long dynamics of that network would
visit: it is stable for every crystal, close-packed or open, and correlates neighbours as phonons do. Snapshots of the
melt come from Langevin dynamics with Lennard-Jones pairs, whose minimum is at d_nn: the structure of a simple liquid
is ruled by its repulsive core. Neither needs a potential fitted before, so the set does not depend on any other.
"""

import logging
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.lj import LennardJones
from ase.md.langevin import Langevin
from ase.neighborlist import neighbor_list

from entromax.config.models import ElementSettings
from entromax.structures.crystals import crystal
from entromax.structures.geometry import bare, deformed, shortest_distance
from entromax.structures.identity import with_sid
from entromax.structures.io import write_shards

logger = logging.getLogger("entromax.structures")

RECIPE = (
    *("strained", "thermal", "melt", "thermal", "strained"),
    *("vacancy", "thermal", "strained", "thermal", "surface"),
)
"""Kinds in turn: 30 % strained, 40 % thermal, 10 % each of melt, vacancy and surface; every prefix is balanced."""
GROUND_STATE_SHARE = 0.5
"""Part of the strained and thermal structures that are the ground state; its competitors share the rest."""
CLOSEST = 0.7
"""No pair is closer than this [d_nn]."""
VOLUME, STRAIN = (0.82, 1.22), 0.06
"""Strained crystals: volume over that of the crystal, and largest component of the strain on top of it."""
LINDEMANN = 0.13
"""RMS displacement at melting [d_nn]; thermal structures reach 1.2 times that temperature."""
THERMAL_VOLUME = (0.95, 1.08)
TRANSVERSE, ON_SITE = 0.15, 0.05
"""Springs across a bond and to the site, over that along a bond; they keep open crystals from falling apart."""
MELT_TEMPERATURE, MELT_VOLUME, MELT_STEPS = (1.0, 3.0), (0.9, 1.25), 400
"""Lennard-Jones melt: k_B T over the well depth, volume over that of the ground state, steps of 0.005 tau."""
VACUUM = 2.5
"""Between the surfaces of a slab [d_nn]: out of reach of descriptors with a cutoff of 2 d_nn."""
TRIES = 50


def conventional_structures(element: str, settings: ElementSettings, *, n: int, atoms: int, seed: int) -> list[Atoms]:
    """Return ``n`` structures of the conventional set; structure k does not depend on ``n``.

    Args:
        element: chemical symbol.
        settings: crystals, ground state and d_nn of the element.
        n: number of structures.
        atoms: largest number of atoms in a cell; primitive cells that are larger are used as they are.
        seed: of everything random.

    Returns:
        Structures [Å] with ``sid``, ``element``, empty ``library_sid`` and ``config_type`` (a word of ``RECIPE``).

    Raises:
        ValueError: no structure without close pairs was found.
    """
    return [_structure(element, settings, k, atoms, np.random.default_rng([seed, k])) for k in range(n)]


def make_conventional(
    shards: str | Path,
    *,
    element: str,
    settings: ElementSettings,
    n: int,
    atoms: int,
    shard_size: int,
    seed: int,
) -> None:
    """Write the conventional set to a folder of shards, see :func:`entromax.structures.io.write_shards`.

    Other arguments and errors are those of :func:`conventional_structures`.
    """
    structures = conventional_structures(element, settings, n=n, atoms=atoms, seed=seed)
    write_shards(shards, structures, n=n, shard_size=shard_size)
    logger.info("%s: %d conventional structures", element, n)


def _structure(element: str, settings: ElementSettings, k: int, atoms: int, rng: np.random.Generator) -> Atoms:
    kind = RECIPE[k % len(RECIPE)]
    limit = CLOSEST * settings.d_nn
    for _ in range(TRIES):
        made = with_sid(_BUILDERS[kind](element, settings, atoms, rng))
        if shortest_distance(made, limit) == np.inf:
            made.info |= {"element": element, "library_sid": "", "config_type": kind}
            return made
    raise ValueError(
        f"{element}: {TRIES} tries gave no {kind} structure without pairs closer than {limit:.2f} Å; "
        f"compare d_nn and the volumes of the crystals in elements.{element}"
    )


def _strained(element: str, settings: ElementSettings, _: int, rng: np.random.Generator) -> Atoms:
    """Return the primitive cell of a crystal, compressed or expanded, then strained; atoms follow the cell."""
    primitive = _some_crystal(element, settings, rng)
    strain = rng.uniform(-STRAIN, STRAIN, (3, 3))
    deformation = np.eye(3) + (strain + strain.T) / 2
    return deformed(primitive, deformation * rng.uniform(*VOLUME) ** (1 / 3))


def _thermal(element: str, settings: ElementSettings, atoms: int, rng: np.random.Generator) -> Atoms:
    """Return a snapshot of a hot crystal."""
    cell = _random_supercell(_some_crystal(element, settings, rng), 2, atoms, rng)
    cell = deformed(cell, np.eye(3) * rng.uniform(*THERMAL_VOLUME) ** (1 / 3))
    return vibrate(cell, LINDEMANN * settings.d_nn * np.sqrt(rng.uniform(0.02, 1.2)), rng)


def _melt(element: str, settings: ElementSettings, atoms: int, rng: np.random.Generator) -> Atoms:
    """Return a snapshot of Lennard-Jones dynamics far above melting, started at the ground state."""
    cell = _random_supercell(_ground_state(element, settings), atoms // 2 + 1, atoms, rng)
    cell = deformed(cell, np.eye(3) * rng.uniform(*MELT_VOLUME) ** (1 / 3))
    sigma = settings.d_nn / 2 ** (1 / 6)
    cell.calc = LennardJones(sigma=sigma, epsilon=1.0, rc=2.5 * sigma)
    temperature = rng.uniform(*MELT_TEMPERATURE) / units.kB
    cell.set_momenta(rng.standard_normal((len(cell), 3)) * np.sqrt(cell.get_masses() * units.kB * temperature)[:, None])
    tau = sigma * float(np.sqrt(cell.get_masses()[0]))
    motion = Langevin(cell, 0.005 * tau, temperature_K=temperature, friction=1 / tau, fixcm=False, rng=rng)
    motion.run(MELT_STEPS)
    return bare(cell)


def _vacancy(element: str, settings: ElementSettings, atoms: int, rng: np.random.Generator) -> Atoms:
    """Return the ground state with one atom missing, slightly vibrating."""
    cell = _random_supercell(_ground_state(element, settings), max(2, atoms // 2 + 1), max(2, atoms), rng)
    del cell[int(rng.integers(len(cell)))]
    cell = deformed(cell, np.eye(3) * rng.uniform(*THERMAL_VOLUME) ** (1 / 3))
    return vibrate(cell, LINDEMANN * settings.d_nn * np.sqrt(rng.uniform(0.0, 0.3)), rng)


def _surface(element: str, settings: ElementSettings, atoms: int, rng: np.random.Generator) -> Atoms:
    """Return a slab, slightly vibrating.

    Primitive cells are stacked along one of their axes, so the surface is a plane of the other two: {111} of fcc,
    {110} of bcc, the basal and a prismatic plane of hcp.
    """
    primitive = _ground_state(element, settings)
    axis = int(rng.integers(3))
    repeats = [1, 1, 1]
    most = max(1, atoms // len(primitive))
    repeats[axis] = int(rng.integers(min(3, most), most + 1))
    slab = primitive.repeat(repeats)
    normal = np.cross(slab.cell[(axis + 1) % 3], slab.cell[(axis + 2) % 3])
    cell = slab.cell.array
    cell[axis] += np.sign(normal @ cell[axis]) * VACUUM * settings.d_nn * normal / np.linalg.norm(normal)
    slab.set_cell(cell, scale_atoms=False)
    return vibrate(slab, LINDEMANN * settings.d_nn * np.sqrt(rng.uniform(0.0, 0.3)), rng)


_BUILDERS: Mapping[str, Callable[[str, ElementSettings, int, np.random.Generator], Atoms]] = {
    "strained": _strained,
    "thermal": _thermal,
    "melt": _melt,
    "vacancy": _vacancy,
    "surface": _surface,
}


def vibrate(atoms: Atoms, amplitude: float, rng: np.random.Generator) -> Atoms:
    """Return a snapshot of the harmonic crystal that springs between near neighbours make of ``atoms``.

    Displacements u follow exp(-u K u / 2 k_B T), K being the force constants of springs along and across all pairs up
    to 1.3 times the shortest distance, and of weak ones that tie every atom to its site. The centre of mass stays.

    Args:
        atoms: equilibrium structure, periodic.
        amplitude: expected root mean square displacement of an atom; it stands for the temperature [Å].
        rng: random numbers.
    """
    n = len(atoms)
    reach = 1.3 * shortest_distance(atoms)
    stiffness = ON_SITE * np.eye(3 * n).reshape(n, 3, n, 3)
    for i, j, bond in zip(*neighbor_list("ijD", atoms, reach), strict=True):
        along = np.outer(bond, bond) / (bond @ bond)
        spring = along + TRANSVERSE * (np.eye(3) - along)
        stiffness[i, :, i, :] += spring
        stiffness[i, :, j, :] -= spring
    covariance = np.linalg.inv(stiffness.reshape(3 * n, 3 * n))
    centre = np.eye(3 * n) - np.kron(np.full((n, n), 1 / n), np.eye(3))
    covariance = centre @ covariance @ centre
    displaced = bare(atoms)
    if n > 1:
        covariance *= n * amplitude**2 / np.trace(covariance)
        values, vectors = np.linalg.eigh(covariance)
        drawn = vectors @ (np.sqrt(values.clip(min=0)) * rng.standard_normal(3 * n))
        displaced.positions += drawn.reshape(n, 3)
    return displaced


def _ground_state(element: str, settings: ElementSettings) -> Atoms:
    chosen = settings.crystals[settings.ground_state]
    return crystal(settings.ground_state, element, chosen.volume, chosen.c_over_a, chosen.u)


def _some_crystal(element: str, settings: ElementSettings, rng: np.random.Generator) -> Atoms:
    """Return the ground state or, as often as all of them together, one of its competitors."""
    others = [name for name in settings.crystals if name != settings.ground_state]
    if not others or rng.random() < GROUND_STATE_SHARE:
        return _ground_state(element, settings)
    name = others[int(rng.integers(len(others)))]
    chosen = settings.crystals[name]
    return crystal(name, element, chosen.volume, chosen.c_over_a, chosen.u)


def _random_supercell(primitive: Atoms, smallest: int, largest: int, rng: np.random.Generator) -> Atoms:
    """Return a random supercell of ``smallest`` to ``largest`` atoms, all sizes equally likely; else the smallest."""
    repeats: dict[int, list[tuple[int, int, int]]] = {}
    for a, b, c in product((1, 2, 3), repeat=3):
        repeats.setdefault(len(primitive) * a * b * c, []).append((a, b, c))
    sizes = [size for size in repeats if smallest <= size <= largest] or [min(repeats)]
    chosen = repeats[sizes[int(rng.integers(len(sizes)))]]
    return primitive.repeat(chosen[int(rng.integers(len(chosen)))])
