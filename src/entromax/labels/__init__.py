"""Labels: engines, isolation, store, and the jobs that use them (METHOD section 7).

``entromax.labels.shard.label_shard`` and ``entromax.labels.reference.label_reference`` are the two jobs.
"""
