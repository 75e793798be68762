"""Choose the candidates of a round that raise the entropy of the library."""

from entromax.config import validated
from entromax.config.models import LibrarySettings
from entromax.entropy.rounds import merge_round
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    merge_round(
        validated(LibrarySettings, snakemake.params.library),
        state=snakemake.input.state,
        candidates=snakemake.input.candidates,
        structures=snakemake.output.structures,
        new_state=snakemake.output.state,
        summary=snakemake.output.summary,
    )
