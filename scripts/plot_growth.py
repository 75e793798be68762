"""Draw how the entropy of the library grew."""

from entromax.report.topics.library import plot_growth
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    plot_growth(snakemake.input.traces, snakemake.input.random, snakemake.output.growth)
