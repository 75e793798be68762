"""entromax: from a chemical element to a validated interatomic potential.

snakemake --profile profiles/local                              # the quickstart campaign
snakemake --profile profiles/slurm --configfile my_campaign.yaml
"""

from snakemake.utils import min_version

min_version("9.14")


if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


pathvars:
    results=config["results"],
    benchmarks=f"{config['results']}/benchmarks",


include: "workflow/rules/library.smk"
include: f"workflow/rules/library_{config['library']['source']}.smk"
include: "workflow/rules/label.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/active.smk"
include: f"workflow/rules/active_{'given' if ACTIVE['batches'] else 'made'}.smk"
include: "workflow/rules/validate.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        "<results>/report.html",
        "<results>/config.yaml",
        expand("<results>/{element}/report.html", element=ELEMENTS),
        expand(
            "<results>/{element}/exports/{format}",
            element=ELEMENTS,
            format=config["dataset"]["exports"],
        ),
