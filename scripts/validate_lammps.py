"""Run a potential in LAMMPS and compare it with ASE."""

from entromax.config import validated
from entromax.config.models import LammpsRunSettings
from entromax.runtime import job_log
from entromax.validation.lammps import validate_lammps

with job_log(snakemake.log[0]):
    validate_lammps(
        [snakemake.input.test, snakemake.input.train],
        snakemake.input.reference,
        snakemake.input.potential,
        ground_state=snakemake.params.ground_state,
        settings=validated(LammpsRunSettings, snakemake.params.lammps),
        seed=snakemake.params.seed,
        metrics=snakemake.output.metrics,
        input_file=snakemake.output.input,
        data_file=snakemake.output.data,
    )
