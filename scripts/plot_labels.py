"""Draw the labels of one element."""

from entromax.report.topics.labels import plot_labels
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    plot_labels(
        [*snakemake.input.ledgers, snakemake.input.reference],
        dict(snakemake.output.items()),
        element=snakemake.wildcards.element,
    )
