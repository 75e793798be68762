"""The tables of docs/engines.md, from docs/results/engines.json, convergence.json and self_consistency.json.

python -m docs.make.engines
"""

import argparse
from typing import Any

from benchmarks.common import RESULTS, ROOT
from docs.make.pages import read_json, write_table

PAGE = ROOT / "docs/engines.md"
CRYSTALS = ("fcc", "bcc")


def presets_table(rows: list[dict[str, Any]]) -> str:
    """Return the presets against all-electron values as a Markdown table."""
    lines = [
        "| engine | | k-spacing | E(bcc) - E(fcc) | all-electron | error | V0 fcc, bcc | B fcc (all-el.) | B bcc |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in rows:
        start = f"| {entry['engine']} | {entry['element']} | {entry['settings']['kspacing']:g} "
        if entry["error_mev"] is None:
            lines.append(f"{start}| not calculated | {entry['all_electron_mev']:g} | | | | |")
            continue
        fcc, bcc = (entry["crystals"][crystal] for crystal in CRYSTALS)
        volumes = ", ".join(f"{crystal['volume_error_percent']:+.1f} %" for crystal in (fcc, bcc))
        moduli = [f"{c['bulk_modulus_gpa']:.0f} ({c['all_electron_bulk_modulus_gpa']:.0f})" for c in (fcc, bcc)]
        lines.append(
            f"{start}| {entry['bcc_minus_fcc_mev']:.1f} | {entry['all_electron_mev']:g} | {entry['error_mev']:+.1f} "
            f"| {volumes} | {' | '.join(moduli)} |"
        )
    return "\n".join(lines)


def levels_table(rows: list[dict[str, Any]]) -> str:
    """Return the levels of the presets against the tightest one as a Markdown table."""
    lines = [
        "| engine | | structures | level | energy, meV/atom | without its mean | forces, meV/Å | CPU s per label |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        errors_ = [row[key] for key in ("energy_rmse_mev", "energy_rmse_without_mean_mev", "force_rmse_mev_a")]
        words = ["reference"] * 3 if row["level"] == row["against"] else [f"{error:.1f}" for error in errors_]
        start = f"| {row['engine']} | {row['element']} | {row['structures']} | `{row['level']}` "
        lines.append(f"{start}| {' | '.join(words)} | {row['cpu_s_per_label']:.1f} |")
    return "\n".join(lines)


def self_consistency_table(rows: dict[str, dict[str, float]]) -> str:
    """Return what the criteria of self-consistency cost and save as a Markdown table."""
    lines = [
        "| | structures | energy, meV/atom | forces, meV/Å | stress, GPa | steps, GPAW's own → now | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for element, row in rows.items():
        errors_ = f"{row['energy_rms_mev']:.3f} | {row['force_rms_mev_a']:.2f} | {row['stress_rms_gpa']:.3f}"
        cost = f"{row['steps_gpaws_own']:.1f} → {row['steps']:.1f} | {row['cpu_s_gpaws_own']:.0f} → {row['cpu_s']:.0f}"
        lines.append(f"| {element} | {row['structures']} | {errors_} | {cost} |")
    return "\n".join(lines)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    write_table(PAGE, "engines", presets_table(read_json(RESULTS / "engines.json")["rows"]))
    write_table(PAGE, "convergence", levels_table(read_json(RESULTS / "convergence.json")["rows"]))
    rows = read_json(RESULTS / "self_consistency.json")["rows"]
    write_table(PAGE, "self_consistency", self_consistency_table(rows))


if __name__ == "__main__":
    main()
