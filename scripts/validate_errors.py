"""Compare a potential with labels that it has and has not seen."""

from entromax.config import validated
from entromax.config.models import FeatureSettings
from entromax.report.topics.errors import plot_errors
from entromax.runtime import job_log
from entromax.validation import validate_errors

with job_log(snakemake.log[0]):
    validate_errors(
        {split: path for split, path in snakemake.input.items() if split != "potential" and path},
        snakemake.input.potential,
        d_nn=snakemake.params.d_nn,
        features=validated(FeatureSettings, snakemake.params.features),
        metrics=snakemake.output.metrics,
        structures=snakemake.output.structures,
        bins=snakemake.output.bins,
        forces=snakemake.output.forces,
    )
    plot_errors(dict(snakemake.output.items()))
