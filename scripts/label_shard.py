"""Label one shard of structures."""

from entromax.config.models import ElementSettings, LabelSettings
from entromax.labels.shard import label_shard
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    element = ElementSettings.model_validate(snakemake.params.element)
    label_shard(
        snakemake.input.structures,
        labels=snakemake.output.labels,
        ledger=snakemake.output.ledger,
        element=snakemake.wildcards.element,
        d_nn=element.d_nn,
        reference=element.reference,
        limits=LabelSettings.model_validate(snakemake.params.labels),
        workers=snakemake.threads,
        wall_time=60.0 * snakemake.resources.runtime,
    )
