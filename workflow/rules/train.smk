"""Potentials: one job per element and family; with a sweep one per combination, and one that takes the best."""

from entromax.workflow import one_of, sweep_points, with_error_bars

SWEEPS = sweep_points(CAMPAIGN.potentials)
WITH_ERROR_BARS = with_error_bars(CAMPAIGN.potentials)


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
    wildcard_constraints:
        potential=one_of(set(POTENTIALS) - set(SWEEPS)),
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        settings=lookup(dpath="potentials/{potential}", within=config),
        d_nn=lookup(dpath="elements/{element}/d_nn", within=config),
        label_noise=of_element("label_noise"),
        seed=SEED,
    script:
        "../../scripts/train_potential.py"


use rule train_potential as sweep_potential with:
    output:
        potential=directory("<results>/{element}/sweeps/{potential}/{point}"),
    log:
        "<logs>/sweep_potential/{element}/{potential}/{point}.log",
    benchmark:
        "<benchmarks>/sweep_potential/{element}/{potential}/{point}.tsv"
    wildcard_constraints:
        potential=one_of(SWEEPS),
        point="[^/]+",
    params:
        settings=lambda wildcards: SWEEPS[wildcards.potential][wildcards.point],
        d_nn=of_element("d_nn"),
        label_noise=of_element("label_noise"),
        seed=SEED,


rule choose_potential:
    input:
        validation="<results>/{element}/dataset/validation.extxyz",
        potentials=lambda wildcards: expand(
            "<results>/{{element}}/sweeps/{{potential}}/{point}",
            point=SWEEPS[wildcards.potential],
        ),
    output:
        potential=directory("<results>/{element}/potentials/{potential}"),
        table="<results>/{element}/sweeps/{potential}.csv",
        chosen="<results>/{element}/sweeps/{potential}.json",
        picture=report(
            "<results>/{element}/sweeps/{potential}.png",
            caption="../report/sweep.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "sweep: accuracy against cost"},
        ),
    log:
        "<logs>/choose_potential/{element}/{potential}.log",
    benchmark:
        "<benchmarks>/choose_potential/{element}/{potential}.tsv"
    wildcard_constraints:
        potential=one_of(SWEEPS),
    conda:
        "../../envs/entromax.yaml"
    params:
        points=lambda wildcards: list(SWEEPS[wildcards.potential]),
        d_nn=of_element("d_nn"),
    script:
        "../../scripts/choose_potential.py"


rule validate_error_bars:
    input:
        test="<results>/{element}/dataset/test.extxyz",
        potential="<results>/{element}/potentials/{potential}",
    output:
        metrics="<results>/{element}/validation/{potential}/error_bars.json",
        picture=report(
            "<results>/{element}/validation/{potential}/error_bars.png",
            caption="../report/error_bars.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "coverage of the error bars"},
        ),
    log:
        "<logs>/validate_error_bars/{element}/{potential}.log",
    benchmark:
        "<benchmarks>/validate_error_bars/{element}/{potential}.tsv"
    conda:
        "../../envs/entromax.yaml"
    script:
        "../../scripts/validate_error_bars.py"
