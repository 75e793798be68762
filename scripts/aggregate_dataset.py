"""Gather the labels of one element into training, validation and test set."""

from entromax.config import validated
from entromax.config.models import DatasetSettings
from entromax.dataset import aggregate_dataset
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    aggregate_dataset(
        snakemake.input.labels,
        snakemake.input.ledgers,
        reference_labels=snakemake.input.reference,
        reference_ledger=snakemake.input.reference_ledger,
        settings=validated(DatasetSettings, snakemake.params.dataset),
        max_failed_fraction=snakemake.params.max_failed_fraction,
        seed=snakemake.params.seed,
        **{name: snakemake.output[name] for name in ("train", "validation", "test", "manifest", "summary")},
    )
