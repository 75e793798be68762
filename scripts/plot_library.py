"""Draw the library."""

from entromax.config.models import ElementSettings, LibrarySettings
from entromax.report import plot_library
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    plot_library(
        library=snakemake.input.library,
        random=snakemake.input.random,
        state=snakemake.input.state,
        table=snakemake.input.table,
        traces=snakemake.input.traces,
        settings=LibrarySettings.model_validate(snakemake.params.library),
        elements={k: ElementSettings.model_validate(v) for k, v in snakemake.params.elements.items()},
        labelled=snakemake.params.labelled,
        figures=dict(snakemake.output.items()),
    )
