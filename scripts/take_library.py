"""Take the structures of the shipped library that a campaign asks for."""

from entromax.config import validated
from entromax.config.models import LibrarySettings
from entromax.entropy.ordering import take_library
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    take_library(
        validated(LibrarySettings, snakemake.params.library),
        state=snakemake.input.state,
        seed=snakemake.params.seed,
        structures=snakemake.output.structures,
        table=snakemake.output.table,
    )
