"""What labels of the same structures at two settings differ by, for every size of cell: the noise of k-point meshes.

    python -m benchmarks.labels.mesh_noise W ef0b6b1cfe18 ae56e1e6e672

Reads packs in data/labels (element, physics hash of the coarser and of the finer settings); nothing is calculated.
Structures that both label with one mesh do not count. Low: below 1.5 eV/atom above the lowest of them.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import RESULTS, ROOT
from entromax.labels.ledger import EV_PER_A3_IN_GPA
from entromax.labels.packs import pack_path, read_pack
from entromax.labels.record import Record
from entromax.runtime import config_hash, provenance, write_json

LOW = 1.5


def labels(element: str, settings: str) -> dict[str, Record]:
    """Return the labels of a pack whose structures have no mesh of their own, by ``sid``."""
    lines = read_pack(pack_path(ROOT / "data/labels", element, settings)).splitlines()
    records = [Record.from_json(json.loads(line)) for line in lines]
    return {record.sid: record for record in records if record.energy is not None and record.kpts is None}


def per_atom(record: Record) -> float:
    """Return the energy [eV/atom]."""
    return float(record.energy or 0.0) / len(record.numbers)


def rms(values: list[float]) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


def rows(coarse: dict[str, Record], fine: dict[str, Record]) -> list[dict[str, Any]]:
    """Return what sets the labels apart for every size of cell."""
    lowest = min(map(per_atom, fine.values()))
    by_size: dict[int, list[tuple[Record, Record]]] = defaultdict(list)
    for sid in sorted(coarse.keys() & fine.keys()):
        if coarse[sid].info.get("kpts") != fine[sid].info.get("kpts"):
            by_size[len(fine[sid].numbers)].append((coarse[sid], fine[sid]))
    found = []
    for size, pairs in sorted(by_size.items()):
        energies = [1000 * (per_atom(a) - per_atom(b)) for a, b in pairs]
        low = [change for change, (_, b) in zip(energies, pairs, strict=True) if per_atom(b) - lowest < LOW]
        forces = np.concatenate([(np.array(a.forces) - np.array(b.forces)).ravel() for a, b in pairs])
        stresses = np.concatenate([np.array(a.stress) - np.array(b.stress) for a, b in pairs])
        found.append(
            {
                "atoms": size,
                "structures": len(pairs),
                "energy_rms_mev": round(rms(energies), 1),
                "energy_without_mean_mev": round(float(np.std(energies)), 1),
                "low_structures": len(low),
                "low_energy_rms_mev": round(rms(low), 1) if low else None,
                "force_rms_mev_a": round(1000 * rms(forces.tolist()), 1),
                "stress_rms_gpa": round(EV_PER_A3_IN_GPA * rms(stresses.tolist()), 2),
                "cpu_s_coarse": round(float(np.mean([a.cpu_seconds or 0.0 for a, _ in pairs])), 1),
                "cpu_s_fine": round(float(np.mean([b.cpu_seconds or 0.0 for _, b in pairs])), 1),
            }
        )
    return found


def main() -> None:
    """Compare two packs and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("element")
    parser.add_argument("coarse")
    parser.add_argument("fine")
    parser.add_argument("--json", type=Path, default=RESULTS / "mesh_noise.json")
    options = parser.parse_args()
    found = rows(labels(options.element, options.coarse), labels(options.element, options.fine))
    made = provenance(config=config_hash({"coarse": options.coarse, "fine": options.fine}), seed=0)
    write_json(options.json, {"element": options.element, "rows": found, "provenance": made})
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
