"""Labels that come with a repository: one compressed, read-only file for each element and physics setting.

``<folder>/<element>/<physics hash>.jsonl.xz`` holds records of the label store, ``<physics hash>.json`` beside it says
what they are: settings of the engine, number by kind, checksum. A campaign that names the folder in ``labels.packs``
finds its labels there before it calculates any.
"""

import hashlib
import json
import lzma
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from entromax.labels.record import FORGOTTEN, Record
from entromax.runtime import atomic_path, write_json


class PackError(ValueError):
    """A file of labels that is damaged or lacks its description."""


def pack_path(folder: str | Path, element: str, settings: str) -> Path:
    """Return the file of one element and physics hash."""
    return Path(folder) / element / f"{settings}.jsonl.xz"


def read_pack(path: Path) -> bytes:
    """Return the lines of a pack.

    Raises:
        PackError: the file is not the one that its description speaks of, or there is no description.
    """
    about = _description(path)
    if not about.exists():
        raise PackError(f"{path}: {about.name} is missing beside it; take both from the same source")
    packed = path.read_bytes()
    if hashlib.sha256(packed).hexdigest() != json.loads(about.read_text())["sha256"]:
        raise PackError(f"{path}: is damaged, its SHA-256 is not that of {about.name}; take both from the source again")
    return lzma.decompress(packed)


def require_packs(folders: Sequence[str | Path]) -> None:
    """Refuse folders that do not exist and files that are damaged.

    Raises:
        PackError: one of them.
    """
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise PackError(f"{folder}: no such folder; name one that holds <element>/<physics hash>.jsonl.xz")
        for path in folder.glob("*/*.jsonl.xz"):
            read_pack(path)


def write_pack(folder: str | Path, records: Iterable[Record], settings: Mapping[str, Any]) -> Path:
    """Write what is known about the structures of one element under one physics setting.

    A label beats a failure of the same structure and k-point mesh, a later record an earlier one. The same records make
    the same file on every machine: names of hosts and the output of failures are left out, and lines are ordered.

    Args:
        folder: that holds the packs.
        records: of the label store; tombstones are left out.
        settings: of the engine, written down for people.

    Raises:
        ValueError: there is no record, or there are several elements or physics settings.
    """
    kept: dict[tuple[str, tuple[int, ...]], Record] = {}
    for record in sorted(records, key=lambda record: (record.energy is not None, record.time)):
        if record.state != FORGOTTEN:
            kept[record.sid, tuple(record.kpts or ())] = replace(record, host="", tail="")
    found = {(record.element, record.settings) for record in kept.values()}
    if len(found) != 1:
        raise ValueError(f"{folder}: one element and physics setting belong in a pack, not {sorted(found)}")
    ((element, name),) = found
    path = pack_path(folder, element, name)
    ordered = [kept[key] for key in sorted(kept)]
    lines = b"".join(json.dumps(record.to_json(), separators=(",", ":")).encode() + b"\n" for record in ordered)
    packed = lzma.compress(lines, preset=9)
    with atomic_path(path) as temporary:
        temporary.write_bytes(packed)
    write_json(_description(path), _about(ordered, settings, packed))
    return path


def _description(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".jsonl.xz") + ".json")


def _about(records: Sequence[Record], settings: Mapping[str, Any], packed: bytes) -> dict[str, Any]:
    labels = [record for record in records if record.energy is not None]
    return {
        "element": records[0].element,
        "settings": dict(settings),
        "labels": len(labels),
        "failures": len(records) - len(labels),
        "kinds": dict(sorted(Counter(label.config_type for label in labels).items())),
        "engines": sorted({label.engine for label in labels}),
        "cpu_hours": round(sum(record.cpu_seconds or 0.0 for record in records) / 3600, 3),
        "bytes": len(packed),
        "sha256": hashlib.sha256(packed).hexdigest(),
        "licence": "CC-BY-4.0",
    }
