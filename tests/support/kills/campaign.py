"""A labelling campaign made to be killed: its files, its commands, and the audit of what it has labelled."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml
from ase.build import bulk

from entromax.config import CampaignSettings, load_campaign
from entromax.labels.engines import physics_hash
from entromax.labels.record import Record
from entromax.labels.store import LabelStore
from entromax.structures import with_sid, write_structures
from tests.support.campaigns import ROOT

EMT: dict[str, object] = {"engine": "emt"}
DIARY = Path(__file__).with_name("attempts")


class KillCampaign:
    """Shards of rattled one- and two-atom cells of aluminium, labelled through the real workflow.

    Args:
        folder: working directory of the campaign.
        structures: how many there are.
        shards: jobs.
        reference: settings of the engine.
        seconds: time that each attempt takes in addition.
        labels: further ``labels`` settings.
    """

    def __init__(
        self,
        folder: Path,
        *,
        structures: int,
        shards: int = 1,
        reference: Mapping[str, object],
        seconds: float,
        labels: Mapping[str, object] | None = None,
    ) -> None:
        self.folder, self.shards, self.seconds = folder, shards, seconds
        self.config, self.diary = folder / "campaign.yaml", folder / "attempts"
        size = -(-structures // shards)
        settings = {
            "elements": {"Al": {"reference": dict(reference)}},
            "library": {"source": "made", "rounds": 10, "batches": 10, "structures_per_batch": 100},
            "labels": {"structures": structures, "shard_size": size, **(labels or {})},
        }
        folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(yaml.safe_dump(settings))
        merged = load_campaign(settings, origin=str(self.config), element_dirs=[ROOT / "config/elements"])
        self.settings = CampaignSettings.model_validate(merged)
        self.sids = self._write_shards(structures, size)

    def _write_shards(self, count: int, size: int) -> list[str]:
        random = np.random.default_rng(0)
        made = []
        for number in range(count):
            atoms = bulk("Al", "hcp", a=2.86, c=4.67) if number % 2 else bulk("Al", "fcc", a=4.05)
            atoms.set_cell(atoms.cell.array * random.uniform(0.97, 1.08), scale_atoms=True)
            atoms.positions += random.normal(0, 0.05, atoms.positions.shape)
            atoms = with_sid(atoms)
            atoms.info |= {"element": "Al", "config_type": "library", "library_sid": f"lib{number}"}
            made.append(atoms)
        for shard in range(self.shards):
            path = self.folder / f"results/Al/structures/shard_{shard + 1}.extxyz"
            write_structures(path, made[shard * size : (shard + 1) * size])
        return [str(atoms.info["sid"]) for atoms in made]

    @property
    def store(self) -> LabelStore:
        """The label store of this campaign."""
        root = self.folder / self.settings.labels.store
        return LabelStore(root, "Al", physics_hash(self.settings.elements["Al"].reference))

    def command(self, profile: Path, *options: str) -> list[str]:
        """Return the call of Snakemake that labels all shards; nothing else of the workflow runs."""
        targets = [f"results/Al/labels/shard_{shard + 1}.parquet" for shard in range(self.shards)]
        # fmt: off
        return [
            str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(ROOT / "workflow/Snakefile"),
            "--directory", str(self.folder), "--profile", str(profile), "--configfile", str(self.config),
            *options, "--allowed-rules", "label_shard", "--", *targets,
        ]
        # fmt: on

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make the workers keep their diary."""
        paths = [str(DIARY), os.environ.get("PYTHONPATH", "")]
        diary = {"ATTEMPTS": str(self.diary), "ATTEMPT_SECONDS": str(self.seconds)}
        return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ":".join(filter(None, paths)), **diary}

    def start(self, profile: Path, *options: str) -> "subprocess.Popen[bytes]":
        """Start Snakemake in a process group of its own, after the lock of a killed one was removed."""
        with open(self.folder / "snakemake.log", "ab") as log:
            if any((self.folder / ".snakemake/locks").glob("*")):
                subprocess.run(
                    self.command(profile, "--unlock"), env=self.environment, stdout=log, stderr=log, check=True
                )
            return subprocess.Popen(
                self.command(profile, *options), env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def starts(self) -> list[tuple[str, float]]:
        """Return sid and time of every calculation that has begun, by the diary of the workers."""
        lines = self.diary.read_text().splitlines() if self.diary.exists() else []
        return [(line.split()[1], float(line.split()[3])) for line in lines if line.startswith("start ")]

    def labels(self) -> dict[str, Record]:
        """Return the records with a label that are in the store, by sid."""
        return {sid: record for sid, record in self.store.read().items() if record.energy is not None}

    def lines(self) -> Counter[str]:
        """Return how many whole lines with a label the store holds of each structure."""
        whole = (
            line
            for path in self.store.folder.glob("*.jsonl")
            for line in path.read_bytes().splitlines()
            if line.endswith(b"}") and b'"state":"converged"' in line
        )
        return Counter(line.split(b'"', 4)[3].decode() for line in whole)

    def repeated(self) -> set[str]:
        """Return the structures that were labelled twice: two lines, or a calculation begun with the label there."""
        labels, lines = self.labels(), self.lines()
        late = {sid for sid, start in self.starts() if sid in labels and start > labels[sid].time}
        return late | {sid for sid, count in lines.items() if count > 1}
