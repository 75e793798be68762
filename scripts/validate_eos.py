"""Compare a potential with its reference and with published values on E(V) of crystals."""

from entromax.report.topics.eos import plot_eos
from entromax.runtime import job_log
from entromax.validation import validate_eos

with job_log(snakemake.log[0]):
    validate_eos(
        snakemake.input.reference,
        snakemake.input.potential,
        element=snakemake.wildcards.element,
        ground_state=snakemake.params.ground_state,
        curves=snakemake.output.curves,
        parameters=snakemake.output.parameters,
        metrics=snakemake.output.metrics,
    )
    plot_eos(dict(snakemake.output.items()), ground_state=snakemake.params.ground_state)
