"""Fit one potential of one element."""

from entromax.config import validated
from entromax.config.models import LabelNoise, PotentialSettings
from entromax.potentials import train_potential
from entromax.runtime import job_log

with job_log(snakemake.log[0]):
    train_potential(
        snakemake.input.train,
        snakemake.input.validation,
        potential=snakemake.output.potential,
        element=snakemake.wildcards.element,
        d_nn=snakemake.params.d_nn,
        settings=validated(PotentialSettings, snakemake.params.settings),
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        noise=validated(LabelNoise, snakemake.params.label_noise or {}),
    )
