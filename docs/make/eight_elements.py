"""The table of the campaign config/eight_elements.yaml, by element: labels, errors, V0 and B, phases, robustness.

    ./run --configfile config/eight_elements.yaml                         # the campaign, see docs/eight_elements.md
    python -m docs.make.eight_elements results/eight_elements

Reads the results only. Writes docs/results/eight_elements.json, the table of docs/eight_elements.md and the pictures
docs/pictures/eight_*.png (with their numbers as CSV). Time of a label: CPU seconds as the ledgers have them.
An element that has not got so far shows what it has, the rest is null.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.common import PICTURES, RESULTS, ROOT
from docs.make.eight_pictures import draw_eos, draw_phases
from docs.make.pages import read_json, write_table
from entromax.config.load import read_yaml
from entromax.runtime import provenance, write_json
from entromax.validation.references import phase_energies

PAGE = ROOT / "docs/eight_elements.md"
SAME = 5.0
"""Phases nearer than this in DFT may come in either order [meV/atom]: the k-points of the campaign leave as much."""


def read_table(path: Path) -> pd.DataFrame:
    """Return a CSV file; an empty table when it is not there (yet)."""
    return pd.read_csv(path) if path.is_file() else pd.DataFrame()


def rounded(value: Any, digits: int) -> float | None:
    """Return a number for people; None where there is none."""
    return None if value is None or not np.isfinite(float(value)) else round(float(value), digits)


def cpu_per_label(ledger: pd.DataFrame) -> float | None:
    """Return the mean CPU time of a label [s]; a record without one counts as those of its number of atoms."""
    known = ledger["cpu_seconds"] if "cpu_seconds" in ledger else pd.Series(np.nan, index=ledger.index)
    return rounded(known.fillna(known.groupby(ledger["atoms"]).transform("mean")).mean(), 2)


def label_entry(folder: Path, ledger: pd.DataFrame) -> dict[str, Any]:
    """Return how many structures were tried, how they ended, what they cost, what the dataset leaves out."""
    reference = pd.read_parquet(folder / "labels/reference.parquet")
    states = {str(state): int(count) for state, count in ledger["state"].value_counts().items()}
    failed = ledger[ledger["state"] != "converged"]
    manifest = folder / "dataset/manifest.parquet"
    roles = pd.read_parquet(manifest) if manifest.is_file() else pd.DataFrame({"role": [], "rule": []})
    return {
        "labels": len(ledger),
        "converged": states.get("converged", 0),
        "success_rate": round(states.get("converged", 0) / len(ledger), 4),
        "states": states,
        "reasons": {str(reason): int(n) for reason, n in failed["reason"].value_counts().items()},
        "attempts_per_label": round(float(ledger["attempts"].mean()), 3),
        "mean_atoms": round(float(ledger["atoms"].mean()), 2),
        "wall_s_per_label": round(float(ledger["seconds"].mean()), 2),
        "cpu_s_per_label": cpu_per_label(ledger),
        "cpu_known_of": int(ledger["cpu_seconds"].notna().sum()) if "cpu_seconds" in ledger else 0,
        "reference_crystals": len(reference) - 1,
        "reference_crystals_converged": int((reference["state"] == "converged").sum()) - 1,
        "outliers": list(roles.loc[roles["role"] == "outlier", "rule"]),
        "training_structures": int((roles["role"] == "train").sum()) - 1 if len(roles) else None,
    }


def equilibrium_entry(parameters: pd.DataFrame, ground: str) -> dict[str, Any]:
    """Return V0 [Å^3/atom] and B [GPa] of the ground state by potential, by DFT and published."""
    v0, b = dict.fromkeys(("potential", "dft", "literature")), dict.fromkeys(("potential", "dft", "literature"))
    source = None
    names = {"potential": "potential", "reference": "dft", "wien2k": "literature"}
    rows = parameters[parameters["crystal"] == ground].to_dict("records") if len(parameters) else []
    for row in rows:
        if row["source"] in names:
            name = names[row["source"]]
            v0[name], b[name] = rounded(row["volume"], 3), rounded(row["bulk_modulus"], 1)
            source = row["citation"] if name == "literature" else source
    return {"v0": v0, "b": b, "literature_source": source}


def phase_entry(parameters: pd.DataFrame, element: str, ground: str) -> dict[str, Any]:
    """Return the energy of every crystal above the ground state by potential, by DFT and published [meV/atom].

    ``swapped`` are the pairs that the potential has in the other order than DFT; pairs that DFT has nearer than
    ``SAME`` do not count. ``right``: there is none; null while a crystal has no minimum.
    """
    if parameters.empty:
        return {"right": None, "ground_state_right": None, "swapped": [], "without_minimum": {}, "energies": {}}
    own, dft = (
        parameters[parameters["source"] == source].set_index("crystal")["phase_energy"].astype(float)
        for source in ("potential", "reference")
    )
    published = phase_energies(element)
    zero = published[ground].value if ground in published else None
    energies = {
        str(name): {
            "potential": rounded(own[name], 1),
            "dft": rounded(dft[name], 1),
            "literature": None if zero is None or name not in published else published[str(name)].value - zero,
        }
        for name in dft.index
    }
    pairs = [(a, b) for a in dft.index for b in dft.index if dft[b] - dft[a] > SAME]
    swapped = [f"{b} < {a}" for a, b in pairs if own[b] < own[a]]
    known = bool(len(dft) > 1 and own.notna().all() and dft.notna().all())
    return {
        "right": not swapped if known else (False if swapped else None),
        "ground_state_right": not any(a == ground and own[b] < own[a] for a, b in pairs),
        "swapped": swapped,
        "without_minimum": {
            name: [str(crystal) for crystal in series.index[series.isna()]]
            for name, series in (("potential", own), ("dft", dft))
            if series.isna().any()
        },
        "energies": energies,
        "rms_error_mev": rounded(np.sqrt(np.mean((own - dft).drop(ground) ** 2)), 1),
    }


def property_flags(folder: Path) -> list[str]:
    """Return what the properties of the potential say against it."""
    found = []
    for path in sorted(folder.glob("properties/*.json")):
        own = read_json(path)["potential"]
        found += [f"{path.stem}: {text}" for text in own["flags"]]
        found += [f"{path.stem}: {own['reason']}"] if own["state"] == "failed" else []
    return found


def element_entry(results: Path, element: str, settings: dict[str, Any], potential: str) -> dict[str, Any]:
    """Return all figures of one element."""
    folder = results / element
    shards = sorted(folder.glob("labels/shard_*.parquet"))
    if not shards or not (folder / "labels/reference.parquet").is_file():
        return {"labels": 0, "converged": 0, "missing": "no shard of labels is finished"}
    ledger = pd.concat([pd.read_parquet(path) for path in shards], ignore_index=True)
    tests = folder / "validation" / potential
    test = read_json(tests / "errors.json").get("splits", {}).get("test", {})
    robustness = read_json(tests / "robustness.json")
    runs = read_table(tests / "robustness_runs.csv")
    failed = runs[runs["state"] == "failed"] if len(runs) else runs
    parameters, ground = read_table(tests / "eos_parameters.csv"), settings["ground_state"]
    reference = {key: settings["reference"].get(key) for key in ("engine", "xc", "ecut", "kspacing", "width", "spin")}
    return {
        "ground_state": ground,
        "reference": reference,
        **label_entry(folder, ledger),
        "test_structures": test.get("structures"),
        "energy_rmse_mev": rounded(test.get("energy_rmse"), 1),
        "force_rmse_ev_a": rounded(test.get("force_rmse"), 3),
        **equilibrium_entry(parameters, ground),
        "phases": phase_entry(parameters, element, ground),
        "robust_fraction": rounded(robustness.get("fraction"), 3),
        "robust_runs": robustness.get("runs"),
        "robust_failures": [
            f"{r['temperature']:g} K, V/V₀ {r['compression']:g}: {r['reason']}" for r in failed.to_dict("records")
        ],
        "flags": property_flags(tests),
    }


def cells(values: dict[str, float | None], form: str) -> str:
    """Return the values of potential, DFT and literature between slashes."""
    return " / ".join("–" if value is None else format(value, form) for value in values.values())


def page_table(elements: dict[str, Any]) -> str:
    """Return the table of the page, one row per element."""
    lines = [
        "| element | labels: converged of tried | CPU s each | outliers | RMSE, meV/atom and eV/Å "
        "| V₀, Å³: potential / DFT / WIEN2k | B, GPa | order of phases, RMS error | physical runs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in elements.items():
        if "missing" in one:
            lines.append(f"| **{name}** | {one['missing']} | | | | | | | |")
            continue
        seconds, phases = one["cpu_s_per_label"], one["phases"]
        words = {True: "right", False: ", ".join(phases["swapped"]), None: "not known"}[phases["right"]]
        error = phases.get("rms_error_mev")
        accuracy = (
            "not fitted"
            if one["energy_rmse_mev"] is None
            else f"{one['energy_rmse_mev']:.0f}, {one['force_rmse_ev_a']:.2f}"
        )
        fraction, runs = one["robust_fraction"], one["robust_runs"]
        lines.append(
            f"| **{name}** {one['ground_state']} | {one['converged']} of {one['labels']} "
            f"| {'–' if seconds is None else f'{seconds:.1f}'} | {len(one['outliers'])} | {accuracy} "
            f"| {cells(one['v0'], '.2f')} | {cells(one['b'], '.0f')} "
            f"| {words}{'' if error is None else f'; {error:.0f} meV/atom'} "
            f"| {'–' if fraction is None else f'{fraction:.0%} of {runs}'} |"
        )
    return "\n".join([*lines, "", "What does not work, from the same files:", "", *remarks(elements)])


def remarks(elements: dict[str, Any]) -> list[str]:
    """Return a line for each element that has something to say against it."""
    lines = []
    for name, one in elements.items():
        if "missing" in one:
            continue
        found = [f"{count} without a label ({reason})" for reason, count in one["reasons"].items()]
        rules = Counter(rule.split()[0] for text in one["outliers"] for rule in text.split("; "))
        found += [f"{count} outliers ({rule})" for rule, count in rules.items()]
        crystals = one["reference_crystals"] - one["reference_crystals_converged"]
        found += [f"{crystals} volumes of the reference crystals without a label"] if crystals else []
        found += [
            f"no minimum of {', '.join(names)} by {'DFT' if source == 'dft' else 'the potential'}"
            for source, names in one["phases"]["without_minimum"].items()
        ]
        failed = Counter(text.split(":")[0] for text in one["robust_failures"])
        found += one["flags"] + [f"{count} unphysical at {where}" for where, count in failed.items()]
        if found:
            lines.append(f"* **{name}**: {'; '.join(found)}.")
    return lines or ["nothing."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of the campaign's results")
    parser.add_argument("--json", type=Path, default=RESULTS / "eight_elements.json")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--pictures", type=Path, default=PICTURES)
    arguments = parser.parse_args()
    results: Path = arguments.results
    config = read_yaml(results / "config.yaml")
    potential = next(iter(config["potentials"]))
    elements = {
        name: element_entry(results, name, settings, potential) for name, settings in config["elements"].items()
    }
    campaign = read_json(results / "provenance.json")
    write_json(
        arguments.json,
        {
            "campaign": config["campaign"],
            "potential": config["potentials"][potential],
            "library": {key: config["library"]["cells"][key] for key in ("atoms", "volume")},
            "elements": elements,
            "commands": [
                "./run --configfile config/eight_elements.yaml",
                "python -m docs.make.eight_elements results/eight_elements",
            ],
            "campaign_provenance": campaign,
            "provenance": provenance(config=campaign.get("config", ""), seed=config["seed"]),
        },
    )
    table = page_table(elements)
    print(table)
    if arguments.page.is_file():
        write_table(arguments.page, "eight", table)
    grounds = {name: settings["ground_state"] for name, settings in config["elements"].items()}
    curves = {name: read_table(results / name / "validation" / potential / "eos_curves.csv") for name in elements}
    draw_eos(curves, grounds, arguments.pictures / "eight_eos.png")
    draw_phases(
        {name: one.get("phases", {}).get("energies", {}) for name, one in elements.items()},
        grounds,
        arguments.pictures / "eight_phases.png",
    )


if __name__ == "__main__":
    main()
