"""Make the conventional set of one element."""

from pathlib import Path

from entromax.config.models import ElementSettings
from entromax.runtime import job_log
from entromax.structures import make_conventional

with job_log(snakemake.log[0]):
    make_conventional(
        [Path(snakemake.output.shards, f"shard_{s}.extxyz") for s in snakemake.params.shards],
        element=snakemake.wildcards.element,
        settings=ElementSettings.model_validate(snakemake.params.element),
        n=snakemake.params.transfer["structures"],
        atoms=snakemake.params.transfer["atoms"],
        shard_size=snakemake.params.shard_size,
        seed=snakemake.params.seed,
    )
