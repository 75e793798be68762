"""Let perfect crystals compete for places in the library."""

from entromax.config import validated
from entromax.config.models import LibrarySettings
from entromax.entropy.crystals import add_crystals
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    add_crystals(
        validated(LibrarySettings, snakemake.params.library),
        state=snakemake.input.state,
        seed=snakemake.params.seed,
        structures=snakemake.output.structures,
        new_state=snakemake.output.state,
        summary=snakemake.output.summary,
    )
