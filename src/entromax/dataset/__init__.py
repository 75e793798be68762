"""From labels to data sets: duplicates, outliers, split; every structure accounted for in a manifest."""

from entromax.dataset.aggregate import aggregate_dataset

__all__ = ["aggregate_dataset"]
