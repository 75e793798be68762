"""Label one shard of structures."""

from entromax.config import validated
from entromax.config.models import LabelSettings, ReferenceSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.shard import label_shard
from entromax.layout import shard_file
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    limits = validated(LabelSettings, snakemake.params.labels)
    label_shard(
        shard_file(snakemake.input.structures, snakemake.wildcards.shard),
        **dict(snakemake.output.items()),
        element=snakemake.wildcards.element,
        d_nn=snakemake.params.d_nn,
        reference=validated(ReferenceSettings, snakemake.params.reference),
        limits=limits,
        budget=LabelBudget.of_job(limits, threads=snakemake.threads, minutes=snakemake.resources.runtime),
    )
