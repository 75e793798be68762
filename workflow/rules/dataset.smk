"""The dataset: labels gathered, checked and split."""


rule aggregate_dataset:
    input:
        labels=all_labels("extxyz", ACTIVE["iterations"]),
        ledgers=all_labels("parquet", ACTIVE["iterations"]),
        reference="<results>/{element}/labels/reference.extxyz",
        reference_ledger="<results>/{element}/labels/reference.parquet",
    output:
        train="<results>/{element}/dataset/train.extxyz",
        validation="<results>/{element}/dataset/validation.extxyz",
        test="<results>/{element}/dataset/test.extxyz",
        manifest="<results>/{element}/dataset/manifest.parquet",
        summary="<results>/{element}/dataset/summary.json",
    log:
        "<logs>/aggregate_dataset/{element}.log",
    benchmark:
        "<benchmarks>/aggregate_dataset/{element}.tsv"
    conda:
        "../../envs/entromax.yaml"
    params:
        dataset=lookup(dpath="dataset", within=config),
        max_failed_fraction=lookup(dpath="labels/max_failed_fraction", within=config),
        seed=SEED,
    script:
        "../../scripts/aggregate_dataset.py"


rule export_dataset:
    input:
        expand(
            "<results>/{{element}}/dataset/{part}.extxyz",
            part=["train", "validation", "test"],
        ),
    output:
        directory("<results>/{element}/exports/{format}"),
    log:
        "<logs>/export_dataset/{element}/{format}.log",
    conda:
        "../../envs/entromax.yaml"
    params:
        dataset=subpath(input[0], parent=True),
    script:
        "../../scripts/export_dataset.py"
