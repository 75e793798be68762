"""Where the files of the workflow and the results of a campaign lie, and how structures are packed into shards.

The rules of the workflow write their paths out, to be read as they stand; ``tests/workflow/test_plan.py`` holds these
against them.
"""

from dataclasses import dataclass
from pathlib import Path

_IN_WHEEL = Path(__file__).with_name("campaign")
WORKFLOW_FILES = _IN_WHEEL if _IN_WHEEL.is_dir() else Path(__file__).parents[2]
"""Folder that holds workflow/, scripts/, config/ and profiles/: the checkout, or the copy in an installed wheel."""


def shard_numbers(structures: int, shard_size: int) -> range:
    """Return the numbers, from 1, of the shards that so many structures fill."""
    return range(1, -(-structures // shard_size) + 1)


def shard_file(folder: str | Path, number: int | str, suffix: str = "extxyz") -> Path:
    """Return the file of one shard in a folder."""
    return Path(folder, f"shard_{number}.{suffix}")


@dataclass(frozen=True)
class LabelFolder:
    """Structures of one origin and their labels: the library, one batch of active learning, the conventional set."""

    root: Path

    @property
    def structures(self) -> Path:
        """Folder of the shards of structures."""
        return self.root / "structures"

    def labels(self, shard: int) -> Path:
        """Labels of one shard."""
        return shard_file(self.root / "labels", shard)

    def ledger(self, shard: int) -> Path:
        """Ledger of one shard."""
        return shard_file(self.root / "labels", shard, "parquet")

    @property
    def structure_files(self) -> list[Path]:
        """Shards of structures that are there."""
        return sorted(self.structures.glob("shard_*.extxyz"))

    @property
    def ledgers(self) -> list[Path]:
        """Ledgers that are there."""
        return sorted((self.root / "labels").glob("shard_*.parquet"))


@dataclass(frozen=True)
class ElementFolder(LabelFolder):
    """Results of one element."""

    @property
    def reference_ledger(self) -> Path:
        """Ledger of the free atom and the reference crystals."""
        return self.root / "labels/reference.parquet"

    @property
    def conventional(self) -> LabelFolder:
        """The conventional set."""
        return LabelFolder(self.root / "conventional")

    def active(self, iteration: int) -> LabelFolder:
        """One batch of active learning."""
        return LabelFolder(self.root / "active" / str(iteration))

    @property
    def trained_on(self) -> list[LabelFolder]:
        """Where the structures of the dataset come from: the library, then the batches of active learning so far."""
        return [self, *map(LabelFolder, sorted(path for path in (self.root / "active").glob("*") if path.is_dir()))]

    @property
    def dataset(self) -> Path:
        """Folder of the dataset."""
        return self.root / "dataset"

    @property
    def manifest(self) -> Path:
        """Table of all structures of the dataset."""
        return self.dataset / "manifest.parquet"

    def potential(self, name: str) -> Path:
        """Folder of one fitted potential."""
        return self.root / "potentials" / name

    def validation(self, name: str) -> Path:
        """Folder with the tests of one potential."""
        return self.root / "validation" / name

    @property
    def report(self) -> Path:
        """Report of the element."""
        return self.root / "report.html"


@dataclass(frozen=True)
class CampaignFolder:
    """Results of a campaign."""

    root: Path

    @property
    def config(self) -> Path:
        """The merged configuration."""
        return self.root / "config.yaml"

    @property
    def report(self) -> Path:
        """Report of the campaign."""
        return self.root / "report.html"

    @property
    def library(self) -> Path:
        """The ordered library, in reduced units."""
        return self.root / "library/library.extxyz"

    def state(self, round: int) -> Path:
        """Entropy state after a round; round 0: that of the reference sample."""
        return self.root / f"library/round_{round}/state.npz"

    @property
    def crystals(self) -> Path:
        """Perfect crystals that joined the library after the last round."""
        return self.root / "library/crystals/accepted.extxyz"

    def batch(self, round: int, batch: int) -> Path:
        """Candidates of one batch of a round."""
        return self.root / f"library/round_{round}/batch_{batch}.extxyz"

    def element(self, symbol: str) -> ElementFolder:
        """Results of one element."""
        return ElementFolder(self.root / symbol)

    @property
    def elements(self) -> list[ElementFolder]:
        """Elements whose structures are there."""
        return [ElementFolder(path.parent) for path in sorted(self.root.glob("*/structures"))]
