"""The library that comes with entromax: the structures that suit the campaign, in their stored order."""


rule take_library:
    input:
        state="<results>/library/round_0/state.npz",
    output:
        structures="<results>/library/library.extxyz",
        table="<results>/library/library.csv",
    log:
        "<logs>/take_library.log",
    benchmark:
        "<benchmarks>/take_library.tsv"
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(4000),
    params:
        library=lookup(dpath="library", within=config),
        seed=SEED,
    script:
        "../../scripts/take_library.py"
