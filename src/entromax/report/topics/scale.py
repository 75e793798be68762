"""The length scale of an element: the E(V) that it comes from."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from entromax.report.kit import COLOURS, GREY, figure
from entromax.validation.eos import birch_murnaghan


def plot_scale(scale: str | Path, path: str | Path) -> None:
    """Draw the E(V) that the length scale of an element comes from.

    Args:
        scale: JSON of ``validation.derive_d_nn``.
        path: PNG.
    """
    data = json.loads(Path(scale).read_text())
    fit, points = data["fit"], pd.DataFrame(data["points"])
    grid = np.linspace(points["volumes"].min(), points["volumes"].max(), 101)
    curve = birch_murnaghan(grid, fit["energy"], fit["volume"], fit["bulk_modulus"], fit["derivative"])
    with figure(path, points, height=4.0) as axes:
        axes.plot(grid, 1000 * (curve - fit["energy"]), color=COLOURS["reference"], lw=1.5)
        axes.plot(
            points["volumes"], 1000 * (points["energies"] - fit["energy"]),
            "o", ms=6.5, mfc="white", mec=COLOURS["reference"], mew=1.6, label=data["crystal"],
        )  # fmt: skip
        axes.axvline(fit["volume"], color=GREY, lw=1, ls="--", label=f"minimum: d_nn = {data['d_nn']:.3f} Å")
        axes.set(xlabel="volume [Å³/atom]", ylabel="energy above the minimum [meV/atom]")
        axes.legend(loc="upper center", title=f"settings: d_nn = {data['d_nn_of_settings']:g} Å", alignment="left")
