"""Label the free atom and the reference crystals of one element."""

from entromax.config import validated
from entromax.config.models import ElementSettings, LabelSettings
from entromax.labels.budget import LabelBudget
from entromax.labels.reference import label_reference
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    limits = validated(LabelSettings, snakemake.params.labels)
    label_reference(
        **dict(snakemake.output.items()),
        element=snakemake.wildcards.element,
        settings=validated(ElementSettings, snakemake.params.element),
        limits=limits,
        budget=LabelBudget.of_job(limits, threads=snakemake.threads, minutes=snakemake.resources.runtime),
    )
