"""Derive the length scale of one element from E(V) of its ground state."""

from entromax.config.models import ElementSettings, LabelSettings
from entromax.report.topics.scale import plot_scale
from entromax.runtime import job_log, seconds_left
from entromax.validation import derive_d_nn

with job_log(snakemake.log[0]):
    derive_d_nn(
        output=snakemake.output.scale,
        element=snakemake.wildcards.element,
        settings=ElementSettings.model_validate(snakemake.params.element),
        limits=LabelSettings.model_validate(snakemake.params.labels),
        workers=snakemake.threads,
        wall_time=seconds_left(snakemake.resources.runtime),
    )
    plot_scale(snakemake.output.scale, snakemake.output.picture)
