"""Draw the random structures that normalise the features."""

from entromax.config import validated
from entromax.config.models import LibrarySettings
from entromax.entropy.rounds import reference_sample
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    reference_sample(
        validated(LibrarySettings, snakemake.params.library),
        seed=snakemake.params.seed,
        structures=snakemake.output.structures,
        state=snakemake.output.state,
    )
