"""Compare the library with the random sample."""

from entromax.config.models import ElementSettings, LibrarySettings
from entromax.entropy.analysis import analyse_library
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    analyse_library(
        **dict(snakemake.input.items()),
        settings=LibrarySettings.model_validate(snakemake.params.library),
        elements={k: ElementSettings.model_validate(v) for k, v in snakemake.params.elements.items()},
        **dict(snakemake.output.items()),
    )
