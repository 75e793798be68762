"""What the campaign config/production.yaml costs: core hours, jobs, memory, storage by element, from measured labels.

    python -m benchmarks.labels.production label_store                     # the store of config/eight_elements.yaml

The seconds of a plane-wave label are taken as a + b N^p k (E/E0)^1.5: N atoms, k irreducible k-points, E the cutoff
(the number of plane waves grows with E^1.5). One a and one p for all elements and a b for each are fitted to the
CPU seconds of docs/results/label_cost.json, and to all library labels of the store, of whatever settings; these are
wall seconds of one core, longer by one factor for how busy the machine was, which is fitted as well. A label of the
former counts as much as CLEAN of the latter. The campaign is then
priced on cells drawn as its library draws them, with the k-points that its settings ask for. Beyond the largest cell
measured p is an extrapolation, so that a second figure takes p = 3 there, the limit of plane-wave DFT for large cells.
Writes docs/results/production.json; `docs/make/production.py` makes the table of docs/production.md of it.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms, units
from gpaw.setup_data import SetupData
from scipy.optimize import least_squares

from benchmarks.common import RESULTS, ROOT, campaign_settings
from benchmarks.labels.cost import irreducible
from entromax.config import CampaignSettings
from entromax.config.load import read_yaml
from entromax.labels.engines.base import compact
from entromax.labels.store import stores
from entromax.layout import shard_numbers
from entromax.runtime import provenance, write_json
from entromax.structures.random_cells import random_structures
from entromax.structures.rescale import reduced_volume

DRAWN = 600
"""Cells drawn to price the campaign; each element takes those inside its range of volumes."""
CLEAN = 10.0
"""Weight of a label whose CPU time was measured."""
LARGE = 3.0
"""Power of N for large cells: orthogonalisation."""
ECUT = 300.0
FEWEST = 20
"""Labels in the store below which nothing is said about an element."""
EMPTY = 1.3
"""Bands over occupied bands."""


@dataclass(frozen=True)
class Cost:
    """Seconds of a label: a + b N^p k (E/300 eV)^1.5; ``b`` by element; ``busy``: wall over CPU of the store."""

    a: float
    b: dict[str, float]
    p: float
    busy: float
    largest: int

    def seconds(
        self, element: str, atoms: np.ndarray, kpoints: np.ndarray, ecut: float, *, large: bool = False
    ) -> np.ndarray:
        """Return the seconds of labels; ``large``: N^3 beyond the largest cell measured."""
        size = atoms**self.p
        if large:
            size = np.minimum(atoms, self.largest) ** self.p * np.maximum(atoms / self.largest, 1.0) ** LARGE
        return np.asarray(self.a + self.b[element] * size * kpoints * (ecut / ECUT) ** 1.5)


def known_labels(root: Path, element: str) -> pd.DataFrame:
    """Return atoms, k-points, cutoff, seconds and bytes of every library label in the store."""
    rows = []
    for store in stores(root, element):
        settings = json.loads((store.folder / "settings.json").read_text())
        for record in store.read().values():
            if record.energy is None or record.config_type != "library" or "ecut" not in settings:
                continue
            atoms = Atoms(record.numbers, positions=record.positions, cell=record.cell, pbc=True)
            rows.append(
                {
                    "element": element,
                    "atoms": len(atoms),
                    "kpoints": irreducible(compact(atoms).cell.array, settings["kspacing"]),
                    "ecut": settings["ecut"],
                    "seconds": record.attempts[-1].seconds,
                    "bytes": len(json.dumps(record.to_json())),
                    "weight": 1.0,
                }
            )
    return pd.DataFrame(rows)


def clean_labels() -> pd.DataFrame:
    """Return the labels whose CPU time was measured, in the columns of ``known_labels``."""
    rows = json.loads((RESULTS / "label_cost.json").read_text())["rows"]
    return pd.DataFrame(rows).rename(columns={"cpu_s": "seconds"}).assign(weight=CLEAN)


def fit_cost(labels: pd.DataFrame) -> Cost:
    """Fit the seconds in the logarithm, which gives every size its say, against outliers of a busy machine."""
    names = sorted(labels["element"].unique())
    which = labels["element"].map(names.index).to_numpy(int)
    n, seconds = labels["atoms"].to_numpy(float), labels["seconds"].to_numpy(float)
    work = labels["kpoints"].to_numpy(float) * (labels["ecut"].to_numpy(float) / ECUT) ** 1.5
    weight = np.sqrt(labels["weight"].to_numpy(float))

    def deviation(x: np.ndarray) -> np.ndarray:
        cpu = np.exp(x[0]) + np.exp(x[3:][which]) * n ** x[1] * work
        return weight * np.log(cpu * np.where(weight > 1, 1.0, np.exp(x[2])) / seconds)

    start = np.array([-0.5, 1.5, 0.1, *(-3.0 for _ in names)])
    bounds = ([-4.0, 0.5, 0.0, *(-12.0 for _ in names)], [2.0, LARGE, 2.0, *(4.0 for _ in names)])
    x = least_squares(deviation, start, bounds=bounds, loss="soft_l1", f_scale=0.2).x
    b = dict(zip(names, np.exp(x[3:]).tolist(), strict=True))
    return Cost(float(np.exp(x[0])), b, float(x[1]), float(np.exp(x[2])), int(n.max()))


def drawn_cells(campaign: CampaignSettings) -> list[Atoms]:
    """Return cells in reduced units with the sizes, shapes and volumes that the library starts from, made compact."""
    library = campaign.library
    seeds = random_structures(DRAWN, library.cells, np.random.default_rng(campaign.seed), library.seeds)
    return [compact(one) for one in seeds]


def wave_functions_mb(
    element: str, atoms: np.ndarray, cells: np.ndarray, kpoints: np.ndarray, ecut: float
) -> np.ndarray:
    """Return the size of the wave functions, 16 bytes per coefficient: k-points x bands x plane waves.

    Plane waves: V k_max^3 / 6 pi^2 with k_max = sqrt(2 E) in atomic units.
    """
    bands = EMPTY * atoms * SetupData(element, "PBE").Nv / 2
    volumes = np.abs(np.linalg.det(cells)) / units.Bohr**3
    waves = volumes * (2 * ecut / units.Hartree) ** 1.5 / (6 * np.pi**2)
    return np.asarray(16e-6 * kpoints * bands * waves)


def price(
    element: str, campaign: CampaignSettings, labels: pd.DataFrame, cost: Cost, drawn: list[Atoms]
) -> dict[str, Any]:
    """Return what the library labels of one element cost."""
    settings = campaign.elements[element]
    reference = settings.reference.model_dump()
    own, clean = (
        part[part["element"] == element] for part in (labels[labels["weight"] == 1], labels[labels["weight"] > 1])
    )
    smallest, largest = settings.volume
    chosen = [one for one in drawn if smallest <= reduced_volume(one) <= largest]
    cells = np.array([one.cell.array for one in chosen]) * settings.d_nn
    atoms = np.array([len(one) for one in chosen], dtype=float)
    kpoints = np.array([irreducible(cell, reference["kspacing"]) for cell in cells])
    low, high = (cost.seconds(element, atoms, kpoints, reference["ecut"], large=large) for large in (False, True))
    memory = wave_functions_mb(element, atoms, cells, kpoints, reference["ecut"])
    bytes_per_atom = own["bytes"].sum() / own["atoms"].sum()
    n = campaign.labels.structures
    return {
        "labels_of_the_store": len(own),
        "b_s": cost.b[element],
        "mean_atoms": float(atoms.mean()),
        "mean_kpoints": float(kpoints.mean()),
        "cpu_s_per_label": [float(low.mean()), float(high.mean())],
        "cpu_s_exceeded_by_5_percent": [float(np.quantile(low, 0.95)), float(np.quantile(high, 0.95))],
        "core_hours": [float(low.mean() * n / 3600), float(high.mean() * n / 3600)],
        "part_beyond_fitted_sizes": float(low[atoms > cost.largest].sum() / low.sum()),
        "jobs": len(shard_numbers(campaign.labels.structures, campaign.labels.shard_size)),
        "hours_per_job": [float(times.mean() * campaign.labels.shard_size / 3600) for times in (low, high)],
        "wave_functions_mb": {
            "median": float(np.median(memory)),
            "exceeded_by_5_percent": float(np.quantile(memory, 0.95)),
        },
        "store_gb": float(bytes_per_atom * atoms.mean() * n / 1e9),
        "measured": [
            {key: row[key] for key in ("atoms", "kspacing", "kpoints", "ecut", "seconds", "memory_mb")}
            | {"fitted": round(float(fitted), 2)}
            for row, fitted in zip(clean.to_dict("records"), fitted_to(element, clean, cost), strict=True)
        ],
    }


def fitted_to(element: str, labels: pd.DataFrame, cost: Cost) -> list[float]:
    """Return the seconds that the fit gives to labels of one element."""
    return [
        float(cost.seconds(element, np.array([n], float), np.array([k]), ecut)[0])
        for n, k, ecut in zip(labels["atoms"], labels["kpoints"], labels["ecut"], strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, help="label store with library labels of the elements, of any settings")
    parser.add_argument("--config", type=Path, default=ROOT / "config/production.yaml")
    parser.add_argument("--json", type=Path, default=RESULTS / "production.json")
    arguments = parser.parse_args()
    campaign = campaign_settings(read_yaml(arguments.config), origin=str(arguments.config))
    stored = {symbol: known_labels(arguments.store, symbol) for symbol in campaign.elements}
    found = {symbol: table for symbol, table in stored.items() if len(table) >= FEWEST}
    labels = pd.concat([*found.values(), clean_labels()], ignore_index=True)
    cost, drawn = fit_cost(labels), drawn_cells(campaign)
    elements = {
        symbol: price(symbol, campaign, labels, cost, drawn)
        if symbol in found
        else {"missing": f"{len(stored[symbol])} library labels in {arguments.store}"}
        for symbol in campaign.elements
    }
    data = {
        "structures_per_element": campaign.labels.structures,
        "shard_size": campaign.labels.shard_size,
        "fit": {"a_s": cost.a, "p": cost.p, "wall_over_cpu_of_the_store": cost.busy, "largest_atoms": cost.largest},
        "elements": elements,
    }
    write_json(arguments.json, data | {"provenance": provenance(config=campaign.campaign, seed=campaign.seed)})
    print(json.dumps(data, indent=2))


if __name__ == "__main__":
    main()
