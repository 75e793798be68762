"""The table of docs/production.md and the lines below it, from docs/results/production.json and plan_production.json.

python -m docs.make.production
"""

import argparse
from typing import Any

import numpy as np

from benchmarks.common import RESULTS, ROOT
from docs.make.pages import read_json, write_table


def page_table(elements: dict[str, Any]) -> str:
    """Return the table of the page."""
    lines = [
        "| element | CPU s per label | core hours | jobs | hours per job | 5 % of the labels take longer than, h "
        "| wave functions, GB: median, exceeded by 5 % | label store, GB | work beyond the sizes measured |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    total = np.zeros(2)
    for name, one in elements.items():
        if "missing" in one:
            lines.append(f"| **{name}** | {one['missing']} | | | | | | | |")
            continue
        total += one["core_hours"]
        memory = one["wave_functions_mb"]
        lines.append(
            f"| **{name}** | {span(one['cpu_s_per_label'])} | {span(one['core_hours'])} | {one['jobs']} "
            f"| {span(one['hours_per_job'])} | {span(np.array(one['cpu_s_exceeded_by_5_percent']) / 3600)} "
            f"| {memory['median'] / 1000:.2g}, {memory['exceeded_by_5_percent'] / 1000:.2g} | {one['store_gb']:.2g} "
            f"| {one['part_beyond_fitted_sizes']:.0%} |"
        )
    lines.append(f"| **all** | | {span(total)} | | | | | | |")
    return "\n".join([*lines, "", *check_lines(elements), *plan_lines()])


def check_lines(elements: dict[str, Any]) -> list[str]:
    """Return how the fit does on the labels whose CPU time was measured."""
    rows = [one for element in elements.values() for one in element.get("measured", [])]
    if not rows:
        return []
    ratios, sizes = [one["seconds"] / one["fitted"] for one in rows], [one["atoms"] for one in rows]
    return [
        f"{len(rows)} labels of {min(sizes)} to {max(sizes)} atoms at the production cutoff, CPU seconds measured over "
        f"fitted: {min(ratios):.2f} to {max(ratios):.2f}, median {np.median(ratios):.2f}.",
        "",
    ]


def plan_lines() -> list[str]:
    """Return what the dry run of the campaign takes."""
    plans = read_json(RESULTS / "plan_production.json")
    words = {"as_written": "Dry run of this file", "ten_times": "With ten times the structures"}
    return [
        f"{words[name]}: {grouped(plan['jobs'])} jobs for {grouped(plan['structures'])} structures, "
        f"{plan['cpu_s']:.0f} CPU s, {plan['memory_mb']:.0f} MB."
        for name, plan in plans.items()
        if name in words
    ]


def grouped(number: float) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,g}".replace(",", " ")


def span(values: Any) -> str:
    """Return a range with two digits."""
    low, high = (float(f"{value:.2g}") for value in values)
    return grouped(low) if low == high else f"{grouped(low)}–{grouped(high)}"


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    elements = read_json(RESULTS / "production.json")["elements"]
    write_table(ROOT / "docs/production.md", "production", page_table(elements))


if __name__ == "__main__":
    main()
