"""What is done for the people who use it, in figures: docs/results/people.json, one key for each kind.

    python -m docs.make.people lammps RESULTS [RESULTS ...]
    python -m docs.make.people elements LABEL_STORE SYMBOL[=RESULTS] [SYMBOL[=RESULTS] ...]
    python -m docs.make.people pace PLUGIN_FOLDER
    python -m docs.make.people site
    python -m docs.make.people install|offline NEW_FOLDER

Each call writes its own key and leaves the others as they are. ``lammps`` gathers what `validate_lammps` measured in
campaigns: the largest differences to ASE and the speed, by family. ``elements`` reads back from a label store what
`entromax element` measured, and calculates what is missing there. ``pace`` runs fits to EMT labels in a LAMMPS with the
plugin of envs/lammps_pace.sh. The others measure, see docs/make/deployment.py.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS
from docs.make.deployment import install, offline, site
from docs.make.elements import elements
from docs.make.pace import pace
from docs.make.pages import read_json
from entromax.runtime import config_hash, provenance, write_json

SHOWN = ("how", "reason", "structures", "differences", "agrees", "atoms", "steps", "dynamics")


def lammps(folders: Sequence[str]) -> dict[str, Any]:
    """Return the runs of LAMMPS in campaigns by family; of two campaigns with a family the last one counts."""
    families: dict[str, Any] = {}
    for path in sorted(path for folder in folders for path in Path(folder).glob("*/validation/*/lammps.json")):
        run, name = read_json(path), path.parent.name
        card = read_json(path.parents[2] / "potentials" / name / "potential.json")
        fitted = {key: card[key] for key in ("element", "training_structures", "settings")}
        families[card["family"]] = {**fitted, **{key: run[key] for key in SHOWN}}
        version = run["lammps"]
    if not families:
        raise SystemExit(f"{', '.join(folders)}: hold no validation/*/lammps.json; set validation.lammps.run: true")
    return {"version": version, "families": families}


KEYS: dict[str, Callable[[Sequence[str]], dict[str, Any]]] = {
    "lammps": lammps,
    "elements": elements,
    "pace": pace,
    "site": site,
    "install": install,
    "offline": offline,
}


def main() -> None:
    """Gather one key, keep the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("key", choices=KEYS)
    parser.add_argument("inputs", nargs="*", help="what the key is gathered from")
    options = parser.parse_args()
    path, found = RESULTS / "people.json", KEYS[options.key](options.inputs)
    origin = provenance(config=config_hash(found), seed=0)
    write_json(path, read_json(path) | {options.key: {**found, "provenance": origin}})


if __name__ == "__main__":
    main()
