"""Test potentials of the library and of the conventional set on held-out structures of both."""

from entromax.report.topics.transfer import plot_transfer
from entromax.runtime import job_log
from entromax.validation.transfer import SETS, validate_transfer

with job_log(snakemake.log[0]):
    percents = snakemake.params.percents
    validate_transfer(
        {(name, percent): snakemake.input[f"{name}_{percent}"] for name in SETS for percent in percents},
        {name: snakemake.input[name] for name in SETS},
        sets=snakemake.input.summary,
        curve=snakemake.output.curve,
        structures=snakemake.output.structures,
        metrics=snakemake.output.metrics,
    )
    plot_transfer(dict(snakemake.output.items()))
