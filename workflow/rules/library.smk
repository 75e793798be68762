"""The library: structures in reduced units for all elements; these random ones are what it is compared with."""


rule reference_sample:
    output:
        structures="<results>/library/random.extxyz",
        state="<results>/library/round_0/state.npz",
    log:
        "<logs>/reference_sample.log",
    benchmark:
        "<benchmarks>/reference_sample.tsv"
    conda:
        "../../envs/entromax.yaml"
    params:
        library=lookup(dpath="library", within=config),
        seed=SEED,
    script:
        "../../scripts/reference_sample.py"
