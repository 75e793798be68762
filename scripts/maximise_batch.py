"""Grow one batch of candidate structures."""

from entromax.config import validated
from entromax.config.models import LibrarySettings
from entromax.entropy.rounds import maximise_batch
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    maximise_batch(
        validated(LibrarySettings, snakemake.params.library),
        state=snakemake.input.state,
        seed=snakemake.params.seed,
        round=int(snakemake.wildcards.round),
        batch=int(snakemake.wildcards.batch),
        structures=snakemake.output.structures,
        trace=snakemake.output.trace,
    )
