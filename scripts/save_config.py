"""Save the merged configuration and the provenance of a campaign."""

from entromax.runtime import config_hash, job_log, provenance, write_json, write_yaml

with job_log(snakemake.log[0]):
    config = snakemake.params.config
    write_yaml(snakemake.output.config, config)
    write_json(snakemake.output.provenance, provenance(config=config_hash(config), seed=config["seed"]))
