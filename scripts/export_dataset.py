"""Write the dataset of one element in the format of another fitting program."""

from entromax.dataset import export_dataset
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    export_dataset(snakemake.params.dataset, snakemake.wildcards.format, snakemake.output[0])
