"""Append-only label store: what has been calculated once is never lost and never calculated again.

``<root>/<element>/<physics hash>/<host>-<pid>-<time>.jsonl``, one line per finished structure, flushed to the disk
before its worker begins another. Every writer has a file of its own: no locks, safe on Lustre and NFS. No Snakemake
rule has the store as its output, so an interrupted job loses at most the structures it was working on.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType

from entromax.labels.packs import pack_path, read_pack
from entromax.labels.record import FORGOTTEN, STATES, Record
from entromax.runtime import write_json

Mesh = list[int] | None
logger = logging.getLogger("entromax.labels.store")


class LabelStore:
    """The labels of one element under one set of physics settings.

    Args:
        root: folder of the whole store.
        element: chemical symbol.
        settings: physics hash.
        packs: folders of read-only labels (:mod:`entromax.labels.packs`) that are looked up as well.
    """

    def __init__(self, root: str | Path, element: str, settings: str, packs: Sequence[str | Path] = ()) -> None:
        self.folder = Path(root) / element / settings
        self._packs = [path for pack in packs if (path := pack_path(pack, element, settings)).exists()]
        self._descriptor: int | None = None

    @property
    def failures(self) -> Path:
        """Folder with the text output of failed calculations, ``<sid>.txt``."""
        return self.folder / "failures"

    def describe(self, settings: dict[str, object]) -> None:
        """Write down once, for people, which settings the hash in the name of the folder stands for."""
        path = self.folder / "settings.json"
        if not path.exists():
            write_json(path, settings)

    def append(self, record: Record) -> None:
        """Append one record; when this returns it is on the disk.

        Raises:
            OSError: it could not be written, for example because the disk is full; what is there stays readable.
        """
        try:
            self._append(record)
        except OSError as error:
            self.close()  # whatever comes next goes to a file of its own, not behind half a line
            error.add_note(f"{self.folder}: {record.sid} could not be written; free space there and run again")
            raise

    def _append(self, record: Record) -> None:
        if self._descriptor is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            name = f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}.jsonl"
            self._descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            _sync_folder(self.folder)
        line = json.dumps(record.to_json(), separators=(",", ":")).encode() + b"\n"
        while line:
            line = line[os.write(self._descriptor, line) :]
        os.fsync(self._descriptor)

    def read(self, wanted: Mapping[str, Mesh] | Collection[str] | None = None) -> dict[str, Record]:
        """Return the record that counts for every structure, by ``sid``.

        A label beats a failure, a later record beats an earlier one, and a tombstone removes what is older than it.
        A last line that was cut off by a kill is skipped; any other line that cannot be read is skipped with a
        warning.

        Args:
            wanted: the sids of interest; None: all. A mapping names the k-point mesh that each structure asks for
                (None: that of its settings): records with another mesh then do not count.
        """
        chosen: dict[str, Record] = {}
        records = sorted(self._lines(None if wanted is None else frozenset(wanted)), key=lambda record: record.time)
        for record in records:
            if record.state == FORGOTTEN:
                chosen.pop(record.sid, None)
            elif isinstance(wanted, Mapping) and record.kpts != wanted.get(record.sid):
                continue
            elif record.sid not in chosen or chosen[record.sid].energy is None or record.energy is not None:
                chosen[record.sid] = record
        return chosen

    def records(self) -> list[Record]:
        """Return every record, tombstones included, the earliest first."""
        return sorted(self._lines(None), key=lambda record: record.time)

    def _lines(self, wanted: frozenset[str] | None) -> Iterator[Record]:
        own = ((path, path.read_bytes()) for path in sorted(self.folder.glob("*.jsonl")))
        packed = ((path, read_pack(path)) for path in self._packs)
        for path, content in chain(own, packed):
            for number, line in enumerate(content.splitlines(keepends=True), start=1):
                sid = None if wanted is None else _sid_of(line)
                if wanted is not None and sid is not None and sid not in wanted:
                    continue
                try:
                    yield Record.from_json(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    if line.endswith(b"\n"):
                        logger.warning("%s: line %d is damaged and is ignored (%s)", path, number, error)

    def forget(self, records: Iterable[Record]) -> None:
        """Append a tombstone for each record: its structure counts as never labelled."""
        for record in records:
            stone = Record(sid=record.sid, state=FORGOTTEN, reason=f"was {record.state}", element=record.element)
            self.append(stone)

    def close(self) -> None:
        """Close the file of this writer."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "LabelStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _sid_of(line: bytes) -> str | None:
    """Return the sid of a line as this module writes it, without parsing the rest; None when it looks otherwise."""
    parts = line[:80].split(b'"', 4)
    return parts[3].decode(errors="replace") if len(parts) == 5 and parts[1] == b"sid" else None


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def stores(root: str | Path, element: str | None = None) -> list[LabelStore]:
    """Return every store below ``root``, of one element or of all."""
    folders = sorted(path for path in Path(root).glob("*/*") if path.is_dir())
    return [LabelStore(root, path.parent.name, path.name) for path in folders if element in (None, path.parent.name)]


def forget(
    root: str | Path, element: str, states: Collection[str], *, settings: str | None = None
) -> dict[str, list[str]]:
    """Make structures in the given states count as never labelled, so that the next run labels them again.

    Nothing is deleted: tombstones are appended. The outputs of the shards concerned have to be made again by
    Snakemake, for example with ``--forcerun label_shard``.

    Args:
        root: folder of the label store.
        element: chemical symbol.
        states: among ``record.STATES``.
        settings: physics hash; None: all of the element.

    Returns:
        The sids that were forgotten, by state.

    Raises:
        ValueError: an unknown state.
    """
    unknown = sorted(set(states) - set(STATES))
    if unknown:
        raise ValueError(f"unknown state {', '.join(unknown)}; choose from {', '.join(STATES)}")
    found: dict[str, list[str]] = {state: [] for state in states}
    for store in stores(root, element):
        if settings not in (None, store.folder.name):
            continue
        with store:
            records = [record for record in store.read().values() if record.state in states]
            store.forget(records)
            for record in records:
                found[record.state].append(record.sid)
    return found
