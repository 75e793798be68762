"""Calculate one property with the engine and settings of the labels."""

from entromax.config.models import ElementSettings, LabelSettings
from entromax.config.models.validation import PropertySettings
from entromax.runtime import job_log
from entromax.validation.properties.jobs import label_property

with job_log(snakemake.log[0]):
    label_property(
        snakemake.wildcards.property,
        element=snakemake.wildcards.element,
        settings=ElementSettings.model_validate(snakemake.params.element),
        limits=LabelSettings.model_validate(snakemake.params.labels),
        properties=PropertySettings.model_validate(snakemake.params.properties),
        output=snakemake.output.result,
        workers=snakemake.threads,
        wall_time=60.0 * snakemake.resources.runtime,
    )
