"""Label the free atom and the reference crystals of one element."""

from entromax.config.models import ElementSettings, LabelSettings
from entromax.labels.reference import label_reference
from entromax.runtime import job_log, seconds_left

with job_log(snakemake.log[0]):
    label_reference(
        labels=snakemake.output.labels,
        ledger=snakemake.output.ledger,
        element=snakemake.wildcards.element,
        settings=ElementSettings.model_validate(snakemake.params.element),
        limits=LabelSettings.model_validate(snakemake.params.labels),
        workers=snakemake.threads,
        wall_time=seconds_left(snakemake.resources.runtime),
    )
