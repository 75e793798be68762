"""Sections of the element report on its potentials: errors, E(V), robustness."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from entromax.config.models import CampaignSettings, Thresholds
from entromax.report.figures_error_bars import error_bars_section
from entromax.report.figures_sweep import sweep_section
from entromax.report.figures_transfer import transfer_section
from entromax.report.html import Block, Cell, Section, Table, embed, number, signed
from entromax.report.lights import Light, light
from entromax.report.results import ElementResults, PotentialResults
from entromax.report.sections import present

SOURCES = {"wien2k": "WIEN2k", "acwf": "WIEN2k", "matpes": "MatPES"}


def _name(potential: PotentialResults, results: ElementResults) -> str:
    return "" if len(results.potentials) == 1 else f"{potential.name}: "


def error_blocks(potential: PotentialResults, prefix: str, limits: Thresholds) -> list[Block]:
    """Return errors by split, parity, and where the error sits."""
    if not potential.errors:
        return []
    rows: list[Sequence[Cell | str]] = []
    for split, one in potential.errors.items():
        judged = split == "test"
        rows.append(
            [
                split,
                str(one["structures"]),
                Cell(number(one["energy_rmse"]), light(one["energy_rmse"], limits.energy_rmse) if judged else None),
                number(one["energy_mae"]),
                Cell(number(one["force_rmse"]), light(one["force_rmse"], limits.force_rmse) if judged else None),
                number(one["force_mae"]),
                number(one["stress_rmse"]),
            ]
        )
    errors = ("energy RMSE [meV/atom]", "energy MAE", "force RMSE [eV/Å]", "force MAE", "stress RMSE [GPa]")
    columns = ("set", "structures", *errors)
    images = embed(
        potential.folder / "parity_energy.png",
        "Energy of the potential against the labels",
        "Energies above the lowest structure. On the line is right; predictions outside the window sit on its edge.",
    )
    images += embed(potential.folder / "parity_force.png", "Force components against the labels", "Force components.")
    images += embed(
        potential.folder / "errors_energy.png",
        "Energy error by energy above the lowest structure",
        "Where the error sits. Structures far above the ground state matter less at low temperature.",
    )
    images += embed(
        potential.folder / "errors_distance.png",
        "Force error by distance to the training set",
        "Force errors of unseen structures by how far their strangest atom is from everything in the training set.",
    )
    card = potential.potential
    fitted = (
        f"{prefix}Fitted to {card['training_structures']} structures in {number(card['fit_seconds'])} s."
        if card
        else ""
    )
    fine = Block(
        fold="Errors by energy, volume, size, distance to the training set and kind", table=bins_table(potential.bins)
    )
    return [
        Block(text=fitted, note=True, table=Table(columns, rows, f"{prefix}errors by set")),
        *present(images),
        *([fine] if len(potential.bins) else []),
    ]


def bins_table(bins: pd.DataFrame) -> Table:
    """Return the errors of the sets that no fit has seen, bin by bin."""
    part = bins[bins["split"].isin(("test", "conventional"))] if len(bins) else bins
    several = part["split"].nunique() > 1
    rows = [
        (
            f"{row['split'] + ', ' if several else ''}{row['by']}: {row['bin']}",
            *(str(row["structures"]), number(row["energy_rmse"]), number(row["force_rmse"])),
        )
        for row in part.to_dict("records")
    ]
    return Table(("unseen structures", "structures", "energy RMSE [meV/atom]", "force RMSE [eV/Å]"), rows)


def _judge(entry: dict[str, Any], key: str, limits: Sequence[float], *, own: bool) -> Light | None:
    """Return the light of a deviation of the potential; none for other sources and where there is no deviation."""
    return light(entry[key], limits) if own and key in entry else None


def eos_blocks(potential: PotentialResults, prefix: str, limits: Thresholds) -> list[Block]:
    """Return E(V) of the crystals: parameters by source, and the curves."""
    if potential.parameters.empty:
        return []
    rows: list[Sequence[Cell | str]] = []
    order = potential.parameters["crystal"].drop_duplicates().tolist()
    for row in potential.parameters.sort_values("crystal", key=lambda c: c.map(order.index), kind="stable").to_dict(
        "records"
    ):
        source, entry = str(row["source"]), potential.eos.get(str(row["crystal"]), {})
        own = source == "potential"
        label = f"{row['crystal']}, {potential.name if own else SOURCES.get(source, source)}"
        if row["status"] == "none":
            bad = own and entry.get("reference") == "minimum"
            rows.append([label, Cell("no minimum", Light("red") if bad else None), *["–"] * 4])
            continue
        bulk_light = _judge(entry, "bulk_modulus_error", limits.bulk_modulus_error, own=own)
        rows.append(
            [
                label,
                Cell(number(row["volume"], 4), _judge(entry, "volume_error", limits.volume_error, own=own)),
                Cell(number(row["bulk_modulus"]), bulk_light),
                number(row["derivative"]),
                signed(row["phase_energy"], 3),
                number(row["cohesive_energy"]),
            ]
        )
    columns = ("crystal", "V₀ [Å³/atom]", "B [GPa]", "B′", "above ground state [meV/atom]", "cohesive energy [eV/atom]")
    missing = potential.parameters.loc[potential.parameters["status"] == "none", ["crystal", "source", "reason"]]
    text = "; ".join(f"{row['crystal']} by the {row['source']}: {row['reason']}" for row in missing.to_dict("records"))
    images = embed(
        potential.folder / "eos_ground_state.png",
        "Energy against volume of the ground state",
        "The ground state near its minimum. Published curves are shifted to the minimum of the reference: where they "
        "and the markers part, the settings of the reference are to blame, not the potential.",
    )
    images += embed(
        potential.folder / "eos_curves.png",
        "Energy against volume of all reference crystals",
        "All labelled crystals. Markers: reference. Lines: potential, thin where it is alone. Energies count from each "
        "source's own ground state, so a wrong order of the phases shows.",
    )
    sources = potential.parameters.get("citation", pd.Series(dtype=str)).dropna().drop_duplicates().tolist()
    cited = Block(text=f"Published values: {'; '.join(sources)}.", note=True)
    table = Table(columns, rows, f"{prefix}Birch–Murnaghan parameters")
    return [
        Block(table=table),
        *([Block(text=f"{text}.")] if text else []),
        *present(images),
        *([cited] if sources else []),
    ]


def robustness_blocks(potential: PotentialResults, prefix: str) -> list[Block]:
    """Return the map of runs and the run at constant energy."""
    summary = potential.robustness
    if not summary:
        return []
    nve = summary["nve"]
    drift = "–" if nve["drift"] is None else f"{signed(nve['drift'])} meV/atom/ps"
    states = {"conserved": Light("green"), "drifts": Light("red"), "failed": Light("red")}
    tested = summary["runs"] - summary["skipped"]
    rows: list[Sequence[Cell | str]] = [
        ("runs that stay physical", f"{summary['physical']} of {tested}"),
        ("median time to failure of the others", _time(summary["median_failure"])),
        *_relaxations(summary["relaxations"]),
        ("energy drift without thermostat", Cell(drift, states[nve["state"]])),
        ("fluctuation of that energy", f"{number(nve['fluctuation'])} meV/atom"),
        ("cost of the potential", f"{number(summary['microseconds_per_atom_step'])} µs per atom and step"),
    ]
    images = embed(
        potential.folder / "robustness_runs.png",
        "Map of dynamics runs by temperature and compression",
        "What happened to each run, how long it lasted, and the closest pair at its end.",
    )
    return [Block(table=Table((f"{prefix}dynamics", "result"), rows)), *present(images)]


def _time(femtoseconds: float | None) -> str:
    return "no failure" if femtoseconds is None else f"{number(femtoseconds)} fs"


def _relaxations(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return how relaxations of random cells ended, if there were any."""
    if not summary["runs"]:
        return []
    text = f"{summary['physical']} of {summary['runs']}, {summary['converged']} converged"
    return [("relaxed random cells that stay physical", text)]


def potential_sections(results: ElementResults, settings: CampaignSettings) -> list[Section]:
    """Return the sections on errors, E(V) and robustness with all potentials of the element."""
    limits, robust = settings.thresholds, settings.validation.robustness
    errors, eos, dynamics = [], [], []
    for potential in results.potentials:
        prefix = _name(potential, results)
        errors += error_blocks(potential, prefix, limits)
        eos += eos_blocks(potential, prefix, limits)
        dynamics += robustness_blocks(potential, prefix)
    folders = {potential.name: potential.folder for potential in results.potentials}
    return [
        Section(
            "errors",
            "Errors",
            "Energies and forces against the labels. The test set was never seen in training; only it says how the "
            "potential does on structures of the same kind.",
            errors,
        ),
        error_bars_section(results.potentials),
        sweep_section(results.folder, list(folders)),
        transfer_section(folders),
        Section(
            "eos",
            "E(V) of crystals",
            "A potential may be accurate on disordered cells and still be wrong for crystals. Here it is compared with "
            "the reference method that its labels come from, which is the fair comparison, and with published values, "
            "which judge that method as well.",
            eos,
        ),
        Section(
            "robustness",
            "Robustness",
            f"Molecular dynamics of at least {robust.atoms} atoms for {robust.steps} steps of {robust.timestep:g} fs "
            "from the perfect crystal. A run fails when atoms come closer than "
            f"{robust.min_distance_ratio:g} of their covalent diameter, when energy or forces are not finite, "
            "or when energy or temperature run away.",
            dynamics,
        ),
    ]
