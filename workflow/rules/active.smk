"""Active learning: what a fit itself names is labelled next, batch by batch."""

from entromax.active.batches import elements_given
from entromax.workflow import one_of

ITERATIONS = range(1, ACTIVE["iterations"] + 1)
GIVEN = elements_given(ACTIVE["batches"], ELEMENTS)


use rule label_shard as label_active with:
    input:
        structures="<results>/{element}/active/{iteration}/structures",
    output:
        labels="<results>/{element}/active/{iteration}/labels/shard_{shard}.extxyz",
        ledger="<results>/{element}/active/{iteration}/labels/shard_{shard}.parquet",
    log:
        "<logs>/label_active/{element}/{iteration}_{shard}.log",
    benchmark:
        "<benchmarks>/label_active/{element}/{iteration}_{shard}.tsv"
