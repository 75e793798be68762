"""Hold one property of a potential against DFT and published values."""

from entromax.report.topics.properties import plot_property
from entromax.runtime import job_log
from entromax.validation.properties import Case
from entromax.validation.properties.jobs import validate_property

with job_log(snakemake.log[0]):
    validate_property(
        snakemake.wildcards.property,
        snakemake.input.potential,
        Case.from_config(snakemake.wildcards.element, **dict(snakemake.params.items())),
        reference=snakemake.input.get("reference") or None,
        metrics=snakemake.output.metrics,
        table=snakemake.output.table,
    )
    plot_property(snakemake.output.metrics, snakemake.output.table, snakemake.output.figure)
