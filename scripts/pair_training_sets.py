"""Cut training sets of equal size from the library and from the conventional set of one element."""

from entromax.runtime import job_log
from entromax.validation.transfer import SETS, pair_training_sets

with job_log(snakemake.log[0]):
    percents = snakemake.params.percents
    pair_training_sets(
        {name: snakemake.input[name] for name in SETS},
        {name: snakemake.input[f"{name}_manifest"] for name in SETS},
        percents=percents,
        outputs={(name, percent): snakemake.output[f"{name}_{percent}"] for name in SETS for percent in percents},
        summary=snakemake.output.summary,
    )
