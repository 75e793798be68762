"""Take one batch of active learning from those that were chosen before."""

from entromax.active.batches import take_batch
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    take_batch(
        snakemake.input.batches,
        iteration=int(snakemake.wildcards.iteration),
        structures=snakemake.params.structures,
        shard_size=snakemake.params.shard_size,
        shards=snakemake.output.shards,
    )
