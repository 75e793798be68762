"""Run hot and compressed dynamics with a potential and tell whether it stays physical."""

from entromax.config import validated
from entromax.config.models import RobustnessSettings
from entromax.report.topics.robustness import plot_robustness
from entromax.runtime import job_log
from entromax.validation import validate_robustness

with job_log(snakemake.log[0]):
    validate_robustness(
        snakemake.input.reference,
        snakemake.input.potential,
        ground_state=snakemake.params.ground_state,
        settings=validated(RobustnessSettings, snakemake.params.robustness),
        seed=snakemake.params.seed,
        runs=snakemake.output.runs,
        metrics=snakemake.output.metrics,
        workers=snakemake.threads,
    )
    plot_robustness(snakemake.output.runs, snakemake.output.map)
