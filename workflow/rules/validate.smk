"""Validation: what a fitted potential is worth. Every picture has its table beside it, of the same name."""

PROPERTIES = config["validation"]["properties"]
PROPERTIES_BY_DFT = config["validation"]["properties_by_dft"]


rule validate_errors:
    input:
        train="<results>/{element}/dataset/train.extxyz",
        validation="<results>/{element}/dataset/validation.extxyz",
        test="<results>/{element}/dataset/test.extxyz",
        conventional=if_any(
            TRANSFER["structures"], "<results>/{element}/conventional/test.extxyz"
        ),
        potential="<results>/{element}/potentials/{potential}",
    output:
        metrics="<results>/{element}/validation/{potential}/errors.json",
        structures="<results>/{element}/validation/{potential}/errors_structures.csv",
        bins="<results>/{element}/validation/{potential}/errors_bins.csv",
        forces="<results>/{element}/validation/{potential}/errors_forces.parquet",
        energy_parity=report(
            "<results>/{element}/validation/{potential}/parity_energy.png",
            caption="../report/parity_energy.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "energies, predicted against labelled"},
        ),
        force_parity=report(
            "<results>/{element}/validation/{potential}/parity_force.png",
            caption="../report/parity_force.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "forces, predicted against labelled"},
        ),
        binned=report(
            "<results>/{element}/validation/{potential}/errors_energy.png",
            caption="../report/errors_energy.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "errors by energy above the lowest"},
        ),
        by_distance=report(
            "<results>/{element}/validation/{potential}/errors_distance.png",
            caption="../report/errors_distance.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "errors by distance to the training set"},
        ),
    log:
        "<logs>/validate_errors/{element}/{potential}.log",
    benchmark:
        "<benchmarks>/validate_errors/{element}/{potential}.tsv"
    conda:
        "../../envs/entromax.yaml"
    params:
        d_nn=lookup(dpath="elements/{element}/d_nn", within=config),
        features=lookup(dpath="library/features", within=config),
    script:
        "../../scripts/validate_errors.py"


rule validate_eos:
    input:
        reference="<results>/{element}/labels/reference.extxyz",
        potential="<results>/{element}/potentials/{potential}",
    output:
        metrics="<results>/{element}/validation/{potential}/eos.json",
        parameters="<results>/{element}/validation/{potential}/eos_parameters.csv",
        curves="<results>/{element}/validation/{potential}/eos_curves.csv",
        crystals=report(
            "<results>/{element}/validation/{potential}/eos_curves.png",
            caption="../report/eos_curves.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "E(V) of the reference crystals"},
        ),
        ground_state=report(
            "<results>/{element}/validation/{potential}/eos_ground_state.png",
            caption="../report/eos_ground_state.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "E(V) of the ground state"},
        ),
    log:
        "<logs>/validate_eos/{element}/{potential}.log",
    benchmark:
        "<benchmarks>/validate_eos/{element}/{potential}.tsv"
    conda:
        "../../envs/entromax.yaml"
    params:
        ground_state=lookup(dpath="elements/{element}/ground_state", within=config),
    script:
        "../../scripts/validate_eos.py"


rule validate_robustness:
    input:
        reference="<results>/{element}/labels/reference.extxyz",
        potential="<results>/{element}/potentials/{potential}",
    output:
        metrics="<results>/{element}/validation/{potential}/robustness.json",
        runs="<results>/{element}/validation/{potential}/robustness_runs.csv",
        map=report(
            "<results>/{element}/validation/{potential}/robustness_runs.png",
            caption="../report/robustness.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "robustness of hot and compressed dynamics"},
        ),
    log:
        "<logs>/validate_robustness/{element}/{potential}.log",
    benchmark:
        "<benchmarks>/validate_robustness/{element}/{potential}.tsv"
    conda:
        "../../envs/entromax.yaml"
    threads: 2
    params:
        ground_state=lookup(dpath="elements/{element}/ground_state", within=config),
        robustness=lookup(dpath="validation/robustness", within=config),
        seed=SEED,
    script:
        "../../scripts/validate_robustness.py"


rule validate_lammps:
    input:
        train="<results>/{element}/dataset/train.extxyz",
        test="<results>/{element}/dataset/test.extxyz",
        reference="<results>/{element}/labels/reference.extxyz",
        potential="<results>/{element}/potentials/{potential}",
    output:
        metrics="<results>/{element}/validation/{potential}/lammps.json",
        input="<results>/{element}/validation/{potential}/lammps/in.lammps",
        data="<results>/{element}/validation/{potential}/lammps/crystal.data",
    log:
        "<logs>/validate_lammps/{element}/{potential}.log",
    benchmark:
        "<benchmarks>/validate_lammps/{element}/{potential}.tsv"
    conda:
        "../../envs/entromax.yaml"
    params:
        ground_state=lookup(dpath="elements/{element}/ground_state", within=config),
        lammps=lookup(dpath="validation/lammps", within=config),
        seed=SEED,
    script:
        "../../scripts/validate_lammps.py"


rule label_property:
    output:
        result="<results>/{element}/labels/properties/{property}.json",
    log:
        "<logs>/label_property/{element}/{property}.log",
    benchmark:
        "<benchmarks>/label_property/{element}/{property}.tsv"
    conda:
        "../../envs/entromax.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(240),
    params:
        element=lookup(dpath="elements/{element}", within=config),
        labels=lookup(dpath="labels", within=config),
        properties=lookup(dpath="validation/property_settings", within=config),
    script:
        "../../scripts/label_property.py"


rule validate_property:
    input:
        potential="<results>/{element}/potentials/{potential}",
        reference=branch(
            lambda wildcards: wildcards.property in PROPERTIES_BY_DFT,
            then="<results>/{element}/labels/properties/{property}.json",
            otherwise=[],
        ),
    output:
        metrics="<results>/{element}/validation/{potential}/properties/{property}.json",
        table="<results>/{element}/validation/{potential}/properties/{property}_values.csv",
        figure=report(
            "<results>/{element}/validation/{potential}/properties/{property}.png",
            caption="../report/property.rst",
            category="{element}",
            subcategory="{potential}",
            labels={"figure": "property: {property}"},
        ),
    log:
        "<logs>/validate_property/{element}/{potential}/{property}.log",
    benchmark:
        "<benchmarks>/validate_property/{element}/{potential}/{property}.tsv"
    conda:
        "../../envs/entromax.yaml"
    params:
        element=lookup(dpath="elements/{element}", within=config),
        eos=lookup(dpath="labels/eos", within=config),
        properties=lookup(dpath="validation/property_settings", within=config),
        seed=SEED,
    script:
        "../../scripts/validate_property.py"


rule validate_scorecard:
    input:
        parameters="<results>/{element}/validation/{potential}/eos_parameters.csv",
        robustness="<results>/{element}/validation/{potential}/robustness.json",
        structures="<results>/{element}/validation/{potential}/errors_structures.csv",
        forces="<results>/{element}/validation/{potential}/errors_forces.parquet",
        properties=expand(
            "<results>/{{element}}/validation/{{potential}}/properties/{property}.json",
            property=PROPERTIES,
        ),
    output:
        scorecard="<results>/{element}/validation/{potential}/scorecard.json",
    log:
        "<logs>/validate_scorecard/{element}/{potential}.log",
    conda:
        "../../envs/entromax.yaml"
    params:
        element=lookup(dpath="elements/{element}", within=config),
        scorecard=lookup(dpath="validation/scorecard", within=config),
    script:
        "../../scripts/validate_scorecard.py"
