"""Everything that is known about one structure: what it looks like, how it was labelled, what the engine said."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from ase import Atoms
from ase.visualize.plot import plot_atoms
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from entromax.config.load import ConfigError
from entromax.labels.ledger import ledger_table
from entromax.labels.record import Record
from entromax.labels.store import stores
from entromax.layout import CampaignFolder
from entromax.runtime import atomic_path
from entromax.structures.geometry import shortest_distance
from entromax.structures.io import read_structures


@dataclass(frozen=True)
class Inspected:
    """One structure of a campaign; ``record`` is what the label store holds of it, ``folder`` where that is."""

    element: str
    sid: str
    library_sid: str
    atoms: Atoms
    record: Record | None = None
    folder: Path | None = None

    @property
    def output(self) -> Path | None:
        """What the engine printed in its failed attempts, if that was kept."""
        path = None if self.folder is None else self.folder / "failures" / f"{self.sid}.txt"
        return path if path is not None and path.exists() else None


def find_structures(results: Path, store: Path, beginning: str) -> list[Inspected]:
    """Return the structures whose ``sid`` or ``library_sid`` begins with ``beginning``, one per element and settings.

    Raises:
        ConfigError: there is none, or more than one structure of the library is meant.
    """
    found = []
    for part in stores(store):
        for sid, record in part.read().items():
            if sid.startswith(beginning) or record.library_sid.startswith(beginning):
                atoms = Atoms(record.numbers, positions=record.positions, cell=record.cell or None, pbc=True)
                found.append(Inspected(record.element, sid, record.library_sid, atoms, record, part.folder))
    known = {entry.sid for entry in found}
    parts = [part for element in CampaignFolder(results).elements for part in element.trained_on]
    for path in (path for part in parts for path in part.structure_files):
        for atoms in read_structures(path) if beginning.encode() in path.read_bytes() else []:
            sid, library_sid = str(atoms.info["sid"]), str(atoms.info["library_sid"])
            if sid not in known and (sid.startswith(beginning) or library_sid.startswith(beginning)):
                found.append(Inspected(str(atoms.info["element"]), sid, library_sid, atoms))
    if not found:
        raise ConfigError(
            f"no structure in {store} or {results} has a sid or library_sid that begins with {beginning!r}; "
            "`entromax status` lists failures, the ledgers (labels/*.parquet) name all"
        )
    names = sorted({entry.library_sid or entry.sid for entry in found})
    if len(names) > 1:
        raise ConfigError(
            f"{beginning!r} is the beginning of {len(names)} names, {', '.join(names[:4])} ...: write more"
        )
    return found


def summary(entry: Inspected) -> dict[str, str]:
    """Return what a person wants to know about the structure and its label, in reading order."""
    atoms = entry.atoms
    lengths = " ".join(f"{value:.3f}" for value in atoms.cell.lengths())
    angles = " ".join(f"{value:.1f}" for value in atoms.cell.angles())
    told = {
        "library sid": entry.library_sid or "-",
        "structure": f"{atoms.get_chemical_formula()}, {atoms.get_volume() / len(atoms):.2f} Å^3/atom",
        "cell": f"{lengths} Å, {angles} °",
        "shortest distance": f"{shortest_distance(atoms):.3f} Å",
        "state": "not labelled yet",
    }
    if entry.record is None:
        return told
    (row,) = ledger_table([entry.record]).to_dict("records")
    told["state"] = f"{row['state']} {row['reason']}".strip()
    if entry.record.energy is not None:
        told["label"] = f"{row['energy']:.4f} eV/atom, |F| up to {row['max_force']:.3f} eV/Å, {row['pressure']:.2f} GPa"
        told["changed physics"] = row["changed_physics"] or "no"
    made = datetime.datetime.fromtimestamp(entry.record.time).isoformat(" ", "seconds")
    told["made by"] = f"{row['engine']}, settings {row['settings']}, on {row['host']}, {made}, {row['seconds']:.1f} s"
    told["settings"] = f"{entry.folder}/settings.json"
    return told


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines of what the engine has printed."""
    return path.read_text(errors="replace").splitlines()[-count:]


def draw(atoms: Atoms, path: Path) -> None:
    """Draw a structure, repeated to about three cells a side, along two directions."""
    repeats = [max(1, min(3, round(8.0 / length))) for length in atoms.cell.lengths()]
    figure = Figure(figsize=(8, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, rotation) in zip(
        figure.subplots(1, 2), {"along z": "", "inclined": "-70x,-20y,-10z"}.items(), strict=True
    ):
        plot_atoms(atoms.repeat(repeats), axes, rotation=rotation, show_unit_cell=2)
        axes.set_axis_off()
        axes.set_title(f"{title}, {' × '.join(map(str, repeats))} cells")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png")
