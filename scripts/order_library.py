"""Order the library so that every prefix is a good dataset."""

from entromax.config import validated
from entromax.config.models import LibrarySettings
from entromax.entropy.ordering import order_library
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    order_library(
        validated(LibrarySettings, snakemake.params.library),
        shards=snakemake.input.structures,
        state=snakemake.input.state,
        seed=snakemake.params.seed,
        structures=snakemake.output.structures,
        table=snakemake.output.table,
    )
