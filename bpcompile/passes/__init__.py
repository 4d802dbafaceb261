"""Rewrite graphs into better ones that mean the same.

In: a `Graph`. Out: a `Graph`, the same object where nothing changed. A pass is a pure function; a
pipeline is a tuple of passes that one can read in `pipeline`. The rules of one pass are small
functions in a table by op, and `rewrite` applies a table to each node once, operands first, so
every pass takes linear time and no stack. This package must not know of models, derivatives,
schedules or targets.
"""
