"""Make the conventional set of one element."""

from entromax.config import validated
from entromax.config.models import ElementSettings, TransferSettings
from entromax.runtime import job_log
from entromax.structures import make_conventional

with job_log(snakemake.log[0]):
    transfer = validated(TransferSettings, snakemake.params.transfer)
    make_conventional(
        snakemake.output.shards,
        element=snakemake.wildcards.element,
        settings=validated(ElementSettings, snakemake.params.element),
        n=transfer.structures,
        atoms=transfer.atoms,
        shard_size=snakemake.params.shard_size,
        seed=snakemake.params.seed,
    )
