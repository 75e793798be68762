"""Labels: structures of one element, their energies, forces and stresses."""


rule derive_d_nn:
    output:
        scale="<results>/{element}/d_nn.json",
        picture=report(
            "<results>/{element}/figures/d_nn.png",
            caption="../report/d_nn.rst",
            category="{element}",
            subcategory="labels",
            labels={"figure": "length scale from E(V)"},
        ),
    log:
        "<logs>/derive_d_nn/{element}.log",
    benchmark:
        "<benchmarks>/derive_d_nn/{element}.tsv"
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(240),
    params:
        element=lookup(dpath="elements/{element}", within=config),
        labels=lookup(dpath="labels", within=config),
    script:
        "../../scripts/derive_d_nn.py"


rule scale_structures:
    input:
        library="<results>/library/library.extxyz",
        scale=branch(
            lookup(dpath="elements/{element}/d_nn_from", within=config),
            cases={"dft": "<results>/{element}/d_nn.json", "config": []},
        ),
    output:
        # One directory, not one file per shard: a rule with thousands of outputs makes the plan quadratic.
        shards=directory("<results>/{element}/structures"),
    log:
        "<logs>/scale_structures/{element}.log",
    conda:
        "../../envs/entromax.yaml"
    params:
        d_nn=lookup(dpath="elements/{element}/d_nn", within=config),
        volume=lookup(dpath="elements/{element}/volume", within=config),
        n=lookup(dpath="labels/structures", within=config),
        shard_size=lookup(dpath="labels/shard_size", within=config),
    script:
        "../../scripts/scale_structures.py"


rule label_shard:
    input:
        structures="<results>/{element}/structures",
    output:
        labels="<results>/{element}/labels/shard_{shard}.extxyz",
        ledger="<results>/{element}/labels/shard_{shard}.parquet",
    log:
        "<logs>/label_shard/{element}/{shard}.log",
    benchmark:
        "<benchmarks>/label_shard/{element}/{shard}.tsv"
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(240),
    params:
        reference=of_element("reference"),
        d_nn=of_element("d_nn"),
        labels=lookup(dpath="labels", within=config),
    script:
        "../../scripts/label_shard.py"


rule label_reference:
    output:
        labels="<results>/{element}/labels/reference.extxyz",
        ledger="<results>/{element}/labels/reference.parquet",
    log:
        "<logs>/label_reference/{element}.log",
    benchmark:
        "<benchmarks>/label_reference/{element}.tsv"
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(240),
    params:
        element=lookup(dpath="elements/{element}", within=config),
        labels=lookup(dpath="labels", within=config),
    script:
        "../../scripts/label_reference.py"
