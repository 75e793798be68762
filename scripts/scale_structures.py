"""Turn the first structures of the library into structures of one element."""

import json
from pathlib import Path

from entromax.runtime import job_log
from entromax.structures import scale_structures

with job_log(snakemake.log[0]):
    scale = snakemake.input.get("scale")
    scale_structures(
        snakemake.input.library,
        snakemake.output.shards,
        element=snakemake.wildcards.element,
        d_nn=json.loads(Path(scale).read_text())["d_nn"] if scale else snakemake.params.d_nn,
        volume=snakemake.params.volume,
        n=snakemake.params.n,
        shard_size=snakemake.params.shard_size,
    )
