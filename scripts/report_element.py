"""Write the report of one element."""

from entromax.config import validated
from entromax.config.models import CampaignSettings
from entromax.report.pages.element import report_element
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    report_element(
        snakemake.wildcards.element,
        validated(CampaignSettings, snakemake.params.config),
        library_folder=snakemake.params.library,
        folder=snakemake.params.folder,
        output=snakemake.output.report,
    )
