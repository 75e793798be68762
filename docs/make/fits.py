"""Tables of docs/fits.md, from left_out.json, gaussian_units.json, telling.json: `python -m docs.make.fits`."""

from typing import Any

from benchmarks.common import RESULTS, ROOT
from docs.make.pages import read_json, write_table

MEASURES = ("unseen_energy_mev", "unseen_energy_mae_mev", "unseen_forces_ev_a", "crystals_mev")


def title(variant: dict[str, Any]) -> str:
    """Return what is not the default, in the words of the configuration."""
    named = {key: value for key, value in variant.items() if key not in MEASURES}
    return ", ".join(f"`{key}: {value:g}`" for key, value in named.items())


def table(elements: dict[str, Any], mean: bool = False) -> str:
    """Return a row for every variant: energies (mean absolute ones too) and forces of unseen structures, crystals."""
    names = [f"{name} ({one['judging']} of {one['labels']})" for name, one in elements.items()]
    lines = [f"| `open_ace` with | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for index, variant in enumerate(next(iter(elements.values()))["variants"]):
        cells = []
        for one in elements.values():
            row = one["variants"][index]
            absolute = f" ({row['unseen_energy_mae_mev']:.0f})" if mean else ""
            energies = f"{row['unseen_energy_mev']:.0f}{absolute}"
            cells.append(f"{energies}, {row['unseen_forces_ev_a']:.2f}, {row['crystals_mev']:.0f}")
        lines.append(f"| {title(variant)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def telling(elements: dict[str, Any]) -> str:
    """Return a row for every way to add labels: energies (root mean square, mean) and forces of unseen structures."""
    names = [f"{name} ({one['library']} + {one['pools']}; {one['judged']})" for name, one in elements.items()]
    lines = [f"| added | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for index, way in enumerate(next(iter(elements.values()))["ways"]):
        cells = []
        for one in elements.values():
            row = one["ways"][index]
            energies = f"{row['unseen_energy_mev']:.0f} ({row['unseen_energy_mae_mev']:.0f})"
            cells.append(f"{row['labels']}: {energies}, {row['unseen_forces_ev_a']:.2f}")
        lines.append(f"| {way['added']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    write_table(ROOT / "docs/fits.md", "telling", telling(read_json(RESULTS / "telling.json")["elements"]))
    write_table(ROOT / "docs/fits.md", "left_out", table(read_json(RESULTS / "left_out.json")["elements"]))
    units = read_json(RESULTS / "gaussian_units.json")["elements"]
    write_table(ROOT / "docs/fits.md", "gaussian_units", table(units, mean=True))


if __name__ == "__main__":
    main()
