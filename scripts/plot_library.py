"""Draw the library."""

from entromax.report.topics.library import plot_library
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    plot_library({**snakemake.input, **snakemake.output}, labelled=snakemake.params.labelled)
