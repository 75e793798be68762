"""Batches chosen by an earlier campaign: their structures are labelled as they are."""


rule take_batch:
    input:
        batches=f"{ACTIVE['batches']}/{{element}}.extxyz",
    output:
        shards=directory("<results>/{element}/active/{iteration}/structures"),
    log:
        "<logs>/take_batch/{element}/{iteration}.log",
    wildcard_constraints:
        element=one_of(GIVEN),
    conda:
        "../../envs/entromax.yaml"
    params:
        structures=ACTIVE["structures"],
        shard_size=lookup(dpath="labels/shard_size", within=config),
    script:
        "../../scripts/take_batch.py"
