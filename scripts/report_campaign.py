"""Write the report of the campaign."""

from entromax.config import validated
from entromax.config.models import CampaignSettings
from entromax.report.pages.campaign import report_campaign
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    report_campaign(
        validated(CampaignSettings, snakemake.params.config),
        results=snakemake.params.results,
        figure=snakemake.output.figure,
        output=snakemake.output.report,
    )
