"""Derive the length scale of one element from E(V) of its ground state."""

from entromax.config import validated
from entromax.config.models import ElementSettings, LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.report.topics.scale import plot_scale
from entromax.runtime import job_log
from entromax.validation import derive_d_nn

with job_log(snakemake.log[0]):
    limits = validated(LabelSettings, snakemake.params.labels)
    derive_d_nn(
        output=snakemake.output.scale,
        element=snakemake.wildcards.element,
        settings=validated(ElementSettings, snakemake.params.element),
        limits=limits,
        budget=LabelBudget.of_job(limits, threads=snakemake.threads, minutes=snakemake.resources.runtime),
    )
    plot_scale(snakemake.output.scale, snakemake.output.picture)
