"""Turn the first structures of the library into structures of one element."""

from entromax.runtime import job_log
from entromax.structures import scale_structures

with job_log(snakemake.log[0]):
    scale_structures(
        snakemake.input.library,
        snakemake.output.shards,
        element=snakemake.wildcards.element,
        d_nn=snakemake.params.d_nn,
        volume=snakemake.params.volume,
        n=snakemake.params.n,
        shard_size=snakemake.params.shard_size,
    )
