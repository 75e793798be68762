"""Hold one property of a potential against DFT and published values."""

from entromax.config import validated
from entromax.config.models import ElementSettings, EosSettings, PropertySettings
from entromax.report.topics.properties import plot_property
from entromax.runtime import job_log
from entromax.validation.properties import Case
from entromax.validation.properties.jobs import validate_property

with job_log(snakemake.log[0]):
    kinds = {"element": ElementSettings, "eos": EosSettings, "properties": PropertySettings}
    settings = [validated(kind, snakemake.params[name]) for name, kind in kinds.items()]
    validate_property(
        snakemake.wildcards.property,
        snakemake.input.potential,
        Case(snakemake.wildcards.element, *settings, snakemake.params.seed),
        reference=snakemake.input.get("reference") or None,
        **{name: snakemake.output[name] for name in ("metrics", "table")},
    )
    plot_property(snakemake.output.metrics, snakemake.output.table, snakemake.output.figure)
