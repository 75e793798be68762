"""The library: structures in reduced units for all elements; these random ones are what it is compared with."""

# One per batch of a library that is made here; a shipped one has no rounds, and no picture of its growth.
TRACES = expand(
    "<results>/library/round_{round}/batch_{batch}.csv", round=ROUNDS, batch=BATCHES
)


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


rule analyse_library:
    input:
        library="<results>/library/library.extxyz",
        random="<results>/library/random.extxyz",
        state="<results>/library/round_0/state.npz",
        table="<results>/library/library.csv",
    output:
        diversity="<results>/library/diversity.csv",
        growth="<results>/library/analysis/growth.csv",
        coverage="<results>/library/analysis/coverage.npz",
        reach="<results>/library/analysis/reach.csv",
        shapes="<results>/library/analysis/shapes.csv",
    log:
        "<logs>/analyse_library.log",
    benchmark:
        "<benchmarks>/analyse_library.tsv"
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(4000),
    params:
        library=lookup(dpath="library", within=config),
        elements=lookup(dpath="elements", within=config),
    script:
        "../../scripts/analyse_library.py"
