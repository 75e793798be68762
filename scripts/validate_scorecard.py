"""Judge a potential by its scorecard."""

from entromax.config import validated
from entromax.config.models import ElementSettings, ScorecardSettings
from entromax.runtime import job_log
from entromax.validation.evidence import validate_scorecard

with job_log(snakemake.log[0]):
    validate_scorecard(
        element=snakemake.wildcards.element,
        settings=validated(ElementSettings, snakemake.params.element),
        thresholds=validated(ScorecardSettings, snakemake.params.scorecard),
        properties=snakemake.input.get("properties", []),
        output=snakemake.output.scorecard,
        **{name: snakemake.input[name] for name in ("parameters", "robustness", "structures", "forces")},
    )
