"""All families on the same labels: cost of the fit, errors, speed, E(V); written to docs/results/potentials.json.

    python -m benchmarks.potentials.families results --element Al [--only gap snap] [--json FILE]

`results` is the folder of a finished campaign: the training, validation and test sets of the element, the labelled
crystals and config.yaml are read there. Every family is fitted with the settings below in a process of its own (CPU
time and largest resident memory, those of its children included); families that are not installed are listed as such.
Microseconds are CPU time per atom of an ASE step (energy and forces of a rattled cell of 32 atoms, moved a little each
time) and, where the LAMMPS that is installed knows the pair style, of 20 steps of dynamics of 500 atoms there. Run
with OMP_NUM_THREADS=1.
"""

import argparse
import contextlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from ase.build import bulk
from pydantic import TypeAdapter

from benchmarks.common import RESULTS, cpu_seconds, in_own_process, peak_megabytes
from entromax.config.models import PotentialSettings, Settings
from entromax.potentials import load_potential, train_potential
from entromax.potentials.base import family_available
from entromax.potentials.lammps_run import start_lammps
from entromax.potentials.uncertainty import calibration
from entromax.runtime import provenance, write_json
from entromax.structures import read_structures
from entromax.validation.eos import compare_crystal
from entromax.validation.errors import predict, summarise
from entromax.validation.sweep import microseconds_per_atom

MODELS: dict[str, dict[str, Any]] = {
    "gap": {"family": "gap"},
    "snap 2J=8": {"family": "snap", "twojmax": 8},
    "qsnap 2J=4": {"family": "snap", "twojmax": 4, "quadratic": True},
    "qsnap 2J=6": {"family": "snap", "twojmax": 6, "quadratic": True},
    "qsnap 2J=8": {"family": "snap", "twojmax": 8, "quadratic": True},
    "ace": {"family": "ace"},
    "mace": {"family": "mace", "epochs": 60},
}


def lammps_microseconds(folder: Path, commands: str, element: str, a: float, steps: int = 20) -> float | None:
    """CPU microseconds per atom and step of dynamics in LAMMPS; None when this LAMMPS lacks the pair style."""
    styles = {word for word in commands.split("\n")[0].split()[1:] if word[0].isalpha()}
    atoms = bulk(element, "fcc", a=a, cubic=True).repeat((5, 5, 5))
    atoms.positions += np.random.default_rng(0).normal(scale=0.1, size=atoms.positions.shape)
    run, _ = start_lammps(atoms, 8.0)
    if not styles <= set(run.available_styles("pair")):
        run.close()
        return None
    with contextlib.chdir(folder):
        run.commands_string(commands)
    run.commands_string("fix move all nve\ntimestep 0.001\nrun 1 post no")
    started = time.process_time()
    run.command(f"run {steps} post no")
    used = time.process_time() - started
    run.close()
    return 1e6 * used / steps / len(atoms)


def measure(name: str, results: Path, element: str) -> dict[str, Any]:
    """Fit one potential in this process and return its row of the table."""
    configuration = yaml.safe_load((results / "config.yaml").read_text())
    settings: Settings = TypeAdapter(PotentialSettings).validate_python(MODELS[name])
    data, d_nn = results / element / "dataset", configuration["elements"][element]["d_nn"]
    missing = family_available(settings)
    if missing:
        return {"name": name, "absent": missing}
    a = d_nn * 2**0.5
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "potential"
        started = cpu_seconds()
        card = train_potential(
            data / "train.extxyz",
            data / "validation.extxyz",
            potential=folder,
            element=element,
            d_nn=d_nn,
            settings=settings,
            seed=configuration["seed"],
        )
        fit_seconds, memory = cpu_seconds() - started, peak_megabytes()
        calculator, test = load_potential(folder), read_structures(data / "test.extxyz")
        errors = {
            split: summarise(predict(read_structures(data / f"{split}.extxyz"), calculator, split)[0])
            for split in ("train", "test")
        }
        fcc = [atoms for atoms in read_structures(results / element / "labels/reference.extxyz")]
        fcc = [atoms for atoms in fcc if atoms.info["config_type"] == "fcc"]
        curve = compare_crystal(fcc, calculator, symbol=element, crystal="fcc")[1].set_index("source")
        bars = None
        if {"energy_std", "forces_std"} <= set(calculator.implemented_properties):
            bars = calibration(test, calculator)
        return {
            "name": name,
            "settings": MODELS[name],
            "coefficients": card["facts"].get("coefficients") or card["facts"].get("functions"),
            "fit_cpu_s": round(fit_seconds, 1),
            "fit_peak_mb": round(memory),
            "errors": errors,
            "us_per_atom_step": round(microseconds_per_atom(calculator, element, d_nn), 1),
            "us_per_atom_step_lammps": lammps_microseconds(folder, card["lammps"], element, a)
            if card["lammps"]
            else None,
            "fcc": {
                source: {
                    key: None if pd.isna(curve.loc[source, key]) else curve.loc[source, key]
                    for key in ("status", "volume", "bulk_modulus")
                }
                for source in ("potential", "reference")
            },
            "error_bars_test": bars,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--element", default="Al")
    parser.add_argument("--only", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--json", type=Path, default=RESULTS / "potentials.json")
    arguments = parser.parse_args()
    rows = []
    for name in arguments.only:
        try:
            rows.append(in_own_process(measure, name, arguments.results, arguments.element))
        except Exception as error:  # whatever one family does, the others are measured
            rows.append({"name": name, "failed": f"{type(error).__name__}: {error}"})
        print(json.dumps(rows[-1]), flush=True)
    summary = json.loads((arguments.results / arguments.element / "dataset/summary.json").read_text())
    dataset = {key: summary[key] for key in ("element", "settings", "structures", "environments", "roles")}
    units = {"energy": "meV/atom", "force": "eV/Å", "stress": "GPa", "volume": "Å^3/atom", "bulk_modulus": "GPa"}
    data = {"dataset": dataset, "units": units, "potentials": rows, "provenance": provenance(config="", seed=0)}
    write_json(arguments.json, data)


if __name__ == "__main__":
    main()
