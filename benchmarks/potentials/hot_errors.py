"""Are hot runs that stay physical also right, and those that fail wrong? Both transfer potentials against DFT.

    ./run --configfile config/aluminium.yaml                    # the campaign
    python -m benchmarks.potentials.hot_errors results/aluminium --store label_store [--potential ace]

Snapshots of hot and compressed runs of eight atoms, half of them driven by the potential of the entropy set, half by
the other, the one with the closest pair of every run; labelled with the engine and settings of the campaign. Writes
docs/results/hot_errors.json: RMSE of energies [meV/atom] and forces [eV/Å] of both potentials on the snapshots of both,
by temperature and by whether the run went on to stay physical. About ten minutes of CPU time.
"""

import argparse
import json
import logging
from itertools import product
from pathlib import Path

from ase import Atoms
from ase.calculators.calculator import BaseCalculator

from benchmarks.common import RESULTS
from entromax.config.load import read_yaml
from entromax.config.models import CampaignSettings, RobustnessSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.run import label_structures
from entromax.potentials import load_potential
from entromax.runtime import config_hash, provenance, write_json
from entromax.structures import with_sid
from entromax.structures.geometry import shortest_distance
from entromax.validation.errors import predict, summarise
from entromax.validation.robustness import Task, lowest_crystal, run_task
from entromax.validation.transfer import SETS

SEED = 2026
TEMPERATURES, COMPRESSIONS = (3000.0, 6000.0), (1.0, 0.85, 0.7)
REPEATS = 2
SETTINGS = RobustnessSettings(
    temperatures=list(TEMPERATURES), compressions=list(COMPRESSIONS), atoms=8, steps=400, timestep=2.5
)
KEPT = ("structures", "energy_rmse", "energy_mae", "force_rmse", "force_mae")


def closest_snapshots(potential: Path, crystal: Atoms) -> list[Atoms]:
    """Return of every run the state in which two atoms are closest; of a failed run, before it failed."""
    calculator, found = load_potential(potential), []
    for temperature, compression, repeat in product(TEMPERATURES, COMPRESSIONS, range(REPEATS)):
        states: list[Atoms] = []
        task = Task("hot", repeat, temperature, compression)
        run = run_task(
            task, crystal, calculator, SETTINGS, SEED, lambda atoms, states=states: states.append(atoms.copy())
        )
        closest = min(states, key=lambda atoms: shortest_distance(atoms, 4.0))
        snapshot = with_sid(Atoms(closest.numbers, positions=closest.positions, cell=closest.cell, pbc=True))
        snapshot.info |= {"element": "Al", "config_type": f"{temperature:g} K, {run['state']}"}
        found.append(snapshot)
    return found


def errors(labelled: list[Atoms], calculator: BaseCalculator) -> dict[str, dict[str, float]]:
    """Return the errors of a potential on labelled snapshots, by temperature and by how their run ended."""
    found = {}
    for kind in sorted({atoms.info["config_type"] for atoms in labelled}):
        table, _ = predict([atoms for atoms in labelled if atoms.info["config_type"] == kind], calculator, "hot")
        found[kind] = {key: float(value) for key, value in summarise(table).items() if key in KEPT}
    return found


def main() -> None:
    """Run, label, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--store", type=Path, required=True, help="label store of the campaign")
    parser.add_argument("--potential", default="ace")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    campaign = CampaignSettings.model_validate(read_yaml(options.results / "config.yaml"))
    element = campaign.elements["Al"]
    crystal = lowest_crystal(options.results / "Al/labels/reference.extxyz", "fcc")
    folders = {letter: options.results / f"Al/transfer/{options.potential}/{name}_100" for name, letter in SETS.items()}
    calculators = {letter: load_potential(folder) for letter, folder in folders.items()}
    data: dict[str, object] = {"potential": options.potential, "settings": SETTINGS.model_dump(mode="json")}
    for driver, folder in folders.items():
        records = label_structures(
            closest_snapshots(folder, crystal),
            element="Al",
            d_nn=element.d_nn,
            reference=element.reference,
            limits=campaign.labels,
            budget=LabelBudget(options.store),
        )
        labelled = [record.atoms() for record in records if record.state == "converged"]
        closest = [shortest_distance(atoms, 4.0) for atoms in labelled]
        data[f"driven_by_{driver}"] = {
            "closest_pairs": [round(distance, 2) for distance in closest],
            "failed_labels": [record.reason for record in records if record.state != "converged"],
            **{f"errors_of_{letter}": errors(labelled, calculator) for letter, calculator in calculators.items()},
        }
    settings = config_hash({"settings": SETTINGS.model_dump(mode="json"), "repeats": REPEATS})
    data["provenance"] = provenance(config=settings, seed=SEED)
    write_json(RESULTS / "hot_errors.json", data)
    print(json.dumps(data, indent=2))


if __name__ == "__main__":
    main()
