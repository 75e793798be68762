"""Compare the library with the random sample."""

from entromax.config import validated
from entromax.config.models import ElementSettings, LibrarySettings
from entromax.entropy.analysis import analyse_library
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    analyse_library(
        **dict(snakemake.input.items()),
        settings=validated(LibrarySettings, snakemake.params.library),
        elements={k: validated(ElementSettings, v) for k, v in snakemake.params.elements.items()},
        **dict(snakemake.output.items()),
    )
