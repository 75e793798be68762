"""Picture and table of crystals in the feature space of a library."""

from pathlib import Path

import pandas as pd

from entromax.report.topics.library import plot_reach, reach_blocks


def table() -> pd.DataFrame:
    rows = []
    for name, factor in (("random", 10.0), ("maximised", 1.0)):
        rows += [
            {"set": name, "crystal": "Al fcc", "v_star": 0.7, "leverage": 1.5 * factor, "hull": 0.1, "nearest": 0.2},
            {"set": name, "crystal": "bcc", "v_star": 0.6, "leverage": 0.4 * factor, "hull": 0.3, "nearest": 0.5},
            {"set": name, "crystal": "bcc", "v_star": 0.8, "leverage": 0.9 * factor, "hull": 0.2, "nearest": 0.4},
        ]
    return pd.DataFrame(rows)


def test_figure_of_reach_comes_with_its_numbers(tmp_path: Path) -> None:
    plot_reach(table(), tmp_path / "reach.png")
    assert (tmp_path / "reach.png").read_bytes().startswith(b"\x89PNG")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "reach.csv"), table())


def test_table_of_reach_shows_every_crystal_at_its_worst_volume() -> None:
    (block,) = reach_blocks(table())
    assert block.table is not None
    shown = {row[0]: row[1:4] for row in block.table.rows}
    assert shown == {"Al fcc": ("0.700", "15.0", "1.50"), "bcc": ("0.800", "9.00", "0.900")}


def test_no_table_without_numbers() -> None:
    assert reach_blocks(pd.DataFrame()) == []
