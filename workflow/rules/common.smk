"""Validated configuration, the lists that span the graph, and checks that come before any job."""

from pathlib import Path

from snakemake.exceptions import WorkflowError

from entromax.config import CampaignSettings, ConfigError, load_campaign, validated
from entromax.config.load import ELEMENT_FILES
from entromax.layout import shard_numbers
from entromax.workflow import check_profile, require

ORIGIN = str(
    next(iter(workflow.overwrite_configfiles or workflow.configfiles), "--config")
)
try:
    config = load_campaign(
        config,
        origin=ORIGIN,
        element_dirs=[ELEMENT_FILES, Path("config/elements")],
    )
    CAMPAIGN = validated(CampaignSettings, config)
    require(CAMPAIGN, ORIGIN)
except ConfigError as error:
    raise WorkflowError(f"the configuration cannot be used\n{error}") from None

SEED = config["seed"]
ELEMENTS = list(config["elements"])
TRANSFER = config["validation"]["transfer"]
ACTIVE = config["active"]
POTENTIALS = list(config["potentials"])
ROUNDS = CAMPAIGN.library.round_numbers
BATCHES = range(1, config["library"]["batches"] + 1)
SHARDS, ACTIVE_SHARDS, CONVENTIONAL_SHARDS = (
    shard_numbers(settings["structures"], config["labels"]["shard_size"])
    for settings in (config["labels"], ACTIVE, TRANSFER)
)


wildcard_constraints:
    element="|".join(ELEMENTS),
    potential="|".join(POTENTIALS),
    round=r"\d+",
    batch=r"\d+",
    shard=r"\d+",
    iteration=r"\d+",


onstart:
    check_profile(
        workflow.executor_plugin.name,
        as_written(workflow.resource_settings.default_resources),
        {
            rule: as_written(resources)
            for rule, resources in workflow.resource_settings.overwrite_resources.items()
        },
    )


def as_written(resources):
    """Resources as they stand in the profile; Snakemake keeps text as a function until a job needs it."""
    return {name: resource.raw for name, resource in (resources or {}).items()}


def previous_state(wildcards):
    """State that a round starts from: the merged one of the round before, round 0 being the reference sample."""
    return f"<results>/library/round_{int(wildcards.round) - 1}/state.npz"


def by_attempt(amount):
    """Resource that grows with every attempt of a job."""
    return lambda wildcards, attempt: amount * attempt


def of_element(key):
    """Setting of an element; `lookup` searches the whole configuration once per job, milliseconds times thousands."""
    return lambda wildcards: config["elements"][wildcards.element][key]


def if_any(count, path):
    """What a campaign has only with some transfer structures, or iterations of active learning."""
    return path if count else []


def all_labels(suffix, iterations):
    """Files of all shards: those of the library, then those of the first batches of active learning."""
    return expand(
        "<results>/{{element}}/labels/shard_{shard}.{suffix}",
        shard=SHARDS,
        suffix=suffix,
    ) + expand(
        "<results>/{{element}}/active/{iteration}/labels/shard_{shard}.{suffix}",
        iteration=range(1, iterations + 1),
        shard=ACTIVE_SHARDS,
        suffix=suffix,
    )
