"""Tables and gallery of docs/library.md, from docs/results/library.json and the library itself.

python -m docs.make.library
"""

from typing import Any

from benchmarks.common import PICTURES, RESULTS, ROOT
from docs.make.pages import read_json, write_table
from entromax.report.topics.library import plot_gallery
from entromax.structures import read_library

PAGE = ROOT / "docs/library.md"
BANDWIDTHS = ("0.015", "0.03", "0.06", "0.1")


def contents(data: dict[str, Any]) -> str:
    """Return what the library holds."""
    made = ", ".join(f"`{part['recipe']}` at {part['commit']}, {part['cpu_s']:.0f} CPU s" for part in data["made"])
    tiers = ", ".join(f"{count} of {name} atoms" for name, count in data["tiers"].items())
    kinds = ", ".join(f"{count} {name}" for name, count in data["kinds"].items())
    rows = {
        "version": f"{data['version']}",
        "structures": f"{data['structures']}: {tiers}",
        "environments": f"{data['environments']}",
        "grown from": kinds,
        "file": f"{data['bytes'] / 1e6:.2f} MB, sha256 `{data['sha256'][:16]}…`",
        "diverse order": "{bytes} bytes, sha256 `{sha256:.16}…`, {cpu_s:.0f} CPU s".format(**data["diverse_order"]),
        "made by": made,
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())])


def reach(data: dict[str, Any]) -> str:
    """Return the worst leverage and distance of every crystal over its volumes."""
    names = list(dict.fromkeys(row["crystal"] for row in data["reach"]))
    lines = ["| crystal | volumes | leverage | nearest, standard deviations |", "|---|---|---|---|"]
    for name in names:
        own = [row for row in data["reach"] if row["crystal"] == name]
        leverage, nearest = (max(row[key] for row in own) for key in ("leverage", "nearest_sigma"))
        lines.append(f"| {name} | {len(own)} | {leverage:.2f} | {nearest:.2f} |")
    return "\n".join(lines)


def prefixes(data: dict[str, Any]) -> str:
    """Return the entropies of the first n structures."""
    lines = [
        "| filter | n | environments | H | H of as many, D-optimal | QUESTS at " + " / ".join(BANDWIDTHS) + " |",
        "|---|---|---|---|---|---|",
    ]
    for row in data["prefixes"]:
        quests = row.get("quests_nats")
        judged = " / ".join(f"{quests[h]:.2f}" for h in BANDWIDTHS) if quests else "–"
        best = f"{row['h_d_optimal_nats']:.1f}" if "h_d_optimal_nats" in row else "–"
        lines.append(
            f"| {row['filter']} | {row['n']} | {row['environments']} | {row['h_nats']:.1f} | {best} | {judged} |"
        )
    return "\n".join(lines)


def diversity(data: dict[str, Any]) -> str:
    """Return the judges' verdicts at equal numbers of environments, with their spread over the seeds."""
    lines = [
        "| environments | set | H | nearest neighbours | QUESTS at "
        + " | ".join(BANDWIDTHS)
        + " | H, cutoff 1.6 / 3 d_nn "
        "| H, power spectrum |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for count, sets in data["diversity"].items():
        for name, row in {**data.get("diverse", {}).get(count, {}), **sets}.items():
            quests = " | ".join(with_spread(row, h) for h in BANDWIDTHS)
            plain = f"{row['h_nats']:.1f} ± {row['spread']['h_nats']:.1f} | {row['knn_nats']:.0f}"
            other = (
                f"{row['h_cutoff_1.6_nats']:.1f} / {row['h_cutoff_3_nats']:.1f} | {row['h_power_spectrum_nats']:.0f}"
            )
            lines.append(f"| {count} | {name} | {plain} | {quests} | {other} |")
    return "\n".join(lines)


def with_spread(row: dict[str, Any], bandwidth: str) -> str:
    """Return QUESTS at a bandwidth as mean ± standard deviation."""
    return f"{row['quests_nats'][bandwidth]:.3f} ± {row['spread']['quests_nats'][bandwidth]:.3f}"


def orders(data: dict[str, Any]) -> str:
    """Return both orders side by side for every filter."""
    lines = [
        "| filter | environments | order | structures | H | QUESTS at " + " / ".join(BANDWIDTHS) + " |",
        "|---|---|---|---|---|---|",
    ]
    for row in data["orders"]:
        name = "{}-{} atoms".format(*row["atoms"]) + (", v* {}-{}".format(*row["v_star"]) if row["v_star"] else "")
        size = f"{row['environments']} | {row['order']} | {row['structures']}"
        quests = " / ".join(f"{row['quests_nats'][h]:.2f}" for h in BANDWIDTHS)
        lines.append(f"| {name} | {size} | {row['h_nats']:.1f} | {quests} |")
    return "\n".join(lines)


def main() -> None:
    data = read_json(RESULTS / "library.json")
    tables = {"contents": contents, "reach": reach, "prefixes": prefixes, "orders": orders, "diversity": diversity}
    for name, table in tables.items():
        write_table(PAGE, name, table(data))
    plot_gallery(read_library().select((1, 32), number=24), PICTURES / "library_gallery.png", rows=6)


if __name__ == "__main__":
    main()
