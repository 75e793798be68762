"""Compare the error bars of a potential with its true errors."""

from entromax.report.topics.error_bars import plot_error_bars
from entromax.runtime import job_log
from entromax.validation.error_bars import validate_error_bars

with job_log(snakemake.log[0]):
    rows = validate_error_bars(snakemake.input.test, snakemake.input.potential, metrics=snakemake.output.metrics)
    plot_error_bars(rows, snakemake.output.picture)
