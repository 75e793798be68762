"""Pictures, tables and reports for people."""


rule save_config:
    output:
        config="<results>/config.yaml",
        provenance="<results>/provenance.json",
    log:
        "<logs>/save_config.log",
    localrule: True
    conda:
        "../../envs/entromax.yaml"
    params:
        config=config,
    script:
        "../../scripts/save_config.py"


rule plot_growth:
    input:
        random="<results>/library/analysis/growth.csv",
        traces=TRACES,
    output:
        growth=report(
            "<results>/library/figures/growth.png",
            caption="../report/growth.rst",
            category="library",
            labels={"figure": "entropy by step and round"},
        ),
    log:
        "<logs>/plot_growth.log",
    conda:
        "../../envs/entromax.yaml"
    script:
        "../../scripts/plot_growth.py"


rule plot_library:
    input:
        library="<results>/library/library.extxyz",
        table="<results>/library/library.csv",
        coverage_table="<results>/library/analysis/coverage.npz",
        reach_table="<results>/library/analysis/reach.csv",
        shapes="<results>/library/analysis/shapes.csv",
    output:
        prefix=report(
            "<results>/library/figures/prefix.png",
            caption="../report/prefix.rst",
            category="library",
            labels={"figure": "entropy of the first N structures"},
        ),
        coverage=report(
            "<results>/library/figures/coverage.png",
            caption="../report/coverage.rst",
            category="library",
            labels={"figure": "coverage of feature space"},
        ),
        reach=report(
            "<results>/library/figures/reach.png",
            caption="../report/reach.rst",
            category="library",
            labels={"figure": "perfect crystals in feature space"},
        ),
        gallery=report(
            "<results>/library/figures/gallery.png",
            caption="../report/gallery.rst",
            category="library",
            labels={"figure": "gallery of structures"},
        ),
        volume=report(
            "<results>/library/figures/volume.png",
            caption="../report/histogram.rst",
            category="library",
            labels={"figure": "volumes"},
        ),
        atoms=report(
            "<results>/library/figures/atoms.png",
            caption="../report/histogram.rst",
            category="library",
            labels={"figure": "sizes"},
        ),
        nearest=report(
            "<results>/library/figures/nearest.png",
            caption="../report/histogram.rst",
            category="library",
            labels={"figure": "shortest distances"},
        ),
    log:
        "<logs>/plot_library.log",
    conda:
        "../../envs/entromax.yaml"
    params:
        labelled=lookup(dpath="labels/structures", within=config),
    script:
        "../../scripts/plot_library.py"


rule plot_labels:
    input:
        ledgers=all_labels("parquet", ACTIVE["iterations"]),
        reference="<results>/{element}/labels/reference.parquet",
    output:
        states=report(
            "<results>/{element}/figures/states.png",
            caption="../report/states.rst",
            category="{element}",
            subcategory="labels",
            labels={"figure": "label states"},
        ),
        energy_volume=report(
            "<results>/{element}/figures/energy_volume.png",
            caption="../report/energy_volume.rst",
            category="{element}",
            subcategory="labels",
            labels={"figure": "energies and volumes of the labels"},
        ),
        seconds=report(
            "<results>/{element}/figures/seconds.png",
            caption="../report/seconds.rst",
            category="{element}",
            subcategory="labels",
            labels={"figure": "time per label"},
        ),
    log:
        "<logs>/plot_labels/{element}.log",
    conda:
        "../../envs/entromax.yaml"
    script:
        "../../scripts/plot_labels.py"


rule report_element:
    input:
        "<results>/library/diversity.csv",
        "<results>/library/figures/prefix.png",
        if_any(TRACES, "<results>/library/figures/growth.png"),
        "<results>/{element}/figures/states.png",
        "<results>/{element}/dataset/manifest.parquet",
        expand(
            "<results>/{{element}}/validation/{potential}/{what}.json",
            potential=POTENTIALS,
            what=["errors", "eos", "robustness", "scorecard"],
        ),
        expand(
            "<results>/{{element}}/validation/{potential}/error_bars.json",
            potential=WITH_ERROR_BARS,
        ),
        expand(
            "<results>/{{element}}/validation/{potential}/properties/{property}.json",
            potential=POTENTIALS,
            property=PROPERTIES,
        ),
        if_any(
            config["validation"]["lammps"]["run"],
            expand(
                "<results>/{{element}}/validation/{potential}/lammps.json",
                potential=POTENTIALS,
            ),
        ),
        if_any(
            TRANSFER["structures"],
            expand(
                "<results>/{{element}}/validation/{potential}/{what}.json",
                potential=POTENTIALS,
                what=[
                    "transfer",
                    "robustness_entropy",
                    "robustness_conventional",
                ],
            ),
        ),
        lambda wildcards: if_any(
            ACTIVE["iterations"] and wildcards.element not in GIVEN,
            "<results>/{element}/active/curve.csv",
        ),
    output:
        report="<results>/{element}/report.html",
    log:
        "<logs>/report_element/{element}.log",
    conda:
        "../../envs/entromax.yaml"
    params:
        library=subpath(input[0], parent=True),
        folder=subpath(output[0], parent=True),
        config=config,
    script:
        "../../scripts/report_element.py"


rule report_campaign:
    input:
        expand("<results>/{element}/report.html", element=ELEMENTS),
    output:
        report="<results>/report.html",
        figure=report(
            "<results>/states.png",
            caption="../report/campaign_states.rst",
            category="campaign",
            labels={"figure": "label states of all elements"},
        ),
    log:
        "<logs>/report_campaign.log",
    conda:
        "../../envs/entromax.yaml"
    params:
        results=subpath(output.report, parent=True),
        config=config,
    script:
        "../../scripts/report_campaign.py"
