"""Sections of the reports that all elements share: what was run, the library, provenance, how to cite."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from entromax.config.models import CampaignSettings, ElementSettings
from entromax.report.html import Block, Cell, Image, Section, Table, embed, number, signed
from entromax.report.results import read_csv
from entromax.runtime import config_hash, provenance

CITATIONS = (
    "The method: A. P. A. Subramanyam and D. Perez, npj Comput. Mater. 11, 218 (2025), doi:10.1038/s41524-025-01602-9.",
    "Transfer of entropy-maximised sets: D. Montes de Oca Zapiain et al., npj Comput. Mater. 8, 189 (2022).",
    "Sub-sampling and convergence levels: A. Baghishov et al., Digital Discovery 5, 332 (2026).",
)
ENGINE_CITATIONS = {
    "gpaw": "Labels: J. J. Mortensen et al., GPAW, J. Chem. Phys. 160, 092503 (2024), doi:10.1063/5.0182685.",
    "qe": "Labels: P. Giannozzi et al., Quantum ESPRESSO, J. Chem. Phys. 152, 154105 (2020), doi:10.1063/5.0005082; "
    "GTH pseudopotentials: S. Goedecker et al., Phys. Rev. B 54, 1703 (1996), "
    "M. Krack, Theor. Chem. Acc. 114, 145 (2005).",
    "vasp": "Labels: G. Kresse and J. Furthmüller, VASP, Phys. Rev. B 54, 11169 (1996).",
    "lammps": "Labels: a potential run by LAMMPS, not DFT. "
    "A. P. Thompson et al., Comput. Phys. Commun. 271, 108171 (2022).",
    "emt": "Labels: K. W. Jacobsen et al., Surf. Sci. 366, 394 (1996), as in ASE. A teaching potential, not DFT.",
}
FAMILY_CITATIONS = {
    "gap": "Potential: A. P. Bartók et al., Phys. Rev. Lett. 104, 136403 (2010); "
    "A. P. Bartók et al., Phys. Rev. B 87, 184115 (2013). The GAP code has its own academic licence.",
    "snap": "Potential: A. P. Thompson et al., J. Comput. Phys. 285, 316 (2015); quadratic: M. A. Wood and "
    "A. P. Thompson, J. Chem. Phys. 148, 241721 (2018).",
    "mace": "Potential: I. Batatia et al., MACE, Adv. Neural Inf. Process. Syst. 35 (2022).",
    "ace": "Potential: R. Drautz, Phys. Rev. B 99, 014104 (2019); Y. Lysogorskiy et al., npj Comput. Mater. 7, 97 "
    "(2021). python-ace is licensed for non-commercial use.",
    "plugin": "Potential: a family of your own; cite its authors.",
}


def describe_reference(settings: ElementSettings) -> str:
    """Return the engine and its settings in one phrase."""
    return settings.reference.describe()


def what_was_run(settings: CampaignSettings, elements: list[str]) -> Section:
    """Return the campaign in plain words with its key settings."""
    library, labels = settings.library, settings.labels
    low, high = library.cells.atoms
    made = library.rounds * library.batches * library.structures_per_batch
    lead = (
        "Structures are made without any knowledge of the material: their cells and positions are moved so that the "
        "local environments of all atoms together are as diverse as possible, which is measured by the entropy H of "
        "their descriptors. They are ordered by what each adds, scaled to the element, labelled, and fitted."
    )
    rows: list[tuple[str, str]] = [
        ("descriptors", f"{library.features.name}, cutoff {library.features.cutoff:g} d_nn"),
        ("cells", f"{low} to {high} atoms, {library.cells.volume[0]:g} to {library.cells.volume[1]:g} d_nn³ per atom"),
        (
            "rounds",
            f"{library.rounds} × {library.batches} batches × {library.structures_per_batch} = {made} candidates",
        ),
        ("optimiser", f"{library.optimiser.steps} steps per batch after {library.optimiser.relax_steps} of relaxation"),
        ("order", library.order.replace("_", "-")),
        ("labels", f"first {labels.structures} structures per element inside its volume range"),
    ]
    rows += [(f"reference for {name}", describe_reference(settings.elements[name])) for name in elements]
    rows += [(f"potential {name}", potential.family.upper()) for name, potential in settings.potentials.items()]
    rows.append(("seed", str(settings.seed)))
    table = Table(("setting", "value"), rows, wide=(1,))
    return Section("run", "What was run", lead, [Block(table=table)])


def library_section(folder: Path, settings: CampaignSettings) -> Section:
    """Return the section on the library: growth, order, diversity, coverage, structures."""
    figures = folder / "figures"
    lead = (
        "The library is made once, in units of the nearest-neighbour distance d_nn, and serves every element. "
        "Grey is always the random reference sample, blue the entropy-maximised library."
    )
    eps = settings.library.entropy.eps
    growth = embed(
        figures / "growth.png",
        "Entropy against optimiser steps",
        f"Entropy H = ½ ln det S (regularised by {eps:g}) of the dataset so far together with the batch that is being "
        "optimised. Every line is one independent batch job. Grey: as many random structures, or all there are.",
    )
    growth += embed(
        figures / "prefix.png",
        "Entropy of the first structures of the library against their number",
        "Entropy of the first n structures. The steeper the blue line, the fewer labels carry the same information.",
    )
    coverage = embed(
        figures / "coverage.png",
        "Atoms of both sets on two principal axes of the descriptors",
        "Every dot is the environment of one atom. Where blue reaches and grey does not, only the maximised "
        "set has been. White markers are perfect crystals.",
    )
    coverage += embed(
        figures / "reach.png",
        "Leverage of perfect crystals in the random and in the maximised set",
        "How far a linear model fitted to either set would extrapolate to perfect crystals: the variance of its "
        "prediction relative to that of an average environment of the set. Several dots are several volumes.",
    )
    captions = {
        "volume": "Volume per atom of the structures.",
        "atoms": "Number of atoms in a cell.",
        "nearest": "Distance of the closest pair in each structure, periodic images included.",
    }
    shapes = [image for name, text in captions.items() for image in embed(figures / f"{name}.png", text, text)]
    gallery = embed(
        figures / "gallery.png",
        "The first structures of the library",
        "The first structures in library order; the darker an atom, the more neighbours within 1.35 d_nn.",
    )
    blocks = [Block(images=growth), *diversity_blocks(read_csv(folder / "diversity.csv"))]
    blocks += [Block(images=coverage), *reach_blocks(read_csv(figures / "reach.csv"))]
    blocks += [Block(images=gallery), Block(images=shapes)]
    return Section("library", "Library", lead, [block for block in blocks if block != Block()])


def diversity_blocks(table: pd.DataFrame) -> list[Block]:
    """Return the comparison of both sets (table of ``compare_diversity``), or nothing without one."""
    if table.empty:
        return []
    before, after = ({row["set"]: row for row in table.to_dict("records")}[name] for name in ("random", "maximised"))
    rows = []
    for name in table.columns:
        if name.endswith("_nats"):
            low, high = float(before[name]), float(after[name])
            rows.append((describe_measure(name), number(low), number(high), signed(high - low, 3)))
    text = (
        f"Both sets cut to {before['n_environments']} environments ({before['n_structures']} and "
        f"{after['n_structures']} structures). Only H is what the optimiser maximises; the other measures never enter "
        "it and are independent judges. Larger is more diverse."
    )
    return [Block(text=text, table=Table(("measure [nats]", "random", "maximised", "change"), rows, "Diversity"))]


def reach_blocks(table: pd.DataFrame) -> list[Block]:
    """Return where crystals stand relative to both sets (``measure_reach``), each at its worst volume, or nothing."""
    if table.empty:
        return []
    measures = ["leverage", "hull", "nearest"]
    both = table.pivot_table(index=["crystal", "v_star"], columns="set", values=measures, sort=False).reset_index()
    worst = both.loc[both.groupby("crystal", sort=False)[[("leverage", "maximised")]].idxmax().iloc[:, 0]]
    rows = []
    for _, row in worst.iterrows():
        pairs = [number(float(row[name, which])) for name in measures for which in ("random", "maximised")]
        rows.append((str(row["crystal", ""]), number(float(row["v_star", ""])), *pairs))
    header = ("crystal", "v*", *(f"{name}, {which}" for name in measures for which in ("random", "maximised")))
    text = (
        "Perfect crystals seen from both sets. Leverage: predicted variance of a linear model relative to the average "
        "of the set, at most 1 everywhere for the best possible set. Hull and nearest: distance to the convex hull of "
        "the environments and to the closest of them, in standard deviations of the random set per descriptor. "
        "Crystals at several volumes show the one of largest leverage."
    )
    return [Block(text=text, table=Table(header, rows, "Perfect crystals"))]


def describe_measure(name: str) -> str:
    """Return the name of a diversity measure in words."""
    known = {"h_nats": "H, the objective", "knn_nats": "nearest-neighbour entropy"}
    if name.startswith("quests_"):
        return f"QUESTS entropy, kernel width {name.split('_')[1]} 1/Å"
    return known.get(name, name.removesuffix("_nats").replace("_", " "))


def provenance_section(settings: CampaignSettings, elements: list[str]) -> Section:
    """Return versions, commit, hashes, the merged configuration, and how to cite."""
    merged = settings.model_dump(mode="json")
    info = provenance(config=config_hash(merged), seed=settings.seed)
    packages: Mapping[str, Any] = info.pop("packages")
    rows = [(str(key), str(value)) for key, value in info.items()]
    rows += [(name, str(version)) for name, version in packages.items()]
    engines = sorted({settings.elements[name].reference.engine for name in elements})
    families = sorted({potential.family for potential in settings.potentials.values()})
    cite = [f"entromax {info['entromax']} (see CITATION.cff).", *CITATIONS]
    cite += [ENGINE_CITATIONS[name] for name in engines] + [FAMILY_CITATIONS[name] for name in families]
    blocks = [
        Block(table=Table(("what", "value"), rows, wide=(1,))),
        Block(fold="Merged configuration", code=yaml.safe_dump(merged, sort_keys=False, allow_unicode=True)),
        Block(table=Table(("How to cite",), [(Cell(line),) for line in cite], wide=(0,))),
    ]
    lead = "What is needed to repeat this: the configuration below, given to --configfile, makes the campaign again."
    return Section("provenance", "Provenance", lead, blocks)


def present(images: list[Image]) -> list[Block]:
    """Return a block of images, or none when there are none."""
    return [Block(images=images)] if images else []
