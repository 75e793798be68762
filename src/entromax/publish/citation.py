"""``CITATION.cff`` of a deposit: its authors, and the programs behind it (citation-file-format.github.io, 1.2.0)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import entromax
from entromax.config.models import CampaignSettings
from entromax.registry import ENGINES, FAMILIES

METHOD = {
    "type": "article",
    "title": (
        "Information-entropy-driven generation of material-agnostic datasets for machine-learning interatomic "
        "potentials"
    ),
    "authors": [
        {"family-names": "Subramanyam", "given-names": "Aparna P. A."},
        {"family-names": "Perez", "given-names": "Danny"},
    ],
    "journal": "npj Computational Materials",
    "volume": 11,
    "start": 218,
    "year": 2025,
    "doi": "10.1038/s41524-025-01602-9",
}


def citation_file(campaign: CampaignSettings, element: str, authors: Sequence[str], licence: str) -> dict[str, Any]:
    """Return the content of the file: a dataset whose references are method, entromax, engine and families.

    Args:
        campaign: its settings.
        element: chemical symbol.
        authors: names; none: a placeholder that says so.
        licence: SPDX identifier.
    """
    engine = ENGINES[campaign.elements[element].reference.engine]
    programs = {engine.name: engine.citation}
    for name, one in campaign.potentials.items():
        family = FAMILIES[one.family]
        # One made elsewhere goes by its own name: there may be several, each with authors of its own.
        programs[family.name if family.requires else name] = family.cite(one)
    return {
        "cff-version": "1.2.0",
        "message": "If you use these potentials or structures, cite this deposit and the references.",
        "title": f"{element}: interatomic potentials and the labelled structures behind them",
        "type": "dataset",
        "authors": [{"name": name} for name in authors or ["TO BE NAMED before this is deposited"]],
        "license": licence,
        "date-released": datetime.now(UTC).date().isoformat(),
        "references": [
            METHOD,
            software("entromax", entromax.__version__, ""),
            *(software(name, "", notes) for name, notes in programs.items()),
        ],
    }


def software(name: str, version: str, notes: str) -> dict[str, Any]:
    """Return one program as a reference; ``notes`` hold what its authors ask to cite."""
    entry = {"type": "software", "title": name, "authors": [{"name": f"The developers of {name}"}]}
    return entry | {key: value for key, value in (("version", version), ("notes", notes)) if value}
