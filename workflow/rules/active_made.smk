"""Batches chosen by this campaign: a fit to the labels so far, and what it names."""


use rule aggregate_dataset as aggregate_active with:
    input:
        labels=lambda wildcards: all_labels("extxyz", int(wildcards.iteration) - 1),
        ledgers=lambda wildcards: all_labels("parquet", int(wildcards.iteration) - 1),
        reference="<results>/{element}/labels/reference.extxyz",
        reference_ledger="<results>/{element}/labels/reference.parquet",
    output:
        train="<results>/{element}/active/{iteration}/dataset/train.extxyz",
        validation="<results>/{element}/active/{iteration}/dataset/validation.extxyz",
        test="<results>/{element}/active/{iteration}/dataset/test.extxyz",
        manifest="<results>/{element}/active/{iteration}/dataset/manifest.parquet",
        summary="<results>/{element}/active/{iteration}/dataset/summary.json",
    log:
        "<logs>/aggregate_active/{element}/{iteration}.log",
    benchmark:
        "<benchmarks>/aggregate_active/{element}/{iteration}.tsv"


use rule train_potential as train_active with:
    input:
        train="<results>/{element}/active/{iteration}/dataset/train.extxyz",
        validation="<results>/{element}/active/{iteration}/dataset/validation.extxyz",
    output:
        potential=directory("<results>/{element}/active/{iteration}/potential"),
    log:
        "<logs>/train_active/{element}/{iteration}.log",
    benchmark:
        "<benchmarks>/train_active/{element}/{iteration}.tsv"
    params:
        settings=config["potentials"].get(ACTIVE["potential"]),
        d_nn=of_element("d_nn"),
        label_noise=of_element("label_noise"),
        seed=SEED,


rule select_structures:
    input:
        potential="<results>/{element}/active/{iteration}/potential",
        train="<results>/{element}/active/{iteration}/dataset/train.extxyz",
        manifest="<results>/{element}/active/{iteration}/dataset/manifest.parquet",
        reference="<results>/{element}/labels/reference.extxyz",
        library="<results>/library/library.extxyz",
        scale=rules.scale_structures.input.scale,
    output:
        shards=directory("<results>/{element}/active/{iteration}/structures"),
        candidates="<results>/{element}/active/{iteration}/candidates.csv",
        runs="<results>/{element}/active/{iteration}/runs.csv",
        picture=report(
            "<results>/{element}/active/{iteration}/candidates.png",
            caption="../report/candidates.rst",
            category="{element}",
            subcategory="active learning",
            labels={"figure": "candidates of batch {iteration}"},
        ),
    log:
        "<logs>/select_structures/{element}/{iteration}.log",
    benchmark:
        "<benchmarks>/select_structures/{element}/{iteration}.tsv"
    wildcard_constraints:
        element=one_of(set(ELEMENTS) - set(GIVEN)),
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        element=lookup(dpath="elements/{element}", within=config),
        features=lookup(dpath="library/features", within=config),
        labels=lookup(dpath="labels", within=config),
        dataset=lookup(dpath="dataset", within=config),
        # Without their number: one batch more does not make the others again.
        active={key: ACTIVE[key] for key in ACTIVE if key != "iterations"},
        seed=SEED,
    script:
        "../../scripts/select_structures.py"


rule compare_iterations:
    input:
        potentials=[
            *expand(
                "<results>/{{element}}/active/{iteration}/potential",
                iteration=ITERATIONS,
            ),
            f"<results>/{{element}}/potentials/{ACTIVE['potential']}",
        ],
        train=[
            *expand(
                "<results>/{{element}}/active/{iteration}/dataset/train.extxyz",
                iteration=ITERATIONS,
            ),
            "<results>/{element}/dataset/train.extxyz",
        ],
        test="<results>/{element}/dataset/test.extxyz",
        candidates=expand(
            "<results>/{{element}}/active/{iteration}/candidates.csv",
            iteration=ITERATIONS,
        ),
        runs=expand(
            "<results>/{{element}}/active/{iteration}/runs.csv", iteration=ITERATIONS
        ),
        batches=expand(
            "<results>/{{element}}/active/{iteration}/labels/shard_{shard}.extxyz",
            iteration=ITERATIONS,
            shard=ACTIVE_SHARDS,
        ),
    output:
        curve="<results>/{element}/active/curve.csv",
        picture=report(
            "<results>/{element}/active/curve.png",
            caption="../report/iterations.rst",
            category="{element}",
            subcategory="active learning",
            labels={"figure": "errors by iteration"},
        ),
    log:
        "<logs>/compare_iterations/{element}.log",
    benchmark:
        "<benchmarks>/compare_iterations/{element}.tsv"
    conda:
        "../../envs/entromax.yaml"
    params:
        shards=len(ACTIVE_SHARDS),
    script:
        "../../scripts/compare_iterations.py"
