"""Turn the first structures of the library into structures of one element."""

from pathlib import Path

from entromax.runtime import job_log
from entromax.structures import scale_structures

with job_log(snakemake.log[0]):
    scale_structures(
        snakemake.input.library,
        [Path(snakemake.output.shards, f"shard_{s + 1}.extxyz") for s in range(snakemake.params.shards)],
        element=snakemake.wildcards.element,
        d_nn=snakemake.params.d_nn,
        volume=snakemake.params.volume,
        n=snakemake.params.n,
        shard_size=snakemake.params.shard_size,
    )
