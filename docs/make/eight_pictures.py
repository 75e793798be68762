"""Pictures of `eight_elements.py`: one panel per element."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from benchmarks.sheet import sheet
from entromax.report.kit.style import COLOURS, GREY, say_nothing_to_draw
from entromax.runtime import atomic_path


@contextmanager
def panels(count: int, path: Path, data: pd.DataFrame) -> Iterator[list[Axes]]:
    """Yield one panel per element, four in a row; write the figure and, beside it, its numbers."""
    rows = -(-count // 4)
    with sheet(path, 12, 0.6 + 2.9 * rows) as drawing:
        axes = list(np.ravel(drawing.subplots(rows, min(count, 4), squeeze=False)))
        yield axes[:count]
        for spare in axes[count:]:
            spare.set_axis_off()
        handles, labels = axes[0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside upper center", ncols=len(labels))
        with atomic_path(path.with_suffix(".csv")) as temporary:
            data.to_csv(temporary, index=False, float_format="%.6g")


def draw_eos(curves: Mapping[str, pd.DataFrame], grounds: Mapping[str, str], path: Path) -> None:
    """Draw E(V) of every ground state: potential, DFT and all-electron, each from the minimum of its own [meV/atom].

    Args:
        curves: ``eos_curves.csv`` of every element; empty where there is none.
        grounds: ground state of every element.
        path: PNG.
    """
    frames = [frame.assign(element=name) for name, frame in curves.items() if len(frame)]
    data = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    with panels(len(curves), path, data) as axes:
        for panel, (name, frame) in zip(axes, curves.items(), strict=True):
            panel.set_title(f"{name} {grounds[name]}")
            if frame.empty:
                say_nothing_to_draw(panel, "not fitted")
                continue
            of = frame[frame["crystal"] == grounds[name]].assign(energy=1000 * frame["energy"])
            dft = of[(of["source"] == "reference") & (of["kind"] == "points")]
            own = of[(of["source"] == "potential") & (of["kind"] != "curve")].sort_values("volume")
            published = of[of["source"] == "wien2k"]
            low, high = 0.93 * dft["volume"].min(), 1.07 * dft["volume"].max()
            own = own[own["volume"].between(low, high)]
            panel.plot(own["volume"], own["energy"], "-", color=COLOURS["potential"], lw=2, label="potential")
            panel.plot(dft["volume"], dft["energy"], "o", mfc="white", mec=COLOURS["reference"], mew=1.5, label="DFT")
            panel.plot(
                published["volume"], published["energy"], "--", color=COLOURS["wien2k"], lw=1.4, label="WIEN2k, PBE"
            )
            top = max(float(dft["energy"].max()), 20.0)
            panel.set(xlabel="volume [Å³/atom]", ylabel="meV/atom", xlim=(low, high), ylim=(-0.4 * top, 2.2 * top))


def draw_phases(energies: Mapping[str, Mapping[str, Any]], grounds: Mapping[str, str], path: Path) -> None:
    """Draw the energies of the crystals above the ground state by potential, DFT and all-electron.

    Args:
        energies: by element and crystal: ``potential``, ``dft``, ``literature`` [meV/atom], null where there is none.
        grounds: ground state of every element.
        path: PNG.
    """
    rows = [
        {"element": name, "crystal": crystal, **values}
        for name, crystals in energies.items()
        for crystal, values in crystals.items()
    ]
    data = pd.DataFrame(rows, columns=["element", "crystal", "potential", "dft", "literature"])
    with panels(len(energies), path, data) as axes:
        for panel, name in zip(axes, energies, strict=True):
            panel.set_title(f"{name}, above {grounds[name]}")
            part = data[data["element"] == name].astype({"potential": float, "dft": float, "literature": float})
            if part.empty:
                say_nothing_to_draw(panel, "not fitted")
                continue
            part = part.sort_values("dft")
            y = np.arange(len(part))
            panel.hlines(y, part["dft"], part["potential"], color=GREY, lw=1)
            panel.plot(part["potential"], y, "o", color=COLOURS["potential"], ms=7, label="potential")
            panel.plot(part["dft"], y, "o", mfc="white", mec=COLOURS["reference"], mew=1.5, ms=7, label="DFT")
            panel.plot(part["literature"], y, "|", color=COLOURS["wien2k"], ms=14, mew=2, label="all-electron PBE")
            panel.set_yticks(y, part["crystal"])
            panel.set(xlabel="meV/atom", ylim=(-0.6, len(part) - 0.4))
