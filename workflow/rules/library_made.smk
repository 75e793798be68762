"""A library of one's own: entropy-maximised in rounds, joined by perfect crystals, ordered."""


rule maximise_batch:
    input:
        state=previous_state,
    output:
        structures="<results>/library/round_{round}/batch_{batch}.extxyz",
        trace="<results>/library/round_{round}/batch_{batch}.csv",
    log:
        "<logs>/maximise_batch/round_{round}/batch_{batch}.log",
    benchmark:
        "<benchmarks>/maximise_batch/round_{round}/batch_{batch}.tsv"
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(120),
    params:
        library=lookup(dpath="library", within=config),
        seed=SEED,
    script:
        "../../scripts/maximise_batch.py"


rule merge_round:
    input:
        state=previous_state,
        candidates=expand(
            "<results>/library/round_{{round}}/batch_{batch}.extxyz", batch=BATCHES
        ),
    output:
        structures="<results>/library/round_{round}/accepted.extxyz",
        state="<results>/library/round_{round}/state.npz",
        summary="<results>/library/round_{round}/summary.json",
    log:
        "<logs>/merge_round/round_{round}.log",
    benchmark:
        "<benchmarks>/merge_round/round_{round}.tsv"
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(4000),
    params:
        library=lookup(dpath="library", within=config),
    script:
        "../../scripts/merge_round.py"


rule add_crystals:
    input:
        state=f"<results>/library/round_{ROUNDS[-1]}/state.npz",
    output:
        structures="<results>/library/crystals/accepted.extxyz",
        state="<results>/library/crystals/state.npz",
        summary="<results>/library/crystals/summary.json",
    log:
        "<logs>/add_crystals.log",
    benchmark:
        "<benchmarks>/add_crystals.tsv"
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(4000),
    params:
        library=lookup(dpath="library", within=config),
        seed=SEED,
    script:
        "../../scripts/add_crystals.py"


rule order_library:
    input:
        state="<results>/library/round_0/state.npz",
        structures=[
            *expand("<results>/library/round_{round}/accepted.extxyz", round=ROUNDS),
            "<results>/library/crystals/accepted.extxyz",
        ],
    output:
        structures="<results>/library/library.extxyz",
        table="<results>/library/library.csv",
    log:
        "<logs>/order_library.log",
    benchmark:
        "<benchmarks>/order_library.tsv"
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(8000),
    params:
        library=lookup(dpath="library", within=config),
        seed=SEED,
    script:
        "../../scripts/order_library.py"
