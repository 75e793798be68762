"""Provenance: what was run, versions, hashes, the merged configuration, how to cite."""

from collections.abc import Mapping
from typing import Any

import yaml

from entromax.config.models import CampaignSettings, LibrarySettings
from entromax.registry import ENGINES, FAMILIES, FEATURES, PROPERTIES
from entromax.report.kit import Block, Cell, Section, Table
from entromax.runtime import config_hash, provenance

CITATIONS = (
    "The method: A. P. A. Subramanyam and D. Perez, npj Comput. Mater. 11, 218 (2025), doi:10.1038/s41524-025-01602-9.",
    "Transfer of entropy-maximised sets: D. Montes de Oca Zapiain et al., npj Comput. Mater. 8, 189 (2022).",
    "Sub-sampling and convergence levels: A. Baghishov et al., Digital Discovery 5, 332 (2026).",
)


def what_was_run(settings: CampaignSettings, elements: list[str]) -> Section:
    """Return the campaign in plain words with its key settings."""
    library, labels = settings.library, settings.labels
    low, high = library.cells.atoms
    lead = (
        "Structures are made without any knowledge of the material: their cells and positions are moved so that the "
        "local environments of all atoms together are as diverse as possible, which is measured by the entropy H of "
        "their descriptors. They are ordered by what each adds, scaled to the element, labelled, and fitted."
    )
    rows: list[tuple[str, str]] = [
        ("descriptors", f"{library.features.name}, cutoff {library.features.cutoff:g} d_nn"),
        ("cells", f"{low} to {high} atoms, {library.cells.volume[0]:g} to {library.cells.volume[1]:g} d_nn³ per atom"),
        *_origin(library),
        ("labels", f"first {labels.structures} structures per element inside its volume range"),
    ]
    rows += [(f"reference for {name}", settings.elements[name].reference.describe()) for name in elements]
    rows += [(f"potential {name}", potential.family.upper()) for name, potential in settings.potentials.items()]
    rows.append(("seed", str(settings.seed)))
    table = Table(("setting", "value"), rows, wide=(1,))
    return Section("run", "What was run", lead, [Block(table=table)])


def _origin(library: LibrarySettings) -> list[tuple[str, str]]:
    """Return where the library comes from."""
    if library.source == "shipped":
        return [("library", f"version {library.version}, as it comes with entromax, order '{library.shipped_order}'")]
    batches, size, optimiser = library.batches, library.structures_per_batch, library.optimiser
    made = library.rounds * batches * size
    return [
        ("rounds", f"{library.rounds} × {batches} batches × {size} = {made} candidates"),
        ("optimiser", f"{optimiser.steps} steps per batch after {optimiser.relax_steps} of relaxation"),
        ("order", library.order.replace("_", "-")),
    ]


def section(settings: CampaignSettings, elements: list[str]) -> Section:
    """Return versions, commit, hashes, the merged configuration, and how to cite."""
    merged = settings.model_dump(mode="json")
    info = provenance(config=config_hash(merged), seed=settings.seed)
    packages: Mapping[str, Any] = info.pop("packages")
    rows = [(str(key), str(value)) for key, value in info.items()]
    rows += [(name, str(version)) for name, version in packages.items()]
    cite = [f"entromax {info['entromax']} (see CITATION.cff).", *citations(settings, elements)]
    blocks = [
        Block(table=Table(("what", "value"), rows, wide=(1,))),
        Block(fold="Merged configuration", code=yaml.safe_dump(merged, sort_keys=False, allow_unicode=True)),
        Block(table=Table(("How to cite",), [(Cell(line),) for line in cite], wide=(0,))),
    ]
    lead = "What is needed to repeat this: the configuration below, given to --configfile, makes the campaign again."
    return Section("provenance", "Provenance", lead, blocks)


def citations(settings: CampaignSettings, elements: list[str]) -> list[str]:
    """Return what to cite beside entromax: method, features, engines, families, properties."""
    engines = sorted({settings.elements[name].reference.engine for name in elements})
    properties = [PROPERTIES[name] for name in settings.validation.properties]
    return [
        *CITATIONS,
        f"Features: {FEATURES[settings.library.features.name].citation}",
        *(f"Labels: {ENGINES[name].citation}" for name in engines),
        *sorted({f"Potential: {FAMILIES[one.family].cite(one)}" for one in settings.potentials.values()}),
        *(f"{one.title}: {one.citation}" for one in properties if one.citation),
    ]
