"""From labels to data sets: duplicates, outliers, split; every structure accounted for; exports for other programs."""

from entromax.dataset.aggregate import aggregate_dataset
from entromax.dataset.export import export_dataset
from entromax.registry import FORMATS

__all__ = ["FORMATS", "aggregate_dataset", "export_dataset"]
