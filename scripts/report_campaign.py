"""Write the report of the campaign."""

from entromax.config.models import CampaignSettings
from entromax.report.pages.campaign import report_campaign
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    report_campaign(
        CampaignSettings.model_validate(snakemake.params.config),
        results=snakemake.params.results,
        figure=snakemake.output.figure,
        output=snakemake.output.report,
    )
