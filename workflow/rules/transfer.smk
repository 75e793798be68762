"""Transfer: the same family fitted to the library and to a conventional set, each potential tested on both."""

TRAINING_SETS = ["entropy", "conventional"]
FITS = [f"{name}_{p}" for name in TRAINING_SETS for p in TRANSFER["percents"]]


wildcard_constraints:
    fit="|".join(FITS),
    training="|".join(TRAINING_SETS),


rule make_conventional:
    output:
        shards=directory("<results>/{element}/conventional/structures"),
    log:
        "<logs>/make_conventional/{element}.log",
    conda:
        "../../envs/entromax.yaml"
    params:
        element=lookup(dpath="elements/{element}", within=config),
        transfer=TRANSFER,
        shard_size=lookup(dpath="labels/shard_size", within=config),
        seed=SEED,
    script:
        "../../scripts/make_conventional.py"


use rule label_shard as label_conventional with:
    input:
        structures="<results>/{element}/conventional/structures",
    output:
        labels="<results>/{element}/conventional/labels/shard_{shard}.extxyz",
        ledger="<results>/{element}/conventional/labels/shard_{shard}.parquet",
    log:
        "<logs>/label_conventional/{element}/{shard}.log",
    benchmark:
        "<benchmarks>/label_conventional/{element}/{shard}.tsv"


use rule aggregate_dataset as aggregate_conventional with:
    input:
        labels=expand(
            "<results>/{{element}}/conventional/labels/shard_{shard}.extxyz",
            shard=CONVENTIONAL_SHARDS,
        ),
        ledgers=expand(
            "<results>/{{element}}/conventional/labels/shard_{shard}.parquet",
            shard=CONVENTIONAL_SHARDS,
        ),
        reference="<results>/{element}/labels/reference.extxyz",
        reference_ledger="<results>/{element}/labels/reference.parquet",
    output:
        train="<results>/{element}/conventional/train.extxyz",
        validation="<results>/{element}/conventional/validation.extxyz",
        test="<results>/{element}/conventional/test.extxyz",
        manifest="<results>/{element}/conventional/manifest.parquet",
        summary="<results>/{element}/conventional/summary.json",
    log:
        "<logs>/aggregate_conventional/{element}.log",
    benchmark:
        "<benchmarks>/aggregate_conventional/{element}.tsv"


rule pair_training_sets:
    input:
        entropy="<results>/{element}/dataset/train.extxyz",
        entropy_manifest="<results>/{element}/dataset/manifest.parquet",
        conventional="<results>/{element}/conventional/train.extxyz",
        conventional_manifest="<results>/{element}/conventional/manifest.parquet",
    output:
        **{fit: f"<results>/{{element}}/transfer/sets/{fit}.extxyz" for fit in FITS},
        summary="<results>/{element}/transfer/sets/sets.csv",
    log:
        "<logs>/pair_training_sets/{element}.log",
    conda:
        "../../envs/entromax.yaml"
    params:
        percents=TRANSFER["percents"],
    script:
        "../../scripts/pair_training_sets.py"


use rule train_potential as train_transfer with:
    input:
        train="<results>/{element}/transfer/sets/{fit}.extxyz",
        validation=lambda wildcards: (
            "<results>/{element}/dataset/validation.extxyz"
            if wildcards.fit.startswith("entropy")
            else "<results>/{element}/conventional/validation.extxyz"
        ),
    output:
        potential=directory("<results>/{element}/transfer/{potential}/{fit}"),
    log:
        "<logs>/train_transfer/{element}/{potential}/{fit}.log",
    benchmark:
        "<benchmarks>/train_transfer/{element}/{potential}/{fit}.tsv"
    # Also of a potential with a sweep: both sides are fitted with its own values, as nothing is chosen here.
    wildcard_constraints:
        potential="|".join(POTENTIALS),


rule validate_transfer:
    input:
        **{fit: f"<results>/{{element}}/transfer/{{potential}}/{fit}" for fit in FITS},
        summary="<results>/{element}/transfer/sets/sets.csv",
        entropy="<results>/{element}/dataset/test.extxyz",
        conventional="<results>/{element}/conventional/test.extxyz",
    output:
        metrics="<results>/{element}/validation/{potential}/transfer.json",
        structures="<results>/{element}/validation/{potential}/transfer_structures.csv",
        curve="<results>/{element}/validation/{potential}/transfer.csv",
        energy=report(
            "<results>/{element}/validation/{potential}/transfer_energy.png",
            caption="../report/transfer.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "transfer: energies"},
        ),
        force=report(
            "<results>/{element}/validation/{potential}/transfer_force.png",
            caption="../report/transfer.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "transfer: forces"},
        ),
    log:
        "<logs>/validate_transfer/{element}/{potential}.log",
    benchmark:
        "<benchmarks>/validate_transfer/{element}/{potential}.tsv"
    conda:
        "../../envs/entromax.yaml"
    params:
        percents=TRANSFER["percents"],
    script:
        "../../scripts/validate_transfer.py"


# `percents` end with 100, the whole training sets.
use rule validate_robustness as validate_transfer_robustness with:
    input:
        reference="<results>/{element}/labels/reference.extxyz",
        potential="<results>/{element}/transfer/{potential}/{training}_100",
    output:
        metrics="<results>/{element}/validation/{potential}/robustness_{training}.json",
        runs="<results>/{element}/validation/{potential}/robustness_{training}_runs.csv",
        map=report(
            "<results>/{element}/validation/{potential}/robustness_{training}_runs.png",
            caption="../report/robustness_transfer.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "robustness, fitted to the {training} set"},
        ),
    log:
        "<logs>/validate_transfer_robustness/{element}/{potential}/{training}.log",
    benchmark:
        "<benchmarks>/validate_transfer_robustness/{element}/{potential}/{training}.tsv"
