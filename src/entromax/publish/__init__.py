"""One folder of an element to deposit: potentials, structures, report, provenance, licence, whom to cite."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from entromax.config.load import ConfigError
from entromax.config.models import CampaignSettings
from entromax.dataset import export_dataset
from entromax.layout import CampaignFolder, ElementFolder
from entromax.potentials.base import CARD
from entromax.progress import load_results
from entromax.publish.citation import citation_file
from entromax.registry import ENGINES, FAMILIES
from entromax.report.results import PotentialResults, load_element_results, read_json
from entromax.report.topics.provenance import citations
from entromax.runtime import write_yaml

LICENCE = "CC-BY-4.0"
FORMATS = ("extxyz", "hdf5")


def publish(
    results: str | Path, element: str, output: str | Path, *, authors: Sequence[str] = (), licence: str = LICENCE
) -> Path:
    """Write the folder.

    Args:
        results: folder of a finished campaign.
        element: chemical symbol.
        output: folder written; one that exists is replaced when it was written by this function, refused otherwise.
        authors: names for ``CITATION.cff``; without them the file says that they are missing.
        licence: of structures, labels and coefficients, as an SPDX identifier.

    Returns:
        ``output``.

    Raises:
        ConfigError: no such element, an unfinished campaign, or a folder of somebody else's in the way.
    """
    campaign, root = load_results(Path(results)), CampaignFolder(Path(results))
    folder, final = root.element(element), Path(output)
    _require_finished(campaign, root, element)
    if final.exists() and not (final / "SHA256SUMS").is_file():
        raise ConfigError(f"{final}: exists and is no published folder; name another with --output")
    temporary = final.with_name(f".{final.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for name in campaign.potentials:
        shutil.copytree(folder.potential(name), temporary / "potentials" / name)
        shutil.copytree(folder.validation(name), temporary / "validation" / name)
    for name in FORMATS:
        export_dataset(folder.dataset, name, temporary / "dataset" / name)
    pd.read_parquet(folder.manifest).to_csv(temporary / "dataset/manifest.csv", index=False)
    for path in (folder.report, root.config, root.root / "provenance.json"):
        shutil.copy(path, temporary)
    write_yaml(temporary / "CITATION.cff", citation_file(campaign, element, authors, licence))
    (temporary / "LICENSE").write_text(_licence(licence, authors))
    _write_readme(temporary, folder, campaign, licence)
    _write_checksums(temporary)
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    return final


def _require_finished(campaign: CampaignSettings, root: CampaignFolder, element: str) -> None:
    if element not in campaign.elements:
        raise ConfigError(f"{root.root}: has no element {element!r}; choose from {', '.join(campaign.elements)}")
    folder = root.element(element)
    wanted = [*(folder.potential(name) / CARD for name in campaign.potentials), folder.manifest, folder.report]
    if missing := [path for path in (*wanted, root.root / "provenance.json") if not path.is_file()]:
        raise ConfigError(f"{missing[0]}: is not there; run the campaign to its end first (entromax status)")


def _licence(licence: str, authors: Sequence[str]) -> str:
    """Return what may be done with the folder."""
    whose = ", ".join(authors) or "the authors of this deposit"
    return (
        f"SPDX-License-Identifier: {licence}\n\nCopyright of structures, labels and fitted coefficients: {whose}.\n"
        f"They are licensed under {licence}; its text: https://spdx.org/licenses/{licence}.html\n"
        "Programs that made or use them have licences of their own, listed in README.md.\n"
    )


def _write_readme(folder: Path, element: ElementFolder, campaign: CampaignSettings, licence: str) -> None:
    """Write ``README.md`` with a script that runs in the folder."""
    symbol = element.root.name
    results = load_element_results(element.root, symbol, campaign)
    templates = Environment(
        loader=PackageLoader("entromax.publish"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    templates.keep_trailing_newline = True
    parts = [part for part in ("test", "train") if (folder / f"dataset/extxyz/{part}.extxyz").is_file()]
    example = templates.get_template("example.py.j2").render(potential=next(iter(campaign.potentials)), part=parts[0])
    text = templates.get_template("README.md.j2").render(
        element=symbol,
        campaign=campaign.campaign,
        engine=campaign.elements[symbol].reference.describe(),
        structures=len(results.manifest),
        potentials=[_describe(campaign, one, element.potential(one.name)) for one in results.potentials],
        provenance=read_json(folder / "provenance.json"),
        example=example,
        licence=licence,
        licences=licences(campaign, symbol),
        citations=citations(campaign, [symbol]),
    )
    (folder / "README.md").write_text(text)


def _describe(campaign: CampaignSettings, results: PotentialResults, potential: Path) -> dict[str, Any]:
    """Return what the README says of one potential."""
    card = read_json(potential / CARD)
    family, errors = FAMILIES[campaign.potentials[results.name].family], results.errors.get("test")
    known = errors is not None and errors.energy_rmse is not None and errors.force_rmse is not None
    return {
        "name": results.name,
        "family": family.name,
        "fitted": card["facts"].get("fitted", True),
        "structures": card["training_structures"],
        "errors": f"{errors.energy_rmse:.1f} meV/atom, {errors.force_rmse:.3f} eV/Å (RMSE)"
        if errors and known
        else "none",
        "requires": family.requires,
        "remedy": family.remedy,
        "lammps": card["lammps"],
    }


def licences(campaign: CampaignSettings, element: str) -> list[str]:
    """Return the licences of the engine and of the families, where they are not those of entromax."""
    entries = [ENGINES[campaign.elements[element].reference.engine]]
    entries += [FAMILIES[name] for name in sorted({one.family for one in campaign.potentials.values()})]
    return ["entromax: BSD-3-Clause", *(f"{entry.name}: {entry.licence}" for entry in entries if entry.licence)]


def _write_checksums(folder: Path) -> None:
    """Write the SHA-256 of all files as ``sha256sum`` does."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines))
