"""Calculate one property with the engine and settings of the labels."""

from entromax.config import validated
from entromax.config.models import ElementSettings, LabelSettings, PropertySettings
from entromax.labels.budget import LabelBudget
from entromax.runtime import job_log
from entromax.validation.properties.jobs import label_property

with job_log(snakemake.log[0]):
    limits = validated(LabelSettings, snakemake.params.labels)
    label_property(
        snakemake.wildcards.property,
        element=snakemake.wildcards.element,
        settings=validated(ElementSettings, snakemake.params.element),
        limits=limits,
        properties=validated(PropertySettings, snakemake.params.properties),
        budget=LabelBudget.of_job(limits, threads=snakemake.threads, minutes=snakemake.resources.runtime),
        output=snakemake.output.result,
    )
