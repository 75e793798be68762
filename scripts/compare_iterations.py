"""Compare the fits of active learning on one test set."""

from entromax.active import compare_iterations
from entromax.report.topics.active import plot_iterations
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    files = {name: snakemake.input[name] for name in ("potentials", "train", "candidates", "runs")}
    n, shards = snakemake.params.shards, snakemake.input.batches
    batches = [shards[k : k + n] for k in range(0, len(shards), n)]
    rows = compare_iterations(**files, test=snakemake.input.test, batches=batches, curve=snakemake.output.curve)
    plot_iterations(rows, snakemake.output.picture)
