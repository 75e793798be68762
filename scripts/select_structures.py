"""Choose the next batch of labels of one element."""

from entromax.active import SelectionSettings, select_structures
from entromax.config import validated
from entromax.report.topics.active import plot_candidates
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    table = select_structures(
        **dict(snakemake.input.items()),
        symbol=snakemake.wildcards.element,
        settings=validated(SelectionSettings, dict(snakemake.params.items())),
        iteration=int(snakemake.wildcards.iteration),
        **{name: snakemake.output[name] for name in ("shards", "candidates", "runs")},
    )
    plot_candidates(table, snakemake.output.picture)
