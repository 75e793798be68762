"""What labels lose and save by ending self-consistency before GPAW's own criteria do: the same structures both ways.

    python -m benchmarks.labels.self_consistency Al Be C W Re Te --structures 4

Settings are those of config/eight_elements.yaml; structures are drawn from the labels of the library in data/labels.
Root mean squares over structures (energy) and components (forces, stress).
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import RESULTS, ROOT, campaign_settings
from benchmarks.labels.mesh_noise import per_atom, rms
from entromax.config.load import read_yaml
from entromax.config.models import LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.engines import engine_version, physics_hash
from entromax.labels.engines.gpaw import CONVERGENCE, GpawSettings
from entromax.labels.ledger import EV_PER_A3_IN_GPA
from entromax.labels.packs import pack_path, read_pack
from entromax.labels.record import Record
from entromax.labels.run import label_structures
from entromax.runtime import config_hash, provenance, write_json
from entromax.structures.kinds import LIBRARY

GPAWS_OWN = {"eigenstates": 4e-8}
LIMITS = LabelSettings(structure_timeout=3600.0, min_distance=0.0, max_force=1e4)


def sample(pack: Path, number: int, seed: int) -> list[Record]:
    """Return some converged labels of library structures, without replacement."""
    records = [Record.from_json(json.loads(line)) for line in read_pack(pack).splitlines()]
    library = sorted((r for r in records if r.energy is not None and r.config_type == LIBRARY), key=lambda r: r.sid)
    return [library[k] for k in np.random.default_rng(seed).permutation(len(library))[:number]]


def labelled(records: list[Record], settings: GpawSettings) -> list[Record]:
    """Return the labels of the same structures by the engine as it is now, one at a time, none of them kept."""
    structures = [record.atoms() for record in records]
    with tempfile.TemporaryDirectory() as store:
        return label_structures(
            structures,
            element=records[0].element,
            d_nn=1.0,
            reference=settings,
            limits=LIMITS,
            budget=LabelBudget(store),
        )


def difference(records: list[Record], reference: list[Record]) -> dict[str, float]:
    """Return what sets labels apart, and what they cost."""
    pairs = list(zip(records, reference, strict=True))
    steps = [sum(record.attempts[-1].iterations or 0 for record in side) for side in (records, reference)]
    seconds = [sum(record.cpu_seconds or 0.0 for record in side) for side in (records, reference)]
    return {
        "structures": len(pairs),
        "energy_rms_mev": 1000 * rms([per_atom(a) - per_atom(b) for a, b in pairs]),
        "force_rms_mev_a": 1000 * rms([x for a, b in pairs for x in np.subtract(a.forces, b.forces).flat]),
        "stress_rms_gpa": EV_PER_A3_IN_GPA * rms([x for a, b in pairs for x in np.subtract(a.stress, b.stress).flat]),
        "steps": steps[0] / len(pairs),
        "steps_gpaws_own": steps[1] / len(pairs),
        "cpu_s": seconds[0] / len(pairs),
        "cpu_s_gpaws_own": seconds[1] / len(pairs),
    }


def main() -> None:
    """Label both ways and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("elements", nargs="+")
    parser.add_argument("--structures", type=int, default=4)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--json", type=Path, default=RESULTS / "self_consistency.json")
    options = parser.parse_args()
    campaign = campaign_settings(read_yaml(ROOT / "config/eight_elements.yaml"))
    rows = {}
    for element in options.elements:
        settings = campaign.elements[element].reference
        records = sample(
            pack_path(ROOT / "data/labels", element, physics_hash(settings)), options.structures, options.seed
        )
        strict = settings.model_copy(update={"extra": {"convergence": GPAWS_OWN}})
        rows[element] = difference(labelled(records, settings), labelled(records, strict))
        print(element, json.dumps(rows[element]), flush=True)
    criteria = {"now": CONVERGENCE, "gpaws_own": GPAWS_OWN}
    made = provenance(config=config_hash(vars(options) | {"json": ""}), seed=options.seed)
    write_json(
        options.json, {"criteria": criteria, "engine": engine_version(settings), "rows": rows, "provenance": made}
    )


if __name__ == "__main__":
    main()
