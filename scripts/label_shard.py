"""Label one shard of structures."""

from pydantic import TypeAdapter

from entromax.config.models import LabelSettings, ReferenceSettings
from entromax.labels.shard import label_shard
from entromax.runtime import job_log, seconds_left

with job_log(snakemake.log[0]):
    label_shard(
        f"{snakemake.input.structures}/shard_{snakemake.wildcards.shard}.extxyz",
        labels=snakemake.output.labels,
        ledger=snakemake.output.ledger,
        element=snakemake.wildcards.element,
        d_nn=snakemake.params.d_nn,
        reference=TypeAdapter(ReferenceSettings).validate_python(snakemake.params.reference),
        limits=LabelSettings.model_validate(snakemake.params.labels),
        workers=snakemake.threads,
        wall_time=seconds_left(snakemake.resources.runtime),
    )
