"""Potentials: one job per element and family."""


rule train_potential:
    input:
        train="<results>/{element}/dataset/train.extxyz",
        validation="<results>/{element}/dataset/validation.extxyz",
    output:
        potential=directory("<results>/{element}/potentials/{potential}"),
    log:
        "<logs>/train_potential/{element}/{potential}.log",
    benchmark:
        "<benchmarks>/train_potential/{element}/{potential}.tsv"
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        settings=lookup(dpath="potentials/{potential}", within=config),
        d_nn=lookup(dpath="elements/{element}/d_nn", within=config),
        seed=SEED,
    script:
        "../../scripts/train_potential.py"
