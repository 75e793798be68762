"""Take one potential of a sweep by accuracy and cost."""

from entromax.report.topics.sweep import plot_sweep
from entromax.runtime import job_log
from entromax.validation.sweep import choose_potential

with job_log(snakemake.log[0]):
    rows = choose_potential(
        dict(zip(snakemake.params.points, snakemake.input.potentials, strict=True)),
        snakemake.input.validation,
        element=snakemake.wildcards.element,
        d_nn=snakemake.params.d_nn,
        potential=snakemake.output.potential,
        table=snakemake.output.table,
        chosen=snakemake.output.chosen,
    )
    plot_sweep(rows, snakemake.output.picture)
