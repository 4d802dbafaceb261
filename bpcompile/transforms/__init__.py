"""Differentiate graphs: the chain rule in reverse and forward, and the rules of region ops.

In: a `Graph`. Out: a `Graph`. A transform knows ops only through the op table, and regions
through their own rules here. It must not know of frontends, schedules or targets.
"""

from bpcompile.transforms import loops as loops  # enters the rule of loops in REGION_RULES
